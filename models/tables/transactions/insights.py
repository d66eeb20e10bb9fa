"""What came in and went out of accounts in a period, by month and category, beside the period before it.

Whole days (UTC) come from the roll-up, their edges and what is not rolled up yet from the postings themselves, all in
one statement and so of one moment: the answer is what the postings say, however far the roll-up is (decision 0017).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LARGEST: Final = 5
_DAY: Final = timedelta(days=1)

# `days` are the whole days of a period, `edges` what of it lies before and after them. A span's postings are looked for
# between the numbers that the account had at its ends; those not rolled up yet have numbers after the horizon.
# A transfer between two accounts of one person is neither income nor spending, seen over all of theirs.
# OFFSET 0 keeps the numbers worked out once for an account, and its postings read by them.
_ACCOUNTS: Final = """
    WITH a AS MATERIALIZED (
        SELECT a.id, a.currency, a.version, coalesce(h.version, 0) AS horizon
        FROM accounts a LEFT JOIN account_flow_horizons h ON h.account_id = a.id WHERE a.id = ANY (:accounts)
    ), days AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:day_firsts AS date[]), CAST(:day_ends AS date[]), CAST(:day_previous AS boolean[]))
            d(first, until, previous)
    ), edges AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:edge_firsts AS timestamptz[]), CAST(:edge_ends AS timestamptz[]),
                             CAST(:edge_previous AS boolean[])) e(first, until, previous)
    ), loose AS (
        SELECT s.currency, s.previous, m.* FROM (
            SELECT a.id, a.currency, e.first, e.until, e.previous,
                   app.version_at(a.id, e.first - interval '1 microsecond') AS above,
                   app.version_at(a.id, e.until) AS upto
            FROM a CROSS JOIN edges e
            UNION ALL
            SELECT a.id, a.currency, d.first::timestamp AT TIME ZONE 'UTC', d.until::timestamp AT TIME ZONE 'UTC',
                   d.previous, a.horizon, a.version
            FROM a CROSS JOIN days d WHERE a.version > a.horizon
            OFFSET 0) s
        JOIN LATERAL (
            SELECT m.* FROM account_movements m WHERE m.account_id = s.id AND m.account_version > s.above
                AND m.account_version <= s.upto AND m.moved_at >= s.first AND m.moved_at < s.until OFFSET 0
        ) m ON true
        WHERE NOT (m.own AND :together)
    )
"""
_SUMS: Final = text(
    _ACCOUNTS
    + """
    SELECT m.currency, m.previous, m.month, m.category, sum(m.in_minor)::bigint AS in_minor,
           sum(m.out_minor)::bigint AS out_minor, sum(m.times)::bigint AS times
    FROM (
        SELECT a.currency, d.previous, date_trunc('month', f.day)::date AS month, f.category, f.in_minor, f.out_minor,
               f.times
        FROM a CROSS JOIN days d
        JOIN account_flows f ON f.account_id = a.id AND f.day >= d.first AND f.day < d.until
        WHERE NOT (f.own AND :together)
        UNION ALL
        SELECT l.currency, l.previous, date_trunc('month', l.moved_at, 'UTC')::date, l.category,
               greatest(l.amount_minor, 0), greatest(-l.amount_minor, 0), 1
        FROM loose l
    ) m GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4
"""
)
_LARGEST: Final = text(
    _ACCOUNTS
    + """
    SELECT r.currency, r.transaction_id FROM (
        SELECT m.currency, m.transaction_id,
               row_number() OVER (PARTITION BY m.currency ORDER BY m.amount_minor, m.transaction_id) AS place
        FROM (
            SELECT a.currency, u.amount_minor, u.transaction_id
            FROM a CROSS JOIN days d
            JOIN account_flow_peaks k ON k.account_id = a.id AND k.day >= d.first AND k.day < d.until
            CROSS JOIN LATERAL unnest(k.amounts, k.entries) u(amount_minor, transaction_id)
            WHERE NOT (k.own AND :together)
            UNION ALL
            SELECT l.currency, l.amount_minor, l.transaction_id FROM loose l WHERE l.amount_minor < 0 AND NOT l.is_fee
        ) m
    ) r WHERE r.place <= :most ORDER BY r.currency, r.place
"""
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


class Span(BaseModel):
    """From `first` to before `until`, of the asked period or of the `previous` one."""

    model_config = ConfigDict(frozen=True)

    first: datetime
    until: datetime
    previous: bool


async def moved(session: AsyncSession, accounts: Sequence[UUID], since: datetime, until: datetime) -> list[Moved]:
    """What moved on `accounts` from `since` to before `until`, and in the period of the same length before.

    `accounts` is one, or all of one person: then what they transfer between them is left out.
    """
    periods = [(since - (until - since), since, True), (since, until, False)]
    rows = await session.execute(_SUMS, _asked(accounts, periods))
    return [Moved.model_validate(dict(row)) for row in rows.mappings()]


async def largest(
    session: AsyncSession, accounts: Sequence[UUID], since: datetime, until: datetime
) -> dict[str, list[UUID]]:
    """The largest debits of the period by currency, the largest first; a fee by itself is none."""
    found: dict[str, list[UUID]] = {}
    for row in await session.execute(_LARGEST, _asked(accounts, [(since, until, False)]) | {"most": LARGEST}):
        found.setdefault(row.currency, []).append(row.transaction_id)
    return found


async def roll_up(session: AsyncSession, postings: int) -> int:
    """Rolls up at most about `postings` postings of customers' accounts.

    How many it were: none when none is left, or when somebody else is at it. For the worker's role.
    """
    return int((await session.execute(text("SELECT account_flows_roll_up(:batch)"), {"batch": postings})).scalar_one())


def spans(since: datetime, until: datetime, *, previous: bool) -> tuple[list[Span], list[Span]]:
    """The whole days (UTC) of a period as one span, if it has any, and what of it lies around them."""
    start, end = since.astimezone(UTC), until.astimezone(UTC)
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first += _DAY if first < start else timedelta()
    last = end.replace(hour=0, minute=0, second=0, microsecond=0)
    if first >= last:
        return [], [Span(first=start, until=end, previous=previous)]
    around = [(start, first), (last, end)]
    return (
        [Span(first=first, until=last, previous=previous)],
        [Span(first=begin, until=finish, previous=previous) for begin, finish in around if begin < finish],
    )


def _asked(accounts: Sequence[UUID], periods: Sequence[tuple[datetime, datetime, bool]]) -> dict[str, Any]:
    days: list[Span] = []
    edges: list[Span] = []
    for begin, end, previous in periods:
        whole, around = spans(begin, end, previous=previous)
        days += whole
        edges += around
    return {
        "accounts": list(accounts),
        "together": len(accounts) > 1,
        "day_firsts": [span.first.date() for span in days],
        "day_ends": [span.until.date() for span in days],
        "day_previous": [span.previous for span in days],
        "edge_firsts": [span.first for span in edges],
        "edge_ends": [span.until for span in edges],
        "edge_previous": [span.previous for span in edges],
    }
