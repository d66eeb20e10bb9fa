"""A wire is screened, and not released while a list is too old.

What was found is kept with the parts of its score. A pair that two officers have found not to be the same is kept as
known, and does not hit.
"""

import json
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.as_sent import as_written_and_sent
from activities.wires.desk import WireDesk
from infra.database import transaction
from models.screening import Hit, Subject
from models.screening.lists import ListsStale, ListStatus
from models.screening.parties import Customer, record_of, subjects_of_wire
from models.tables import notifications, sanctions
from models.tables.wires import Wire

_HIT = text(
    "INSERT INTO wire_hits (wire_id, list, entry_id, entry_hash, subject_hash, list_version, field, matched, score,"
    " verdict, parts, known) VALUES (:wire_id, :list, :entry_id, :entry_hash, :subject_hash, :list_version, :field,"
    " :matched, :score, :verdict, CAST(:parts AS jsonb), :known) ON CONFLICT DO NOTHING"
)


async def screened(desk: WireDesk, session: AsyncSession, wire: Wire) -> list[Hit]:
    """Screens everything that a wire names against the lists as they are now; stores what it found, and returns the
    hits that are not known to be false.

    Sets `list_version`, so that a release can tell whether the lists have changed since. Raises `Unavailable` when no
    list is loaded.
    """
    loaded = await desk.watchlists.of(session)
    hits = loaded.index.screen(await _subjects(session, wire))
    known = await sanctions.known(session, hits, _records(wire, hits))
    wire.list_version = loaded.current.told
    for hit in hits:
        await session.execute(
            _HIT,
            {
                "wire_id": wire.id,
                "list": hit.list,
                "entry_id": hit.entry_id,
                "entry_hash": hit.entry_hash,
                "subject_hash": hit.subject_hash,
                "list_version": hit.list_version,
                "field": hit.field,
                "matched": hit.matched,
                "score": hit.score,
                "verdict": hit.verdict,
                "parts": json.dumps(hit.parts),
                "known": known.get((hit.list, hit.entry_id, hit.field)),
            },
        )
    return [hit for hit in hits if (hit.list, hit.entry_id, hit.field) not in known]


def _records(wire: Wire, hits: Sequence[Hit]) -> dict[str, tuple[str, str]]:
    found = {hit.field: record_of(hit.field, wire.model_dump()) for hit in hits}
    return {field: record for field, record in found.items() if record is not None}


async def _subjects(session: AsyncSession, wire: Wire) -> list[Subject]:
    row = (
        await session.execute(
            text("SELECT first_name || ' ' || last_name AS name, date_of_birth, address FROM users WHERE id = :id"),
            {"id": wire.user_id},
        )
    ).one()
    customer = Customer(wire.user_id, row.name, row.date_of_birth, row.address)
    return as_written_and_sent(subjects_of_wire(wire.model_dump(), customer))


async def require_fresh_lists(desk: WireDesk, session: AsyncSession) -> None:
    """Raises `ListsStale` when a sanctions list was last confirmed too long ago; operations are told, once for each
    list and day. By the database's clock, not the process's: it is a fact about what we have."""
    stale = await sanctions.stale_lists(session, desk.lists_fresh_for)
    if not stale:
        return
    # In a transaction of its own: the caller's is rolled back, and operations have to know all the same.
    async with transaction(desk.engine) as telling:
        for one in stale:
            await _tell_operations(telling, one)
    raise ListsStale(f"{', '.join(one.name for one in stale)} last confirmed too long ago")


async def _tell_operations(session: AsyncSession, stale: ListStatus) -> None:
    since = f"{stale.checked_at:%Y-%m-%d %H:%M} UTC" if stale.checked_at else "never"
    await notifications.tell_operations(
        session,
        key=f"list/{stale.name}/stale/{since}",
        event="list.stale",
        subject=f"Wires wait: the list {stale.name} is too old",
        body=f"The list {stale.name} was last confirmed {since}. No wire is released until it has been.\n\n"
        f"{stale.failure or 'The schedule sanctions-refresh has not run.'}\n",
    )
