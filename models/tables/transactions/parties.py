"""Whose accounts transactions are between, as staff sees it."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_PARTIES: Final = text(
    "SELECT a.id AS account_id, a.account_number, a.purpose, a.user_id AS owner_id,"
    " u.first_name || ' ' || u.last_name AS owner_name FROM accounts a LEFT JOIN users u ON u.id = a.user_id"
    " WHERE a.id = ANY (:ids)"
)
_NUMBERED: Final = text("SELECT id FROM accounts WHERE account_number = :number")
_OF_OWNER: Final = text("SELECT id FROM accounts WHERE user_id = :owner ORDER BY id")


class Party(BaseModel):
    """One side of a transaction: an account, and whose it is. `purpose` is set on the bank's own accounts."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    account_number: str
    purpose: str | None
    owner_id: UUID | None
    owner_name: str | None


async def parties(session: AsyncSession, accounts: Iterable[UUID | None]) -> dict[UUID, Party]:
    """Those of the accounts that the session's person sees."""
    wanted = list({one for one in accounts if one is not None})
    rows = await session.execute(_PARTIES, {"ids": wanted})
    return {row["account_id"]: Party.model_validate(dict(row)) for row in rows.mappings()}


async def accounts_numbered(session: AsyncSession, number: str) -> list[UUID]:
    """The account with that number, written with or without spaces: one, or none."""
    return list((await session.execute(_NUMBERED, {"number": number.replace(" ", "").upper()})).scalars())


async def accounts_of_owner(session: AsyncSession, owner: UUID) -> list[UUID]:
    """The accounts of a customer, closed ones too."""
    return list((await session.execute(_OF_OWNER, {"owner": owner})).scalars())
