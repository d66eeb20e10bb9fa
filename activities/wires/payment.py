"""From the decision to the bank: the release window, the last screening, the order written exactly once."""

import hashlib
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.sending import send_once
from activities.wires.compliance import look_again
from activities.wires.desk import WireDesk
from activities.wires.screening import require_fresh_lists
from infra.database import transaction
from infra.providers.bank import build_pacs008, build_pain001
from infra.settings import BankProfile
from models.bank import Charges, Party, PaymentInstruction, PostalAddress, UnwritableMessage
from models.calendars import release
from models.errors import Forbidden
from models.tables import ledger, sanctions, wires
from models.tables.users import may_send_money
from models.tables.wires import Wire
from models.wires import ComplianceStatus, WireState, WireStatus, WireStep, order_references

_ORDER: Final = text(
    "SELECT id FROM bank_messages"
    " WHERE wire_id = :wire_id AND direction = 'outbound' AND recall_id IS NULL AND NOT inquiry"
)


class PaymentSteps:
    """The steps that give an approved wire to the bank."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="wire.release")
    async def release(self, step: WireStep) -> WireState:
        """Writes the order to the bank and marks the wire released, in one transaction; the file leaves afterwards.

        Outside the window, or before the execution date, answers when to look again. When the sanctions lists have
        changed since the last screening, screens again: a sure hit blocks, and a likeness waits for the compliance
        desk. No newer version of a list appears while this runs: an order is written before it, or screened against
        it. Raises `ListsStale` while lists are too old to be relied on. An order that cannot be written, or whose
        customer may not send money by now, ends the wire (`failed`), its money back.
        """
        async with transaction(self._desk.engine) as session:
            await sanctions.hold_versions(session)
            wire = await wires.locked(session, step.wire_id)
            if wire.status == WireStatus.APPROVED:
                await look_again(self._desk, session, wire, step.at)
            if wire.status != WireStatus.APPROVED or wire.compliance_status != ComplianceStatus.CLEAR:
                return await wires.state(session, wire)
            hours = await self._desk.rail_hours(session, wire.currency)
            leaving = release(hours, step.at, wire.execution_date)
            if leaving.at > step.at:
                return await wires.state(session, wire, look_again_at=leaving.at)
            await require_fresh_lists(self._desk, session)
            try:
                await may_send_money(session, wire.user_id, lock=True)
            except Forbidden as refused:
                await self._not_sent(session, wire, refused.code, refused.detail)
                return await wires.state(session, wire)
            await self._order(session, wire, step.at, leaving.value_date)
            return await wires.state(session, wire)

    async def _not_sent(self, session: AsyncSession, wire: Wire, code: str, detail: str) -> None:
        """Money leaves no account of a customer who is not approved (contract §6), ordered before or not."""
        wire.status, wire.reason_code, wire.reason_text = WireStatus.FAILED, code, detail
        await ledger.release_hold(session, "wire", wire.id)
        await session.flush()
        await wires.tell(session, wire, "customer_may_not_send", step="released", data={"code": code})

    async def _order(self, session: AsyncSession, wire: Wire, at: datetime, value_date: date) -> None:
        wire.value_date = value_date
        try:
            instruction = await self._instruction(session, wire, at)
            swift = self._desk.profile is BankProfile.SWIFT
            content = build_pacs008(instruction) if swift else build_pain001(instruction)
        except (UnwritableMessage, ValueError) as error:
            wire.status, wire.reason_code = WireStatus.FAILED, "unwritable_message"
            wire.reason_text = str(error)[:500]
            await ledger.release_hold(session, "wire", wire.id)
            await session.flush()
            await wires.tell(session, wire, "order_not_writable", step="released", data={"error": str(error)[:500]})
            return
        message_type = "pacs.008.001.08" if swift else "pain.001.001.09"
        await session.execute(
            text(
                "INSERT INTO bank_messages (wire_id, direction, message_type, message_id, file_name, sha256, content,"
                " status) VALUES (:wire_id, 'outbound', :type, :message_id, :file_name, :sha256, :content, 'prepared')"
            ),
            {
                "wire_id": wire.id,
                "type": message_type,
                "message_id": instruction.message_id,
                "file_name": f"{instruction.message_id}.xml",
                "sha256": hashlib.sha256(content).digest(),
                "content": content,
            },
        )
        wire.status = WireStatus.RELEASED
        await session.flush()
        await wires.tell(
            session,
            wire,
            "released",
            step="released",
            data={"message_id": instruction.message_id, "type": message_type, "value_date": wire.value_date},
        )

    async def _instruction(self, session: AsyncSession, wire: Wire, at: datetime) -> PaymentInstruction:
        debtor = (
            await session.execute(
                text(
                    "SELECT u.first_name || ' ' || u.last_name AS name, u.address, a.account_number"
                    " FROM users u JOIN accounts a ON a.user_id = u.id WHERE a.id = :account_id"
                ),
                {"account_id": wire.sender_account_id},
            )
        ).one()
        nostro = self._desk.nostro_accounts.get(wire.currency)
        if nostro is None:
            raise UnwritableMessage(f"the bank has no account at its correspondent in {wire.currency}")
        message_id, instruction_id, end_to_end_id = order_references(wire.id, wire.uetr)
        return PaymentInstruction(
            message_id=message_id,
            instruction_id=instruction_id,
            end_to_end_id=end_to_end_id,
            uetr=str(wire.uetr),
            amount_minor=wire.money.paid_minor,
            deducted_minor=wire.deducted_minor,
            currency=wire.currency,
            execution_date=wire.value_date or at.date(),
            charges=Charges(wire.charges),
            purpose_code=wire.purpose_code,
            remittance=wire.reference,
            # To the second and from the wire's own time: writing the order again gives the same bytes.
            created_at=at.astimezone(UTC).replace(microsecond=0),
            initiating_bank=Party(name=self._desk.bank_name, bic=self._desk.bank_bic),
            correspondent_bic=self._desk.correspondent_bic,
            nostro_account=nostro,
            debtor=Party(name=debtor.name, account=debtor.account_number, address=_address(debtor.address)),
            creditor=Party(
                name=wire.recipient_name,
                account=wire.recipient_account_number,
                address=_address(wire.recipient_address),
            ),
            creditor_agent=Party(
                name=wire.recipient_bank_name or (wire.recipient_bank_swift or "Bank"),
                bic=wire.recipient_bank_swift,
                clearing_member_id=None if wire.recipient_bank_swift else wire.recipient_routing_number,
            ),
        )

    @activity.defn(name="wire.send")
    async def send(self, step: WireStep) -> WireState:
        """Puts the order into the bank's folder, exactly once."""
        async with transaction(self._desk.engine) as session:
            order = (await session.execute(_ORDER, {"wire_id": step.wire_id})).scalar_one()

        async def sent(session: AsyncSession, file: str) -> None:
            wire = await wires.find(session, step.wire_id)
            await wires.tell(session, wire, "sent", step="sent", data={"file": file})

        sent_at = await send_once(self._desk.engine, self._desk.channel, order, sent)
        async with transaction(self._desk.engine) as session:
            wire = await wires.find(session, step.wire_id)
            # Not from when it was first tried: a disk may have been full for hours.
            late = await self._desk.bank_is_late_at(session, wire, max(step.at, sent_at))
            return await wires.state(session, wire, look_again_at=late)


def _address(kept: dict[str, str] | None) -> PostalAddress | None:
    if not kept or not kept.get("town") or not kept.get("country"):
        return None
    known = {name: value for name, value in kept.items() if name in PostalAddress.model_fields and value}
    return PostalAddress.model_validate(known)
