"""What may be asked of transactions: the filters of a list, and whose accounts a question is about."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api.moments import Moment
from models.accounts import AccountType
from models.auth import Role
from models.errors import NotFound
from models.tables.accounts import Account, accounts_of
from models.tables.auth import Caller
from models.transactions import Selection, TransactionStatus
from models.users import Line

Bound = Annotated[Decimal | None, Query(ge=0, max_digits=18, decimal_places=3)]


async def _selection(
    type_: Annotated[list[str] | None, Query(alias="type", max_length=20)] = None,
    status: Annotated[list[TransactionStatus] | None, Query(max_length=10)] = None,
    since: Annotated[
        Moment | None, Query(alias="from", description="With its offset, as 2026-11-01T00:00:00Z.")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    least: Annotated[Bound, Query(alias="min")] = None,
    greatest: Annotated[Bound, Query(alias="max")] = None,
    category: Annotated[Line | None, Query()] = None,
    words: Annotated[Line, Query(alias="text", description="Anywhere in description, category or reference.")] = "",
) -> Selection:
    return Selection(
        types=tuple(type_ or ()),
        statuses=tuple(status or ()),
        since=since,
        until=until,
        least=least,
        greatest=greatest,
        category=category,
        words=words,
    )


Chosen = Annotated[Selection, Depends(_selection)]


async def asked_accounts(db: AsyncSession, caller: Caller, account_id: UUID | None) -> list[UUID] | None:
    """The accounts that a question is about: the one that is named, or all of a customer's own.

    None stands for all that staff sees. Raises `NotFound` for an account that the caller may not see.
    """
    if account_id is not None:
        found = await db.execute(select(Account).where(col(Account.id) == account_id))
        account = found.scalar_one_or_none()
        if account is None or account.account_type == AccountType.INTERNAL:
            raise NotFound("There is no such account")
        return [account.id]
    if caller.role != Role.CUSTOMER:
        return None
    return [account.id for account in await accounts_of(db, caller.id)]
