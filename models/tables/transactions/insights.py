"""What came in and went out of accounts in a period, by month and category, beside the period before it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LARGEST: Final = 5

# OFFSET 0 keeps the numbers worked out once for an account, and its postings read by them.
# A transfer between two of the accounts is neither income nor spending. `previous` marks the period before.
_MOVED: Final = """
    SELECT p.transaction_id, p.currency, p.amount_minor, p.created_at, coalesce(t.category, 'other') AS category,
           p.created_at < :since AS previous
    FROM (SELECT a.id, app.version_at(a.id, :before) AS low, app.version_at(a.id, :until) AS high
          FROM unnest(CAST(:accounts AS uuid[])) a(id) OFFSET 0) a
    JOIN LATERAL (
        SELECT p.* FROM postings p WHERE p.account_id = a.id AND p.account_version BETWEEN a.low AND a.high
            AND p.created_at >= :before AND p.created_at < :until OFFSET 0
    ) p ON true
    JOIN transactions t ON t.id = p.transaction_id
    WHERE (t.from_account_id = ANY (:accounts) AND t.to_account_id = ANY (:accounts)) IS NOT TRUE
"""
_SUMS: Final = text(
    f"SELECT m.currency, m.previous, date_trunc('month', m.created_at, 'UTC')::date AS month, m.category,"  # noqa: S608 - ours
    " coalesce(sum(m.amount_minor) FILTER (WHERE m.amount_minor > 0), 0)::bigint AS in_minor,"
    " coalesce(-sum(m.amount_minor) FILTER (WHERE m.amount_minor < 0), 0)::bigint AS out_minor,"
    f" count(*) AS times FROM ({_MOVED}) m GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4"
)
_LARGEST: Final = text(
    f"SELECT r.currency, r.transaction_id FROM (SELECT m.currency, m.transaction_id, row_number()"  # noqa: S608 - ours
    f" OVER (PARTITION BY m.currency ORDER BY m.amount_minor, m.transaction_id) AS place FROM ({_MOVED}) m"
    " WHERE NOT m.previous AND m.amount_minor < 0) r WHERE r.place <= :most ORDER BY r.currency, r.place"
)


class Moved(BaseModel):
    """What moved in one month under one category, in minor units. `previous`: in the period before the asked one."""

    model_config = ConfigDict(frozen=True)

    currency: str
    previous: bool
    month: date
    category: str
    in_minor: int
    out_minor: int
    times: int


async def moved(session: AsyncSession, accounts: Sequence[UUID], since: datetime, until: datetime) -> list[Moved]:
    """What moved on `accounts` from `since` to before `until`, and in the period of the same length before."""
    rows = await session.execute(_SUMS, _period(accounts, since, until))
    return [Moved.model_validate(dict(row)) for row in rows.mappings()]


async def largest(
    session: AsyncSession, accounts: Sequence[UUID], since: datetime, until: datetime
) -> dict[str, list[UUID]]:
    """The largest debits of the period by currency, the largest first."""
    found: dict[str, list[UUID]] = {}
    for row in await session.execute(_LARGEST, _period(accounts, since, until) | {"most": LARGEST}):
        found.setdefault(row.currency, []).append(row.transaction_id)
    return found


def _period(accounts: Sequence[UUID], since: datetime, until: datetime) -> dict[str, object]:
    return {"accounts": list(accounts), "before": since - (until - since), "since": since, "until": until}
