"""Messages to and from the bank as they are kept, and the questions that people ask about them."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, Integer, LargeBinary, Select, String, column, select, table, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col
from uuid_utils.compat import uuid7

from models.errors import NotFound, RuleRefused, WrongState

MOMENT = DateTime(timezone=True)
_PROPOSED: Final = text("SELECT EXISTS (SELECT FROM quarantine_rulings WHERE message_id = :id AND status = 'proposed')")
_ANSWERS = table("bank_answers", column("message_id"), column("wire_id"), column("position", Integer))


class BankMessage(SQLModel, table=True):
    """One message, as it was written. Outbound ones are prepared, staged, sent; inbound ones read or quarantined."""

    __tablename__ = "bank_messages"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    wire_id: UUID | None = None
    direction: str = Field(sa_type=String)
    message_type: str
    message_id: str = ""
    file_name: str
    sha256: bytes = Field(sa_type=LargeBinary)
    content: bytes = Field(sa_type=LargeBinary)
    status: str
    reason: str | None = None
    payments_named: int | None = None
    readable_as_is: bool = False
    created_at: datetime | None = Field(default=None, sa_type=MOMENT)
    updated_at: datetime | None = Field(default=None, sa_type=MOMENT)


def messages_of_wire(wire_id: UUID) -> Select[Any]:
    """Every message about a wire that the caller may see: what we wrote, and what the bank answered."""
    answered = select(_ANSWERS.c.message_id).where(_ANSWERS.c.wire_id == wire_id)
    return select(BankMessage).where((col(BankMessage.wire_id) == wire_id) | col(BankMessage.id).in_(answered))


def quarantine() -> Select[Any]:
    """Every file of the bank that waits for a person, or was dismissed by one."""
    return select(BankMessage).where(col(BankMessage.status).in_(("quarantined", "to_read_again", "dismissed")))


async def quarantined(session: AsyncSession, message_id: UUID) -> BankMessage:
    """A file in quarantine. Raises `NotFound`."""
    found = await session.execute(quarantine().where(col(BankMessage.id) == message_id))
    message: BankMessage | None = found.scalar_one_or_none()
    if message is None:
        raise NotFound("there is no such file in quarantine")
    return message


async def leave_quarantine(session: AsyncSession, message_id: UUID, status: str, reason: str) -> BankMessage:
    """An operator's act: `to_read_again` or `dismissed`, with its reason beside why the file was put there.

    Raises `NotFound`, `WrongState` (somebody was quicker, it was dismissed, or something is proposed about it), and
    `RuleRefused` for a file that was too large to keep: it lies in the folder beside the inbox.
    """
    message = await quarantined(session, message_id)
    if status == "to_read_again" and not message.content:
        raise RuleRefused("the file was too large to keep or empty; ask the bank for another one, and dismiss this")
    moved = await session.execute(
        update(BankMessage)
        .where(col(BankMessage.id) == message_id, col(BankMessage.status) == "quarantined")
        .values(status=status, reason=f"{message.reason} [{reason}]")
        .returning(col(BankMessage.id))
    )
    if moved.scalar_one_or_none() is None:
        raise WrongState(f"the file is {message.status}; only one that is quarantined can be acted on")
    # Now that the row is locked: a proposal at the same moment is seen here, or is not made.
    if status == "dismissed" and (await session.execute(_PROPOSED, {"id": message_id})).scalar_one():
        raise WrongState("something is proposed about this file; it is decided first")
    await session.refresh(message)
    return message
