"""Takes a file of a list in: read in a thread by the batch, staged, and made the newest version in one transaction."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from infra.watchlists import aurum_json, ofac_csv, ofac_xml, opensanctions
from infra.watchlists.reading import Reading
from models.screening import ListedEntity
from models.screening.lists import Imported, ListRefused
from models.screening.sources import Format
from models.tables.sanctions import imports

_READERS: Final[dict[Format, Callable[[Reading], Iterator[ListedEntity]]]] = {
    Format.OFAC_XML: ofac_xml.entities,
    Format.OFAC_CSV: ofac_csv.entities,
    Format.OPENSANCTIONS_JSON: opensanctions.entities_of_lines,
    Format.OPENSANCTIONS_CSV: opensanctions.entities_of_table,
    Format.AURUM_JSON: aurum_json.entities,
}
# The fictional list of the embedded stack.
BUNDLED_FILE: Final = Path(__file__).parents[1] / "seed_data" / "sanctions.json"
_BATCH: Final = 1_000
_CHUNK: Final = 1 << 20


def read(path: Path, format_: Format) -> tuple[Reading, Iterator[ListedEntity]]:
    """A file being read, and its entries one by one. Raises `ListRefused` while it is read."""
    reading = Reading(path)
    return reading, _READERS[format_](reading)


async def import_file(
    session: AsyncSession,
    path: Path,
    *,
    list_name: str,
    format_: Format,
    source: str,
    loaded_by: str,
    accept_drop: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Makes the file the newest version of a registered list, in the caller's transaction.

    Raises `ListRefused`; the caller's transaction is to be rolled back then, and the version before stays. `progress`
    is told how many entries were read.
    """
    if not await asyncio.to_thread(path.exists):
        raise ListRefused(f"there is no file {path.name}")
    staging = await imports.begin(session, list_name)
    reading, entities = read(path, format_)
    while batch := await asyncio.to_thread(_next, entities):
        await imports.stage(session, staging, batch)
        staging.note(reading.taken_problems())
        progress(staging.read)
    staging.note(reading.taken_problems())
    return await imports.take(
        session,
        staging,
        label=reading.published or f"{datetime.now(UTC):%Y-%m-%d}",
        source=source,
        sha256=await asyncio.to_thread(_digest, path),
        loaded_by=loaded_by,
        accept_drop=accept_drop,
    )


def _next(entities: Iterator[ListedEntity]) -> list[ListedEntity]:
    return list(islice(entities, _BATCH))


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    for one in sorted(path.iterdir()) if path.is_dir() else [path]:
        with one.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.digest()
