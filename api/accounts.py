"""Accounts and what is on them (contract §4). Balances are read here; only the ledger changes them."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api import audit
from api.amounts import Amount, CurrencyIn
from api.deps import Db, Requires
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.moments import Moment
from api.pages import Page, PageQuery, page_of
from api.routing import feature
from models.accounts import AccountStatus, AccountType
from models.auth import Role
from models.errors import Forbidden, NotFound, RuleRefused
from models.kyc.policy import Act
from models.ledger import Balance
from models.money import to_decimal
from models.tables import ledger
from models.tables.accounts import Account, open_account, set_own_status
from models.tables.auth import Caller
from models.tables.balances import balance_at
from models.tables.users import may
from models.users import Line

router: APIRouter = feature("accounts")

Reader = Annotated[Caller, Requires("accounts:read")]
AccountName = Annotated[Line, StringConstraints(max_length=80)]


class AccountView(BaseModel):
    """An account as its owner sees it."""

    id: UUID
    user_id: UUID | None
    account_number: str = Field(examples=["NL91AURM0417164300"])
    account_type: str = Field(examples=["checking"])
    name: str = Field(examples=["Household"])
    currency: str = Field(examples=["EUR"])
    balance: Amount
    available_balance: Amount
    held: Amount
    status: str = Field(examples=["active"])
    opened_at: datetime
    closed_at: datetime | None


class BalanceView(BaseModel):
    """What is on an account. Available is what is posted less what is set aside for open orders."""

    account_id: UUID
    currency: str = Field(examples=["EUR"])
    balance: Amount
    available_balance: Amount
    held: Amount
    as_of: datetime


class AccountOrder(BaseModel):
    """What kind of account to open."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"account_type": "checking", "currency": "EUR", "name": "Household"}]},
    )

    account_type: Literal["checking", "savings", "investment"]
    currency: CurrencyIn
    name: AccountName = ""


class AccountChange(BaseModel):
    """What its owner may change of an account. What is not named stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Travel"}]})

    name: AccountName = ""
    status: Literal["frozen", "active"] = Field(
        default="active", description="`frozen` freezes the account at once; the bank alone lifts a freeze."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name what is to change: name, status")
        return self


@router.get("", summary="Your accounts", responses=documented(401, 403))
async def list_accounts(wanted: PageQuery, _user: Reader, db: Db) -> Page[AccountView]:
    """A customer's own accounts; for staff, those of all customers."""
    customers = select(Account).where(col(Account.account_type) != AccountType.INTERNAL.value)
    return await page_of(db, customers, Account.id, wanted, _view)


@router.post("", status_code=201, summary="Open an account", responses=documented(401, 403, 409))
async def create_account(
    order: AccountOrder,
    user: Annotated[Caller, Requires("accounts:create")],
    db: Db,
    _key: IdempotencyKey,
    request: Request,
) -> AccountView:
    """Opens an empty account. Needs an approved identity check."""
    audit.note(request, "account", new=order.model_dump())
    if user.role != Role.CUSTOMER:
        raise Forbidden("Accounts are opened by their owners")
    await may(db, user.id, Act.OPEN_ACCOUNT)
    account = await open_account(db, user.id, AccountType(order.account_type), order.currency, order.name)
    audit.note(request, "account", account.id, new={"account_number": account.account_number})
    return _view(account)


@router.get("/{account_id}", summary="One account", responses=documented(401, 403, 404))
async def read_account(account_id: UUID, _user: Reader, db: Db) -> AccountView:
    """The account, with its balance."""
    account = await _visible(db, account_id)
    return _view(account, await ledger.balance(db, account_id))


@router.put("/{account_id}", summary="Rename or freeze an account", responses=documented(401, 403, 404, 409))
async def change_account(
    account_id: UUID,
    change: AccountChange,
    user: Annotated[Caller, Requires("accounts:write")],
    db: Db,
    request: Request,
) -> AccountView:
    """Gives the account the name under which its owner knows it, or freezes it: its owner debits it no more."""
    wanted = change.model_dump(exclude_unset=True)
    audit.note(request, "account", account_id, new=wanted)
    account = await _own(db, account_id, user)
    audit.note(request, "account", account_id, old={name: getattr(account, name) for name in wanted})
    if "name" in wanted:
        await db.execute(update(Account).where(col(Account.id) == account_id).values(name=change.name))
    if "status" in wanted:
        await set_own_status(db, account_id, AccountStatus(change.status))
    return _view(await _visible(db, account_id))


@router.delete("/{account_id}", summary="Close an account", responses=documented(401, 403, 404, 409))
async def close_account(
    account_id: UUID, user: Annotated[Caller, Requires("accounts:close")], db: Db, request: Request
) -> AccountView:
    """Closes an account for good: only at zero, with nothing set aside and no open process.

    Otherwise 409, and `in_the_way` names what is: `balance`, `holds`, `processes`.
    """
    audit.note(request, "account", account_id, new={"status": AccountStatus.CLOSED})
    account = await _own(db, account_id, user)
    audit.note(request, "account", account_id, old={"status": account.status})
    await set_own_status(db, account_id, AccountStatus.CLOSED)
    return _view(await _visible(db, account_id))


@router.get("/{account_id}/balance", summary="What is on an account", responses=documented(400, 401, 403, 404))
async def read_balance(
    account_id: UUID,
    _user: Reader,
    db: Db,
    at: Annotated[Moment | None, Query(description="A past moment with its offset; now, if not said.")] = None,
) -> BalanceView:
    """The posted balance, what of it is set aside, and what can be spent: now, or as it was at a moment."""
    now = datetime.now(UTC)
    if at is not None and at > now:
        raise RuleRefused("What will be on the account is not known yet")
    found = await (ledger.balance(db, account_id) if at is None else balance_at(db, account_id, at))
    return BalanceView(
        account_id=found.account_id,
        currency=found.currency,
        balance=to_decimal(found.posted_minor, found.currency),
        available_balance=to_decimal(found.available_minor, found.currency),
        held=to_decimal(found.held_minor, found.currency),
        as_of=at or now,
    )


async def _own(db: AsyncSession, account_id: UUID, user: Caller) -> Account:
    account = await _visible(db, account_id)
    if account.user_id != user.id:
        raise NotFound("There is no such account")
    return account


async def _visible(db: AsyncSession, account_id: UUID) -> Account:
    found = await db.execute(
        select(Account).where(col(Account.id) == account_id).execution_options(populate_existing=True)
    )
    account = found.scalar_one_or_none()
    if account is None:
        raise NotFound("There is no such account")
    return account


def _view(account: Account, found: Balance | None = None) -> AccountView:
    # The bank's own accounts keep no balance in their row: only the books know it.
    posted = found.posted_minor if found else account.posted_minor
    held = found.held_minor if found else account.held_minor
    return AccountView(
        **account.model_dump(include=set(AccountView.model_fields) - {"balance", "available_balance", "held"}),
        balance=to_decimal(posted, account.currency),
        available_balance=to_decimal(posted - held, account.currency),
        held=to_decimal(held, account.currency),
    )
