"""Messages to and from the bank as they are kept, and the questions that people ask about them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, LargeBinary, Select, String, column, select, table
from sqlmodel import Field, SQLModel, col
from uuid_utils.compat import uuid7

MOMENT = DateTime(timezone=True)
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
    created_at: datetime | None = Field(default=None, sa_type=MOMENT)
    updated_at: datetime | None = Field(default=None, sa_type=MOMENT)


def messages_of_wire(wire_id: UUID) -> Select[Any]:
    """Every message about a wire that the caller may see: what we wrote, and what the bank answered."""
    answered = select(_ANSWERS.c.message_id).where(_ANSWERS.c.wire_id == wire_id)
    return select(BankMessage).where((col(BankMessage.wire_id) == wire_id) | col(BankMessage.id).in_(answered))
