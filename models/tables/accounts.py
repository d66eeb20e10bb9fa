"""The table of accounts and the questions asked of it. Functions take a session and never commit.

Balances are read here and changed nowhere in Python: `ledger_post` and the hold functions are their only writers.
"""

import secrets
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    DateTime,
    FetchedValue,
    Numeric,
    SmallInteger,
    String,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col
from uuid_utils.compat import uuid7

from models.accounts import SERIAL_DIGITS, AccountStatus, AccountType, account_number
from models.errors import NotFound, Unavailable, WrongState
from models.money import exponent

# Ten random digits rarely meet a taken number; five times in a row means that something else is wrong.
_ATTEMPTS: Final = 5


def _decimal_of(minor: str) -> Computed:
    return Computed(f"round(({minor}) / 10::numeric ^ exponent::numeric, exponent::integer)", persisted=False)


class Account(SQLModel, table=True):
    """An account of a customer or of the bank.

    The decimal columns are computed by the database and read-only.
    """

    __tablename__ = "accounts"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID | None = None
    account_number: str
    account_type: str
    purpose: str | None = None
    currency: str
    exponent: int = Field(sa_column=Column(SmallInteger, nullable=False))
    name: str = ""
    status: str = Field(sa_column=Column(String, FetchedValue(), nullable=False))
    posted_minor: int = Field(sa_column=Column(BigInteger, FetchedValue(), nullable=False))
    held_minor: int = Field(sa_column=Column(BigInteger, FetchedValue(), nullable=False))
    floor_minor: int | None = Field(default=0, sa_column=Column(BigInteger))
    version: int = Field(sa_column=Column(BigInteger, FetchedValue(), nullable=False))
    balance: Decimal = Field(sa_column=Column(Numeric, _decimal_of("posted_minor")))
    available_balance: Decimal = Field(sa_column=Column(Numeric, _decimal_of("posted_minor - held_minor")))
    held: Decimal = Field(sa_column=Column(Numeric, _decimal_of("held_minor")))
    opened_at: datetime = Field(sa_column=Column(DateTime(timezone=True), FetchedValue(), nullable=False))
    closed_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class Recipient(BaseModel):
    """As much of an account as somebody has to know to pay into it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    account_number: str
    currency: str
    status: str


async def open_account(
    session: AsyncSession, user_id: UUID, account_type: AccountType, currency: str, name: str = ""
) -> Account:
    """Opens an empty account for a customer under a new number. Raises `UnknownCurrency`.

    The number is random, so that it tells neither how many accounts there are nor in what order they were opened.
    """
    for _ in range(_ATTEMPTS):
        opened = await session.execute(
            insert(Account)
            .values(
                id=uuid7(),
                user_id=user_id,
                account_number=account_number(secrets.randbelow(10**SERIAL_DIGITS), currency),
                account_type=account_type,
                currency=currency,
                exponent=exponent(currency),
                name=name,
                floor_minor=0,
            )
            .on_conflict_do_nothing(index_elements=["account_number"])
            .returning(Account)
        )
        account = opened.scalar_one_or_none()
        if account is not None:
            return account
    raise Unavailable("No free account number was found")


async def accounts_of(session: AsyncSession, user_id: UUID) -> list[Account]:
    """The accounts of a customer, closed ones included, in the order they were opened."""
    found = await session.execute(select(Account).filter_by(user_id=user_id).order_by("opened_at", "id"))
    return list(found.scalars())


async def owned_account(session: AsyncSession, user_id: UUID, account_id: UUID) -> Account:
    """That account of that customer. Raises `NotFound`, for one of somebody else's too.

    The row is read again from the database, whatever the session remembers: balances change under a session's feet.
    """
    found = await session.execute(
        select(Account).filter_by(id=account_id, user_id=user_id).execution_options(populate_existing=True)
    )
    account = found.scalar_one_or_none()
    if account is None:
        raise NotFound("There is no such account")
    return account


async def owns(session: AsyncSession, user_id: UUID, account_id: UUID) -> bool:
    """Whether that account is that customer's."""
    found = await session.execute(select(col(Account.id)).filter_by(id=account_id, user_id=user_id))
    return found.scalar_one_or_none() is not None


async def recipient_by_number(session: AsyncSession, number: str) -> Recipient:
    """The customer's account with that number, whoever owns it. Raises `NotFound`."""
    found = await session.execute(
        text("SELECT id, currency, status FROM account_to_credit(:number)"), {"number": number}
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("No account of this bank has that number")
    return Recipient(id=row.id, account_number=number, currency=row.currency, status=row.status)


# What may be in the way of closing an account, as the database names it.
_IN_THE_WAY: Final = {
    "balance": "there is money on it, or it is overdrawn",
    "holds": "money is set aside on it",
    "processes": "an order that it pays for is not at its end",
}


async def set_own_status(session: AsyncSession, account_id: UUID, status: AccountStatus) -> None:
    """Freezes or closes an account for its owner, whom the session acts for. Asked again it is done already.

    Raises `NotFound` and `WrongState`: a freeze is lifted by the bank, a closed account stays closed, and one is closed
    only empty, with nothing set aside and no open process; `in_the_way` names what is.
    """
    answer = await session.execute(
        text("SELECT account_set_status(:account, :status)"), {"account": account_id, "status": status.value}
    )
    outcome: list[str] = answer.scalar_one()
    if outcome == ["not_found"]:
        raise NotFound("There is no such account")
    if outcome == ["wrong_state"]:
        raise WrongState("A freeze is lifted by the bank, and a closed account stays closed")
    if outcome not in (["unchanged"], [status.value]):
        reasons = "; ".join(_IN_THE_WAY[reason] for reason in outcome)
        raise WrongState(f"The account cannot be closed: {reasons}", in_the_way=outcome)
