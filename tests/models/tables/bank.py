"""What the tests of the ledger share."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import Principal, transaction
from models.ledger import Balance
from models.tables import ledger

TEN = 10_00


@dataclass
class Bank:
    """Two customers with accounts, and engines for the roles."""

    owner: AsyncEngine
    api: AsyncEngine
    worker: AsyncEngine
    clara: UUID
    dora: UUID
    clara_account: UUID
    clara_savings: UUID
    dora_account: UUID
    fees: UUID

    async def balance(self, account_id: UUID) -> Balance:
        """What the books say."""
        async with transaction(self.worker) as session:
            return await ledger.balance(session, account_id)

    async def proves_itself(self) -> bool:
        """Whether no rule is broken and nothing was made or lost."""
        async with transaction(self.worker) as session:
            return await ledger.proof(session) == [] and set((await ledger.totals(session)).values()) == {0}


def customer(user_id: UUID) -> Principal:
    """The rights of a customer."""
    return Principal(user_id=user_id, role="customer", permissions=frozenset({"accounts:read", "transactions:read"}))


def sqlstate(error: pytest.ExceptionInfo[DBAPIError]) -> str:
    """The code that the database gave."""
    return str(getattr(error.value.orig, "sqlstate", ""))
