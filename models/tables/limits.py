"""What customers have used of their limits, counted in the transaction that uses it."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.limits import Limit, Use, refusal

_NOW = text("SELECT clock_timestamp()")
_USES = text(
    "SELECT at, amount_minor FROM limit_uses WHERE user_id = :user_id AND family = :family AND currency = :currency"
    " AND at > :since ORDER BY at"
)
# Summed where the rows are: a customer may have thousands of them in a month.
_SPENT = text(
    "SELECT moment.at AS now, coalesce((SELECT sum(u.amount_minor) FROM limit_uses u WHERE u.user_id = :user_id"
    " AND u.family = :family AND u.currency = :currency AND u.at > moment.at - spans.span), 0)::bigint AS minor"
    " FROM (SELECT coalesce(CAST(:at AS timestamptz), clock_timestamp()) AS at) moment"
    " CROSS JOIN unnest(CAST(:spans AS interval[])) WITH ORDINALITY AS spans (span, position) ORDER BY spans.position"
)
_USE = text(
    "INSERT INTO limit_uses (user_id, family, currency, amount_minor, transaction_id, at)"
    " VALUES (:user_id, :family, :currency, :amount_minor, :transaction_id, :at)"
)


async def use_limits(
    session: AsyncSession,
    user_id: UUID,
    family: str,
    limits: tuple[Limit, ...],
    *,
    amount_minor: int,
    currency: str,
    transaction_id: UUID,
    at: datetime | None = None,
) -> None:
    """Counts `amount_minor` against `limits`, those of one family of movements (`transfer`) in one currency.

    It counts from `at` on, where a process says what time it is, else from now on.
    Raises `LimitExceeded` for the first that it does not fit; then nothing is counted, as the transaction ends.
    The caller holds the lock on the person (`lock_user`), so no two of theirs can each see room for one.
    """
    whose = {"user_id": user_id, "family": family, "currency": currency}
    spans = [limit.window or timedelta(0) for limit in limits]
    spent = (await session.execute(_SPENT, {**whose, "spans": spans, "at": at})).all()
    now: datetime = spent[0].now
    if any(row.minor + amount_minor > limit.limit_minor for limit, row in zip(limits, spent, strict=True)):
        now, uses = await uses_of(session, user_id, family, limits, currency, now)
        for limit in limits:
            refused = refusal(limit, amount_minor, uses, now, currency)
            if refused is not None:
                raise refused
    counted = {"amount_minor": amount_minor, "transaction_id": transaction_id, "at": now}
    await session.execute(_USE, {**whose, **counted})


async def uses_of(
    session: AsyncSession,
    user_id: UUID,
    family: str,
    limits: tuple[Limit, ...],
    currency: str,
    at: datetime | None = None,
) -> tuple[datetime, list[Use]]:
    """The database's time, or `at`, and what counts against `limits` at it, oldest first."""
    now: datetime = at or (await session.execute(_NOW)).scalar_one()
    longest = max(limit.window for limit in limits if limit.window is not None)
    whose = {"user_id": user_id, "family": family, "currency": currency}
    rows = await session.execute(_USES, {**whose, "since": now - longest})
    return now, [Use(at=row.at, amount_minor=row.amount_minor) for row in rows]
