"""How an account came to be what it is: its balance by day, and what moved on it (contract §4)."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from api.amounts import Amount
from api.deps import Db, Requires
from api.errors import documented
from api.routing import feature
from models.errors import RuleRefused
from models.money import to_decimal
from models.tables import ledger
from models.tables.auth import Caller
from models.tables.balances import by_day, movements, open_holds

router = feature("account history", prefix="/accounts")

Reader = Annotated[Caller, Requires("accounts:read")]
_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 366
_FIRST_DAY: Final = date(1970, 1, 1)


class DayView(BaseModel):
    """What was on the account when the day (UTC) ended; of today, what is on it now."""

    date: date
    balance: Amount


class HistoryView(BaseModel):
    """The balance of an account by day."""

    account_id: UUID
    currency: str = Field(examples=["EUR"])
    data: list[DayView]


class MovementView(BaseModel):
    """One posting: what it put on the account (took, below zero), and what was on it then."""

    transaction_id: UUID
    transaction_type: str = Field(examples=["transfer"])
    description: str
    category: str | None
    amount: Amount
    balance_after: Amount
    posted_at: datetime


class HeldView(BaseModel):
    """Money set aside for an open order."""

    owner_kind: str = Field(examples=["wire"])
    owner_id: UUID
    amount: Amount
    placed_at: datetime


class ActivityView(BaseModel):
    """What waits and what moved on an account, newest first. `next_before` continues the list while there is more."""

    account_id: UUID
    currency: str = Field(examples=["EUR"])
    pending: list[HeldView]
    data: list[MovementView]
    next_before: int | None


@router.get("/{account_id}/history", summary="Balance by day", responses=documented(400, 401, 403, 404))
async def read_history(
    account_id: UUID,
    _user: Reader,
    db: Db,
    first: Annotated[date | None, Query(alias="from", description="30 days ago, if not said.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Today, if not said; both days are included.")] = None,
) -> HistoryView:
    """What was on an account at the end of each day, at most a year of them."""
    today = datetime.now(UTC).date()
    until = last or today
    if not _FIRST_DAY <= until <= today:
        raise RuleRefused("History ends today at the latest")
    since = first or max(_FIRST_DAY, until - timedelta(days=_USUAL_DAYS))
    if not _FIRST_DAY <= since <= until or (until - since).days >= _MOST_DAYS:
        raise RuleRefused(f"History is at most {_MOST_DAYS} days, the first of them not after the last")
    currency = (await ledger.balance(db, account_id)).currency
    days = await by_day(db, account_id, since, until)
    return HistoryView(
        account_id=account_id,
        currency=currency,
        data=[DayView(date=day.day, balance=to_decimal(day.posted_minor, currency)) for day in days],
    )


@router.get("/{account_id}/activity", summary="What moves on an account", responses=documented(401, 403, 404))
async def read_activity(
    account_id: UUID,
    _user: Reader,
    db: Db,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next_before` of the page before.")] = None,
) -> ActivityView:
    """Open holds, and the postings with the balance that each left, newest first."""
    currency = (await ledger.balance(db, account_id)).currency
    found = await movements(db, account_id, limit=limit + 1, before=before)
    held = await open_holds(db, account_id) if before is None else []
    return ActivityView(
        account_id=account_id,
        currency=currency,
        pending=[
            HeldView(
                owner_kind=hold["owner_kind"],
                owner_id=hold["owner_id"],
                amount=to_decimal(hold["amount_minor"], currency),
                placed_at=hold["placed_at"],
            )
            for hold in held
        ],
        data=[
            MovementView(
                **one.model_dump(exclude={"version", "amount_minor", "balance_after_minor", "at"}),
                amount=to_decimal(one.amount_minor, currency),
                balance_after=to_decimal(one.balance_after_minor, currency),
                posted_at=one.at,
            )
            for one in found[:limit]
        ],
        next_before=found[limit - 1].version if len(found) > limit else None,
    )
