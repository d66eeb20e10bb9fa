"""Blocked property as it is kept: what is held, the rates at which it earns interest, and what each has earned.

Interest is booked in the caller's transaction, property by property: its row is locked, so that a run of the schedule
and a licence do not book the same days. The database counts each stretch again (`app.guard_blocked_interest`).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.errors import RuleRefused, Unavailable
from models.ledger import InternalPurpose
from models.tables import ledger
from models.tables.audit import AuditEntry, append
from models.wires.entries import interest_entry
from models.wires.interest import Bearing, Interest, InterestRate, closing_days, rate_on, stretches

_COUNTED_ALREADY: Final = "AU194"
_RATES: Final = text(
    "SELECT DISTINCT ON (from_day) from_day, millionths FROM blocked_interest_rates WHERE currency = :currency"
    " ORDER BY from_day, id DESC"
)
# `until`: as it stands for whoever counts up to the beginning of that day; null is as it stands now.
_STANDING: Final = (
    " coalesce(i.to_day, CAST(p.blocked_at AT TIME ZONE 'UTC' AS date)) AS from_day,"
    " coalesce(i.left_parts, 0) AS carried_parts, coalesce((SELECT sum(b.amount_minor) FROM blocked_interest b"
    " WHERE b.wire_id = p.wire_id AND b.to_day <= i.to_day), 0) AS interest_minor FROM blocked_property p"
    " LEFT JOIN LATERAL (SELECT b.to_day, b.left_parts FROM blocked_interest b WHERE b.wire_id = p.wire_id"
    " AND (CAST(:until AS date) IS NULL OR b.to_day <= CAST(:until AS date)) ORDER BY b.to_day DESC LIMIT 1) i ON true"
)
_ONE: Final = text(f"SELECT p.*,{_STANDING} WHERE p.wire_id = :wire_id")
_LOCK: Final = text("SELECT FROM blocked_property WHERE wire_id = :wire_id FOR UPDATE")
_HELD: Final = text(
    f"SELECT p.*, w.recipient_name, w.recipient_country, r.due_on, r.reference, r.filed_by, r.filed_at,{_STANDING}"
    " JOIN wire_transfers w ON w.id = p.wire_id"
    " JOIN sanctions_reports r ON r.wire_id = p.wire_id AND r.kind = 'blocked'"
    " WHERE NOT :held OR p.blocked_at < CAST(:until AS date)"
    " AND coalesce(p.released_at, 'infinity') >= CAST(:until AS date)"
    " ORDER BY p.blocked_at, p.wire_id LIMIT :limit OFFSET :offset"
)
# A month is over for it that is not counted. Times are compared in UTC, as days are counted.
_OPEN_MONTH: Final = (
    " FROM blocked_property p WHERE p.released_at IS NULL AND coalesce((SELECT max(i.to_day) FROM blocked_interest i"
    " WHERE i.wire_id = p.wire_id), CAST(p.blocked_at AT TIME ZONE 'UTC' AS date)) < :month"
)
_HAS_RATE: Final = "EXISTS (SELECT FROM blocked_interest_rates r WHERE r.currency = p.currency)"
_DUE: Final = text(f"SELECT p.wire_id{_OPEN_MONTH} AND {_HAS_RATE} ORDER BY p.wire_id LIMIT :most")
_WITHOUT_RATE: Final = text(f"SELECT DISTINCT p.currency{_OPEN_MONTH} AND NOT {_HAS_RATE} ORDER BY 1")
_KEEP: Final = text(
    "INSERT INTO blocked_interest (wire_id, maker_id, from_day, to_day, base_minor, carried_parts, earned_parts,"
    " amount_minor, left_parts, transaction_id) VALUES (:wire_id, :maker_id, :from_day, :to_day, :base_minor,"
    " :carried_parts, CAST(:earned_parts AS numeric), :amount_minor, :left_parts, :transaction_id)"
)


async def rates(session: AsyncSession, currency: str) -> tuple[InterestRate, ...]:
    """The rates of a currency in the order of their days; none where none was published."""
    found = await session.execute(_RATES, {"currency": currency})
    return tuple(InterestRate.model_validate(dict(row._mapping)) for row in found)


async def check_rate(session: AsyncSession, currency: str) -> None:
    """Raises `RuleRefused` where property of that currency has no rate, and could not be given back with its
    interest."""
    if not await rates(session, currency):
        raise RuleRefused(f"no interest rate for blocked property in {currency} is published; operations publish it")


async def publish_rate(session: AsyncSession, currency: str, rate: InterestRate, *, note: str, operator: str) -> None:
    """Makes `rate` that of its day and those after. For the owner of the database alone.

    Raises `RuleRefused` where interest for one of these days is booked.
    """
    before = await rates(session, currency)
    values = {"currency": currency, "from_day": rate.from_day, "millionths": rate.millionths, "note": note}
    try:
        async with session.begin_nested():
            await session.execute(
                text(
                    "INSERT INTO blocked_interest_rates (currency, from_day, millionths, note, published_by)"
                    " VALUES (:currency, :from_day, :millionths, :note, :operator)"
                ),
                {**values, "operator": operator},
            )
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _COUNTED_ALREADY:
            raise
        raise RuleRefused(f"interest in {currency} is booked for days from {rate.from_day} on") from error
    line = AuditEntry(
        user_id=None,
        actor_role="system",
        action="blocked.publish_rate",
        resource_type="blocked_interest_rate",
        resource_id=currency,
        old_values={"percent": str(rate_on(before, rate.from_day).percent)} if before else None,
        new_values={
            "percent": str(rate.percent),
            "from_day": str(rate.from_day),
            "note": note,
            "operator": operator,
        },
        outcome=Outcome.DONE,
    )
    await append(session, line)


async def due(session: AsyncSession, month: date, most: int) -> Sequence[UUID]:
    """Property, at most so much, for which a month is over by `month` (a first) whose interest is not counted."""
    return (await session.execute(_DUE, {"month": month, "most": most})).scalars().all()


async def without_rate(session: AsyncSession, month: date) -> tuple[str, ...]:
    """The currencies of property that is due as well, and has no rate."""
    return tuple((await session.execute(_WITHOUT_RATE, {"month": month})).scalars())


async def book_interest(
    session: AsyncSession, wire_id: UUID, days: Callable[[date], Iterator[date]]
) -> tuple[int, Sequence[Interest]]:
    """Books what the property earned up to each of the `days` that are named for the day after the last counted one.

    How much interest the property has in all then, and what was counted. Property that was given back earns nothing.
    Raises `Unavailable` where there is no rate, and what posting raises.
    """
    await session.execute(_LOCK, {"wire_id": wire_id})
    row = (await session.execute(_ONE, {"wire_id": wire_id, "until": None})).one()
    upto = list(days(row.from_day))
    if row.released_at is not None or not upto:
        return int(row.interest_minor), []
    known = await rates(session, row.currency)
    if not known:
        raise Unavailable(f"no interest rate for blocked property in {row.currency} is published")
    counted = list(stretches(_bearing(row), known, upto))
    for interest in counted:
        await _book(session, row, interest)
    return int(row.interest_minor) + sum(one.amount_minor for one in counted), counted


async def _book(session: AsyncSession, row: Any, interest: Interest) -> None:
    posted = None
    if interest.amount_minor:
        entry = interest_entry(
            row.wire_id,
            row.currency,
            interest,
            paid_by=await ledger.internal_account(session, InternalPurpose.INTEREST, row.currency),
            blocked=await ledger.internal_account(session, InternalPurpose.BLOCKED, row.currency),
        )
        posted = (await ledger.post_one(session, entry)).transaction_id
    values = {
        **interest.model_dump(),
        "wire_id": row.wire_id,
        "maker_id": row.maker_id,
        "amount_minor": interest.amount_minor,
        "left_parts": interest.left_parts,
        "transaction_id": posted,
    }
    await session.execute(_KEEP, values)


async def held(
    session: AsyncSession, *, until: date, only_held: bool, limit: int, offset: int
) -> list[tuple[Any, int, Decimal | None]]:
    """Blocked property, oldest first, as it stood when `until` began; `only_held` leaves out what was not held then.

    With each what it had earned by then and was not booked yet (minor units), and the rate of the day before in per
    cent; None where none is published.
    """
    values = {"until": until, "held": only_held, "limit": limit, "offset": offset}
    rows = (await session.execute(_HELD, values)).all()
    known = {currency: await rates(session, currency) for currency in {row.currency for row in rows}}
    return [(row, *_accrued(row, known[row.currency], until)) for row in rows]


def _accrued(row: Any, known: Sequence[InterestRate], until: date) -> tuple[int, Decimal | None]:
    if not known:
        return 0, None
    gone = row.released_at is not None and row.released_at.date() < until
    days = [] if gone else closing_days(row.from_day, until)
    counted = stretches(_bearing(row), known, days)
    return sum(one.amount_minor for one in counted), rate_on(known, until).percent


def _bearing(row: Any) -> Bearing:
    return Bearing(
        from_day=row.from_day,
        base_minor=row.amount_minor + int(row.interest_minor),
        carried_parts=row.carried_parts,
    )
