"""What was on an account at a moment, day by day, and what moved on it.

The postings of a customer's account are numbered and written in the order of their moments, so a past balance is found
by halving. Those of the bank's own accounts are not, and are summed.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import NotFound
from models.ledger import Balance

_POSTED = """
    CASE WHEN a.floor_minor IS NULL
        THEN (SELECT coalesce(sum(p.amount_minor), 0) FROM postings p
            WHERE p.account_id = a.id AND p.created_at <= {at})
        ELSE coalesce((SELECT p.balance_after_minor FROM postings p
            WHERE p.account_id = a.id AND p.account_version = app.version_at(a.id, {at})), 0) END::bigint
"""


class DayBalance(BaseModel):
    """What was on an account when a day (UTC) ended, in minor units; of the day that still runs, what is on it now."""

    model_config = ConfigDict(frozen=True)

    day: date
    posted_minor: int


class Movement(BaseModel):
    """One posting: what it put on the account (took, below zero) and what was on it then, in minor units."""

    model_config = ConfigDict(frozen=True)

    version: int
    transaction_id: UUID
    transaction_type: str
    description: str
    category: str | None
    amount_minor: int
    balance_after_minor: int
    at: datetime


async def balance_at(session: AsyncSession, account_id: UUID, at: datetime) -> Balance:
    """What was posted and held on an account at a past moment. Raises `NotFound` for one that is not visible."""
    found = await session.execute(
        text(
            f"SELECT a.id AS account_id, a.currency, {_POSTED.format(at=':at')} AS posted_minor,"  # noqa: S608 - ours
            " (SELECT coalesce(sum(h.amount_minor), 0) FROM holds h WHERE h.account_id = a.id AND h.placed_at <= :at"
            " AND (h.closed_at IS NULL OR h.closed_at > :at))::bigint AS held_minor"
            " FROM accounts a WHERE a.id = :account"
        ),
        {"account": account_id, "at": at},
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such account")
    return Balance.model_validate(dict(row))


async def by_day(session: AsyncSession, account_id: UUID, first: date, last: date) -> list[DayBalance]:
    """The balance at the end of each day from `first` to `last`, both included."""
    ends = "(d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond'"
    rows = await session.execute(
        text(
            f"SELECT d.day, {_POSTED.format(at=ends)} AS posted_minor"  # noqa: S608 - ours
            " FROM (SELECT CAST(:first AS date) + n AS day FROM generate_series(0, CAST(:last AS date) - :first) n) d"
            " CROSS JOIN accounts a WHERE a.id = :account ORDER BY d.day"
        ),
        {"account": account_id, "first": first, "last": last},
    )
    return [DayBalance.model_validate(dict(row)) for row in rows.mappings()]


async def movements(
    session: AsyncSession, account_id: UUID, *, limit: int, before: int | None = None
) -> list[Movement]:
    """What moved on a customer's account, newest first; `before` is the version to go on from."""
    rows = await session.execute(
        text(
            "SELECT p.account_version AS version, p.transaction_id, t.transaction_type, t.description, t.category,"
            " p.amount_minor, p.balance_after_minor, p.created_at AS at"
            " FROM postings p JOIN transactions t ON t.id = p.transaction_id"
            " WHERE p.account_id = :account AND p.account_version < :before"
            " ORDER BY p.account_version DESC LIMIT :limit"
        ),
        {"account": account_id, "before": before if before is not None else 2**62, "limit": limit},
    )
    return [Movement.model_validate(dict(row)) for row in rows.mappings()]


async def open_holds(session: AsyncSession, account_id: UUID) -> list[dict[str, Any]]:
    """What is set aside on an account now: `owner_kind, owner_id, amount_minor, placed_at`, the newest first."""
    rows = await session.execute(
        text(
            "SELECT owner_kind, owner_id, amount_minor, placed_at FROM holds"
            " WHERE account_id = :account AND status = 'open' ORDER BY id DESC LIMIT 100"
        ),
        {"account": account_id},
    )
    return [dict(row) for row in rows.mappings()]
