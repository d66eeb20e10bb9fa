"""Giving a stored message to the bank, exactly once."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from activities.heartbeats import heartbeats
from infra.database import transaction
from infra.providers.bank import BankChannel

_LOCKED: Final = text("SELECT id, file_name, content, status, updated_at FROM bank_messages WHERE id = :id FOR UPDATE")
_MARK: Final = text(
    "UPDATE bank_messages SET status = :status, updated_at = clock_timestamp() WHERE id = :id RETURNING updated_at"
)


async def send_once(
    engine: AsyncEngine,
    channel: BankChannel,
    message_id: UUID,
    sent: Callable[[AsyncSession, str], Awaitable[None]],
) -> datetime:
    """Puts the message with the row `message_id` into the bank's folder; `sent` notes it, given the file's name, in the
    transaction that marks it as sent. Returns when that was: from then on the bank has time to answer.

    prepared → (file durable beside the folder) → staged → (one rename into the folder) → sent. The row is locked during
    each half. A crash before `staged` is written repeats the harmless half; after it, either the staged file is still
    there and is renamed, or it is gone because the rename has happened.
    """
    async with heartbeats():
        async with transaction(engine) as session:
            message = await _locked(session, message_id)
            if message.status == "prepared":
                await channel.stage(message.file_name, bytes(message.content))
                await session.execute(_MARK, {"id": message_id, "status": "staged"})
        async with transaction(engine) as session:
            message = await _locked(session, message_id)
            sent_at: datetime = message.updated_at
            if message.status == "staged":
                await channel.publish(message.file_name)
                sent_at = (await session.execute(_MARK, {"id": message_id, "status": "sent"})).scalar_one()
                await sent(session, message.file_name)
    return sent_at


async def _locked(session: AsyncSession, message_id: UUID) -> Row[Any]:
    return (await session.execute(_LOCKED, {"id": message_id})).one()
