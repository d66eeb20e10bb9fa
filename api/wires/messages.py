"""What was said between us and the bank about a wire, word for word (contract §5)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlmodel import col

from api.deps import Db, Requires
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.routing import feature
from models.tables import wires
from models.tables.auth import Caller
from models.tables.bank import BankMessage, messages_of_wire

router = feature("wires")


class MessageView(BaseModel):
    """One message, as it was written."""

    id: UUID
    direction: Literal["outbound", "inbound"]
    message_type: str = Field(examples=["pain.001.001.09"])
    xml: str = Field(examples=['<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="…">…</Document>'])
    created_at: datetime
    status: Literal["prepared", "staged", "sent", "read", "quarantined", "to_read_again", "dismissed"] = Field(
        description="Outbound: prepared, staged, sent. Inbound: read, quarantined, to_read_again, dismissed.",
        examples=["sent"],
    )


@router.get(
    "/{wire_id}/messages",
    summary="Read the messages to and from the bank about a wire",
    responses=documented(401, 403, 404),
)
async def list_messages(
    wire_id: UUID, _caller: Annotated[Caller, Requires("wires:read")], db: Db, wanted: PageQuery
) -> Page[MessageView]:
    """Every ISO 20022 message about a wire, newest first. A file of the bank that also names payments of others is
    shown to staff alone; what it said of this wire stands in the timeline."""
    wire = await wires.find(db, wire_id)
    return await page_of(db, messages_of_wire(wire.id), col(BankMessage.id), wanted, _view)


def _view(message: BankMessage) -> MessageView:
    # What is kept of an unreadable file may be no text at all.
    told = message.content.decode("utf-8", errors="replace")
    return MessageView.model_validate(message.model_dump(include=set(MessageView.model_fields)) | {"xml": told})
