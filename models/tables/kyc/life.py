"""What falls due in the life of approved customers: reviews opened set by set, each with its process asked for.

One statement finds and opens what is due, so that ten thousand customers cost as little as the few of them of whom
something is due. It is safe to repeat and to run twice at once: a customer has one open review at most.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.kyc.documents import IDENTITY_TYPES
from models.kyc.ladder import LEAD
from models.kyc.states import OPEN, Occasion, Restriction
from models.limits import UNITS
from models.tables.kyc.cases import locked, newest, tell, wake
from models.tables.kyc.rows import KycCase

# Whatever the reason, nobody is given less time than this before a review restricts them.
SHORTEST_NOTICE: Final = timedelta(days=30)
# Outgoing in 30 days beyond so many times what the customer declared (reference/banking.md §6.11: two to three).
UNUSUAL_TIMES: Final = 3
VOLUME_WINDOW: Final = timedelta(days=30)
DORMANT: Final = timedelta(days=365)
# A debit counts as new for so long: longer than from one daily look to the next.
JUST_NOW: Final = timedelta(days=2)
# The same behaviour is not looked into again before.
PAUSE: Final = timedelta(days=90)

_DUE: Final = text(
    "SELECT user_id, occasion FROM kyc_open_due(CAST(:at AS timestamptz), :lead, :notice, CAST(:identity AS text[]),"
    " CAST(:units AS jsonb), :times, :window, :just_now, :dormant, :pause, :most)"
)
# A customer who has an open review is looked at in it.
_HIT: Final = text(
    "SELECT count(*) FILTER (WHERE app.kyc_open(u.id, 'screening_hit', false, NULL, :restriction))"
    " FROM unnest(CAST(:users AS uuid[])) AS u (id)"
)


class Opened(BaseModel):
    """A review that was opened."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    occasion: Occasion


async def open_due(session: AsyncSession, at: datetime, *, most: int) -> list[Opened]:
    """Opens the reviews that are due at `at`, `most` of them at a time; what is left is found by the next call.

    An approved customer without a day for the next review (from an older system) is given one in three months.
    """
    rows = await session.execute(
        _DUE,
        {
            "at": at,
            "most": most,
            "lead": LEAD,
            "notice": SHORTEST_NOTICE,
            "identity": sorted(IDENTITY_TYPES),
            "units": json.dumps({currency: str(units) for currency, units in UNITS.items()}),
            "window": VOLUME_WINDOW,
            "just_now": JUST_NOW,
            "dormant": DORMANT,
            "times": UNUSUAL_TIMES,
            "pause": PAUSE,
        },
    )
    return [Opened(user_id=row.user_id, occasion=row.occasion) for row in rows]


async def open_for_hits(session: AsyncSession, users: Sequence[UUID], restriction: Restriction) -> int:
    """Opens reviews of customers whom a list names since it changed, restricted from the start where it names them.

    Returns how many.
    """
    opened = await session.execute(_HIT, {"users": list(users), "restriction": restriction})
    return int(opened.scalar_one())


async def hold_reviewed(session: AsyncSession, users: Sequence[UUID]) -> list[KycCase]:
    """Holds customers whom a list names while a review of them is open already: no debits until it is passed.

    Its process is asked to look, since a review that waits for its customer has to go to officers now. Returns the
    reviews of those who were not held yet.
    """
    held = []
    for user_id in users:
        found = await newest(session, user_id, still_open=True)
        case = await locked(session, found.id) if found else None
        if case is None or case.status not in OPEN or case.restriction in {Restriction.FROZEN, Restriction.EXIT}:
            continue
        case.restriction = Restriction.FROZEN
        await session.flush()
        await tell(session, case, "named_by_a_list")
        await wake(session, case)
        held.append(case)
    return held


async def approved_after(session: AsyncSession, after: UUID | None, most: int) -> Sequence[Any]:
    """A page of approved customers, by their ids: who they are, and the hashes of list entries
    that were looked into before."""
    rows = await session.execute(
        text(
            "SELECT u.id, u.first_name || ' ' || u.last_name AS name, u.date_of_birth, u.address,"
            " coalesce((SELECT array_agg(DISTINCT encode(h.entry_hash, 'hex')) FROM kyc_hits h"
            " WHERE h.customer_id = u.id), '{}') AS known"
            " FROM users u WHERE u.role = 'customer' AND u.deleted_at IS NULL AND u.kyc_status = 'approved'"
            " AND (CAST(:after AS uuid) IS NULL OR u.id > :after) ORDER BY u.id LIMIT :most"
        ),
        {"after": after, "most": most},
    )
    return rows.all()


async def screened_with(session: AsyncSession) -> str | None:
    """With which version of the lists all customers were last screened; None if never."""
    found = await session.execute(text("SELECT list_version FROM kyc_sweeps WHERE name = 'screening'"))
    version: str | None = found.scalar_one_or_none()
    return version


async def all_screened(session: AsyncSession, list_version: str, at: datetime) -> None:
    """Notes that all customers are screened with that version of the lists."""
    await session.execute(
        text(
            "INSERT INTO kyc_sweeps (name, list_version, done_at) VALUES ('screening', :version, :at)"
            " ON CONFLICT (name) DO UPDATE SET list_version = excluded.list_version, done_at = excluded.done_at"
        ),
        {"version": list_version, "at": at},
    )


def exactly(users: Iterable[tuple[UUID, bool]]) -> dict[Restriction, list[UUID]]:
    """Who is held at once (the list names them), and who is only looked at (it names somebody like them)."""
    sorted_out: dict[Restriction, list[UUID]] = {Restriction.FROZEN: [], Restriction.NONE: []}
    for user_id, exact in users:
        sorted_out[Restriction.FROZEN if exact else Restriction.NONE].append(user_id)
    return sorted_out
