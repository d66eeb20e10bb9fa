"""The question to a silent bank what became of an order, asked once."""

import hashlib
from datetime import UTC
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.sending import send_once
from activities.wires.desk import WireDesk
from infra.database import transaction
from infra.providers.bank import build_pacs028
from infra.settings import BankProfile
from models.bank import UnwritableMessage
from models.bank_requests import StatusRequest
from models.tables import wires
from models.tables.wires import Wire
from models.wires import WireState, WireStatus, WireStep, inquiry_reference, order_references

log = structlog.get_logger(__name__)

MESSAGE_TYPE: Final = "pacs.028.001.03"
_ORDER: Final = text(
    "SELECT message_id, message_type FROM bank_messages"
    " WHERE wire_id = :id AND direction = 'outbound' AND recall_id IS NULL AND NOT inquiry AND status = 'sent'"
)
_ASKED: Final = text("SELECT id FROM bank_messages WHERE wire_id = :id AND inquiry")
_WRITE: Final = text(
    "INSERT INTO bank_messages (wire_id, inquiry, direction, message_type, message_id, file_name, sha256, content,"
    " status) VALUES (:wire_id, true, 'outbound', :type, :message_id, :file_name, :sha256, :content, 'prepared')"
    " RETURNING id"
)


async def asked(session: AsyncSession, wire_id: UUID) -> UUID | None:
    """The message with which the bank was asked about a wire, if it was."""
    found: UUID | None = (await session.execute(_ASKED, {"id": wire_id})).scalar_one_or_none()
    return found


async def to_ask(desk: WireDesk, session: AsyncSession, wire: Wire) -> bool:
    """Whether the bank is to be asked about a wire that it has not acknowledged. Only a bank among banks can be: what
    a correspondent's client has is a telephone."""
    waits = desk.profile is BankProfile.SWIFT and wire.status == WireStatus.RELEASED
    return waits and await asked(session, wire.id) is None


class InquirySteps:
    """The step that asks."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="wire.ask_status")
    async def ask_status(self, step: WireStep) -> WireState:
        """Asks the bank what became of the order (pacs.028), exactly once, unless it has answered meanwhile."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            request = await asked(session, wire.id)
            if await to_ask(self._desk, session, wire):
                request = await self._write(session, wire, step)

        async def sent(session: AsyncSession, file: str) -> None:
            wire = await wires.find(session, step.wire_id)
            await wires.tell(session, wire, "status_requested", step="status_requested", data={"file": file})

        asked_at = step.at
        if request is not None:
            asked_at = max(asked_at, await send_once(self._desk.engine, self._desk.channel, request, sent))
        async with transaction(self._desk.engine) as session:
            wire = await wires.find(session, step.wire_id)
            late = await self._desk.bank_is_late_at(session, wire, asked_at)
            return await wires.state(session, wire, look_again_at=late if request is not None else None)

    async def _write(self, session: AsyncSession, wire: Wire, step: WireStep) -> UUID | None:
        order = (await session.execute(_ORDER, {"id": wire.id})).one_or_none()
        if order is None:
            return None  # it is not at the bank yet, which has nothing to answer
        _, instruction_id, end_to_end_id = order_references(wire.id, wire.uetr)
        message_id = inquiry_reference(wire.id)
        try:
            content = build_pacs028(
                StatusRequest(
                    message_id=message_id,
                    created_at=step.at.astimezone(UTC).replace(microsecond=0),
                    sender=self._desk.bank_bic,
                    receiver=self._desk.correspondent_bic,
                    original_message_id=order.message_id,
                    original_message_type=order.message_type,
                    instruction_id=instruction_id,
                    end_to_end_id=end_to_end_id,
                    uetr=str(wire.uetr),
                )
            )
        except (UnwritableMessage, ValueError) as error:
            # Operations know of the silence already; they ask in another way.
            log.warning("bank.inquiry_not_writable", wire=str(wire.id), error=str(error))
            return None
        values = {
            "wire_id": wire.id,
            "type": MESSAGE_TYPE,
            "message_id": message_id,
            "file_name": f"{message_id}.xml",
            "sha256": hashlib.sha256(content).digest(),
            "content": content,
        }
        written: UUID = (await session.execute(_WRITE, values)).scalar_one()
        return written
