"""Which versions of the lists the wires in flight were compared with already, and what of it was known before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.sanctions.lists import Current

_COMPARED: Final = text(
    "SELECT v.list, max(v.id) AS id FROM sanctions_rescreenings r JOIN sanctions_versions v ON v.id = r.version_id"
    " GROUP BY v.list"
)
_FOUND: Final = text(
    "SELECT wire_id, list, entry_id, entry_hash FROM wire_hits WHERE wire_id = ANY(:wires) AND entry_hash IS NOT NULL"
)


@dataclass(frozen=True)
class News:
    """A list with a version (`after`, named `label`) that the wires in flight were not compared with; `before` is the
    last that they were, None before the first."""

    list: str
    label: str
    before: int | None
    after: int


async def news(session: AsyncSession, current: Current) -> list[News]:
    """The lists of `current` that changed since the wires in flight were last compared with them."""
    compared = {row.list: row.id for row in await session.execute(_COMPARED)}
    return [
        News(name, label, compared.get(name), version_id)
        for name, version_id, label in current.versions
        if compared.get(name) != version_id
    ]


async def compared(session: AsyncSession, version_id: int, *, woken: int, told: int) -> None:
    """Keeps that the wires in flight were compared with a version. A second time changes nothing."""
    await session.execute(
        text(
            "INSERT INTO sanctions_rescreenings (version_id, woken, told) VALUES (:version, :woken, :told)"
            " ON CONFLICT DO NOTHING"
        ),
        {"version": version_id, "woken": woken, "told": told},
    )


async def found_before(session: AsyncSession, wires: Sequence[UUID]) -> set[tuple[UUID, str, str, bytes]]:
    """What screening found in `wires` at the desk: wire, list, entry, and the hash of what the entry said."""
    rows = await session.execute(_FOUND, {"wires": list(wires)})
    return {(row.wire_id, row.list, row.entry_id, bytes(row.entry_hash)) for row in rows}
