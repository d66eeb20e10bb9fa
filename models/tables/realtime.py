"""Events for sockets as they are kept, and how they are read so that none is passed over (migration 0038).

Numbers are given before commits: an event with a smaller number can appear after one with a larger one. So a reader
goes by transactions. What its snapshot saw as running still is asked for again, and known by its number.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.auth import permissions_of
from models.realtime import EventKind, LiveEvent

# Events of one statement; what is more is read by the next one.
BATCH: Final = 1_000
_READ: Final = text(
    "WITH now AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS oldest)"
    " SELECT now.oldest, e.* FROM now LEFT JOIN"
    " (SELECT l.xact::text AS xact, l.id, l.at, l.kind, l.user_id, l.told, l.subject_id, l.data FROM live_events l"
    " WHERE (l.xact, l.id) > (CAST(CAST(:xact AS text) AS xid8), CAST(:id AS bigint))"
    " AND (l.user_id = ANY(CAST(:people AS uuid[])) OR l.kind = ANY(CAST(:kinds AS text[])))"
    " ORDER BY l.xact, l.id LIMIT :limit) e ON true"
)
# After an event: what its transaction wrote later, and whatever could not be seen when it was written.
_MISSED: Final = text(
    "SELECT l.xact::text AS xact, l.id, l.at, l.kind, l.user_id, l.told, l.subject_id, l.data"
    " FROM live_events l LEFT JOIN live_events a ON a.id = :after"
    " WHERE (l.xact, l.id) > (CAST(CAST(:xact AS text) AS xid8), CAST(:id AS bigint))"
    " AND l.xact >= coalesce(a.horizon, '0') AND (a.id IS NULL OR l.xact <> a.xact OR l.id > a.id)"
    " ORDER BY l.xact, l.id LIMIT :limit"
)


@dataclass(frozen=True)
class Position:
    """How far a reader is: it has read whatever is older than the transaction `oldest`, and `seen` of the rest."""

    oldest: int
    seen: frozenset[int] = field(default=frozenset())


@dataclass(frozen=True)
class Cursor:
    """A place between two events."""

    xact: int = 0
    id: int = 0


@dataclass(frozen=True)
class Standing:
    """What a session that is not over gives its person at this moment."""

    role: str
    permissions: frozenset[str]
    frozen: bool


async def begin(session: AsyncSession) -> Position:
    """The position of a reader who wants what is committed from now on."""
    oldest = await session.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
    _, position = await read(session, Position(int(oldest.scalar_one())), people=(), kinds=tuple(EventKind))
    return position


async def read(
    session: AsyncSession, position: Position, *, people: Collection[UUID], kinds: Collection[EventKind]
) -> tuple[list[LiveEvent], Position]:
    """What was committed since `position`, of those `people` or of those `kinds`, and the position after it."""
    cursor, oldest, found, seen = Cursor(position.oldest), None, [], set()
    while True:
        values = {"people": list(people), "kinds": list(kinds), "limit": BATCH}
        rows = (await session.execute(_READ, {"xact": str(cursor.xact), "id": cursor.id, **values})).all()
        # The first snapshot's: what a later one sees beside it is read again.
        oldest = int(rows[0].oldest) if oldest is None else oldest
        told = [row for row in rows if row.id is not None]
        found += [_event(row) for row in told if row.id not in position.seen]
        seen |= {row.id for row in told if int(row.xact) >= oldest}
        if len(told) < BATCH:
            # Of one thing, what happened first has the smaller number, whichever transaction was begun first.
            return sorted(found, key=lambda event: event.id), Position(oldest, frozenset(seen))
        cursor = Cursor(int(told[-1].xact), told[-1].id)


async def known(session: AsyncSession, event_id: int) -> bool:
    """Whether that event is kept still, and the caller may see it."""
    found = await session.execute(text("SELECT FROM live_events WHERE id = :id"), {"id": event_id})
    return found.first() is not None


async def missed(
    session: AsyncSession, *, after: int | None, cursor: Cursor, limit: int
) -> tuple[list[LiveEvent], Cursor | None]:
    """The events that the caller may see and that can have come after `after`, and where to go on if there are more.

    Each event after that one is among them; one that was committed at the same time may be, though it came before.
    """
    values = {"after": after, "xact": str(cursor.xact), "id": cursor.id, "limit": limit + 1}
    rows = (await session.execute(_MISSED, values)).all()
    page = rows[:limit]
    more = Cursor(int(page[-1].xact), page[-1].id) if len(rows) > limit else None
    return sorted(map(_event, page), key=lambda event: event.id), more


async def standings(session: AsyncSession, sessions: Collection[UUID]) -> dict[UUID, Standing]:
    """Those of `sessions` that are not over. For who may look up sessions (`AUTHENTICATOR`)."""
    rows = await session.execute(
        text(
            "SELECT s.id, u.role, u.preset, u.permissions, u.status FROM sessions s JOIN users u ON u.id = s.user_id"
            " WHERE s.id = ANY(CAST(:sessions AS uuid[])) AND s.revoked_at IS NULL AND u.deleted_at IS NULL"
        ),
        {"sessions": list(sessions)},
    )
    return {
        row.id: Standing(row.role, permissions_of(row.role, row.preset, row.permissions), row.status != "active")
        for row in rows
    }


def _event(row: Any) -> LiveEvent:
    return LiveEvent(
        id=row.id,
        at=row.at,
        kind=EventKind(row.kind),
        user_id=row.user_id,
        told=row.told,
        subject_id=row.subject_id,
        data=row.data,
    )
