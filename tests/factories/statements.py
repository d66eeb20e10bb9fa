"""Months of an account, booked by the ledger and then moved to when a test wants them to have been."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import InternalPurpose
from models.tables import ledger
from tests.factories.accounts import account
from tests.factories.damage import damage
from tests.factories.ledger import entry


async def opened(owner: AsyncEngine, customer: UUID, currency: str, at: datetime) -> UUID:
    """An account of a customer, opened at that moment."""
    async with transaction(owner) as session:
        made = await account(session, customer, 0, currency)
        await session.execute(text("UPDATE accounts SET opened_at = :at WHERE id = :id"), {"at": at, "id": made})
    return made


async def booked(
    owner: AsyncEngine, account_id: UUID, currency: str, movements: Sequence[tuple[datetime, int]], **changes: Any
) -> None:
    """Books amounts on an account, in or out, each at its moment, in their order."""
    for at, minor in movements:
        async with transaction(owner) as session:
            opening = await ledger.internal_account(session, InternalPurpose.OPENING, currency)
            legs = (opening, account_id) if minor > 0 else (account_id, opening)
            made = entry(*legs, abs(minor), currency).model_copy(update={"value_date": at.date(), **changes})
            done = await ledger.post_one(session, made)
        await damage(
            owner,
            "UPDATE postings SET created_at = :at WHERE transaction_id = :id",
            at=at,
            id=done.transaction_id,
        )


async def held(owner: AsyncEngine, account_id: UUID, minor: int, since: datetime, until: datetime | None) -> None:
    """A hold that was open from a moment to another, as rows alone."""
    await damage(
        owner,
        "INSERT INTO holds (account_id, amount_minor, owner_kind, owner_id, status, placed_at, closed_at)"
        " VALUES (:account, :minor, 'wire', uuidv7(), :status, :since, :until)",
        account=account_id,
        minor=minor,
        status="released" if until else "open",
        since=since,
        until=until,
    )
