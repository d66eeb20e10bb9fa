"""Accounts for tests: opened and funded the way the bank does it, by number, through the ledger."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.accounts import AccountStatus, AccountType
from models.ledger import InternalPurpose
from models.tables import accounts, ledger
from tests.factories.ledger import opening


async def account(
    session: AsyncSession,
    customer: UUID,
    minor: int = 0,
    currency: str = "EUR",
    kind: AccountType = AccountType.CHECKING,
) -> UUID:
    """An account of `customer` that holds `minor`. For a session of the owner."""
    opened = await accounts.open_account(session, customer, kind, currency)
    if minor:
        source = await ledger.internal_account(session, InternalPurpose.OPENING, currency)
        await ledger.post_one(session, opening(source, opened.id, minor, currency))
    return opened.id


async def set_status(session: AsyncSession, account_id: UUID, status: AccountStatus) -> None:
    """Freezes, closes or reopens an account, as the worker may."""
    await session.execute(
        text("UPDATE accounts SET status = :status WHERE id = :id"), {"status": status, "id": account_id}
    )
