"""Our own format, for lists that are kept by hand: `{"published": "2026-11-01", "entries": [ListedEntity, …]}`."""

from collections.abc import Iterator

import orjson

from infra.watchlists.reading import Reading, truncated
from models.screening import ListedEntity
from models.screening.lists import ListRefused


def entities(reading: Reading) -> Iterator[ListedEntity]:
    """The entries of the file. Raises `ListRefused`."""
    try:
        told = orjson.loads(reading.path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise truncated(reading.path, str(error)) from error
    if not isinstance(told, dict) or not isinstance(told.get("entries"), list):
        raise ListRefused(f"{reading.path.name} is not a list of ours: it has no entries")
    reading.published = str(told["published"]) if "published" in told else None
    for number, entry in enumerate(told["entries"], start=1):
        record = str(entry.get("id", number)) if isinstance(entry, dict) else str(number)
        if entity := reading.entity(record, lambda entry=entry: dict(entry)):  # type: ignore[misc] # bound now
            yield entity
