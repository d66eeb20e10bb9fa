"""What customers have used of their limits, counted in the transaction that uses it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.limits import Limit, Use, refusal

_NOW = text("SELECT clock_timestamp()")
_USES = text(
    "SELECT at, amount_minor FROM limit_uses WHERE user_id = :user_id AND family = :family AND currency = :currency"
    " AND at > :since ORDER BY at"
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
) -> None:
    """Counts `amount_minor` against `limits`, those of one family of movements (`transfer`) in one currency.

    Raises `LimitExceeded` for the first that it does not fit; then nothing is counted, as the transaction ends.
    The caller holds the lock on the person (`lock_user`), so no two of theirs can each see room for one.
    """
    now, uses = await uses_of(session, user_id, family, limits, currency)
    for limit in limits:
        refused = refusal(limit, amount_minor, uses, now, currency)
        if refused is not None:
            raise refused
    counted = {"amount_minor": amount_minor, "transaction_id": transaction_id, "at": now}
    await session.execute(_USE, {"user_id": user_id, "family": family, "currency": currency, **counted})


async def uses_of(
    session: AsyncSession, user_id: UUID, family: str, limits: tuple[Limit, ...], currency: str
) -> tuple[datetime, list[Use]]:
    """The database's time, and what counts against `limits` at it, oldest first."""
    now: datetime = (await session.execute(_NOW)).scalar_one()
    longest = max(limit.window for limit in limits if limit.window is not None)
    whose = {"user_id": user_id, "family": family, "currency": currency}
    rows = await session.execute(_USES, {**whose, "since": now - longest})
    return now, [Use(at=row.at, amount_minor=row.amount_minor) for row in rows]
