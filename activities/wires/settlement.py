"""From the bank's answers to the end: acknowledgement, settlement and fee, refusal, return."""

from datetime import UTC, date
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.wires.desk import WireDesk, tell_staff
from activities.wires.inquiries import asked, to_ask
from infra.database import transaction
from models.bank import AnswerKind
from models.ledger import InternalPurpose
from models.tables import ledger, wires
from models.tables.wires import Wire
from models.wires import WireState, WireStatus, WireStep, return_entry, settlement_entry

# What is said of a recall is for the recall's own process.
_UNAPPLIED: Final = text(
    "SELECT a.id, a.kind, a.reason_code, a.reason_text, a.amount_minor, a.currency, a.booked_on,"
    " split_part(m.message_type, '.001.', 1) AS family FROM bank_answers a JOIN bank_messages m ON m.id = a.message_id"
    " WHERE a.wire_id = :wire_id AND a.recall_id IS NULL AND a.applied_at IS NULL ORDER BY a.id"
)
_RETURNS_TOLD: Final = text(
    "SELECT split_part(m.message_type, '.001.', 1) FROM bank_answers a JOIN bank_messages m ON m.id = a.message_id"
    " WHERE a.wire_id = :wire_id AND a.kind = 'returned' AND a.applied_at IS NOT NULL"
)
_POSTED_RETURN: Final = text("SELECT amount_minor FROM transactions WHERE idempotency_key = :key")
_AT_THE_BANK = frozenset({WireStatus.RELEASED, WireStatus.ACKNOWLEDGED})


class SettlementSteps:
    """The steps that follow from what the bank said."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="wire.apply_answers")
    async def apply_answers(self, step: WireStep) -> WireState:
        """Applies every answer of the bank that was not applied yet, in the order they came, with its money."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            before = wire.status
            for answer in (await session.execute(_UNAPPLIED, {"wire_id": wire.id})).all():
                fits = await self._apply(session, wire, answer, step)
                if not fits:
                    await self._dispute(session, wire, answer)
                await session.execute(
                    text("UPDATE bank_answers SET applied_at = clock_timestamp() WHERE id = :id"),
                    {"id": answer.id},
                )
            if wire.status != before and (recall := await wires.open_recall(session, wire.id)) is not None:
                await wires.wake_recall(session, recall, wire)
            late = await self._desk.bank_is_late_at(session, wire, step.at) if wire.status in _AT_THE_BANK else None
            return await wires.state(session, wire, look_again_at=late)

    async def _apply(self, session: AsyncSession, wire: Wire, answer: Any, step: WireStep) -> bool:
        """Whether the answer fits where the wire stands; what does not fit moves nothing."""
        match AnswerKind(answer.kind):
            case AnswerKind.ACCEPTED:
                await self._acknowledge(session, wire)
                return wire.status not in {WireStatus.FAILED, WireStatus.APPROVED}
            case AnswerKind.REJECTED | AnswerKind.CANCELLED:
                return await self._fail(session, wire, answer)
            case AnswerKind.BOOKED:
                return await self._settle(session, wire, answer, step)
            case AnswerKind.RETURNED:
                return await self._return(session, wire, answer, step)
            case _:
                return True

    async def _acknowledge(self, session: AsyncSession, wire: Wire) -> None:
        if wire.status == WireStatus.RELEASED:
            wire.status = WireStatus.ACKNOWLEDGED
            await session.flush()
            await wires.tell(session, wire, "acknowledged", actor="bank", step="acknowledged")

    async def _fail(self, session: AsyncSession, wire: Wire, answer: Any) -> bool:
        if wire.status not in _AT_THE_BANK:
            return wire.status == WireStatus.FAILED
        wire.status = WireStatus.FAILED
        wire.reason_code = answer.reason_code or "refused_by_bank"
        wire.reason_text = answer.reason_text or "the bank refused the order"
        await ledger.release_hold(session, "wire", wire.id)
        await session.flush()
        await wires.tell(session, wire, "failed", actor="bank", step="failed", data={"reason_code": answer.reason_code})
        return True

    async def _settle(self, session: AsyncSession, wire: Wire, answer: Any, step: WireStep) -> bool:
        if wire.status in {WireStatus.COMPLETED, WireStatus.RETURNED}:
            return True
        if wire.status not in _AT_THE_BANK or not _is_ours(wire, answer):
            return False
        await self._acknowledge(session, wire)
        hold = await ledger.hold_of(session, "wire", wire.id)
        assert hold is not None
        posted = await ledger.post_one(
            session,
            settlement_entry(
                wire.money,
                hold_id=hold.id,
                nostro=await ledger.internal_account(session, InternalPurpose.NOSTRO, wire.currency),
                fees=await ledger.internal_account(session, InternalPurpose.FEES, wire.currency),
                correspondent_charges=await ledger.internal_account(
                    session, InternalPurpose.CORRESPONDENT_CHARGES, wire.currency
                )
                if wire.correspondent_minor
                else None,
                value_date=_day(answer.booked_on, step),
                reference=f"Wire {wire.end_to_end_id}",
            ),
        )
        wire.status, wire.transaction_id = WireStatus.COMPLETED, posted.transaction_id
        await session.flush()
        await wires.tell(
            session, wire, "completed", actor="bank", step="completed", data={"booked_on": answer.booked_on}
        )
        return True

    async def _return(self, session: AsyncSession, wire: Wire, answer: Any, step: WireStep) -> bool:
        if wire.status == WireStatus.RETURNED:
            return await self._is_told_again(session, wire, answer)
        fits = wire.status == WireStatus.COMPLETED and answer.currency in {None, wire.currency}
        returned_minor = answer.amount_minor or wire.money.paid_minor
        if not fits or returned_minor > wire.money.paid_minor:
            return False
        reason = answer.reason_code or "returned"
        await ledger.post_one(
            session,
            return_entry(
                wire.money,
                nostro=await ledger.internal_account(session, InternalPurpose.NOSTRO, wire.currency),
                returned_minor=returned_minor,
                value_date=_day(answer.booked_on, step),
                reason=reason,
            ),
        )
        wire.status, wire.reason_code, wire.reason_text = WireStatus.RETURNED, reason, answer.reason_text
        await session.flush()
        data = {"amount_minor": returned_minor, "reason": reason}
        if charges_minor := wire.money.paid_minor - returned_minor:
            data["charges_minor"] = charges_minor
        await wires.tell(session, wire, "returned", actor="bank", step="returned", data=data)
        return True

    async def _is_told_again(self, session: AsyncSession, wire: Wire, answer: Any) -> bool:
        """Whether a return is the one that was posted: it is told by its message and by the credit on our account, with
        the same amount. Another amount, or a second message of the same kind, is other money, which a person looks at.
        """
        posted = (await session.execute(_POSTED_RETURN, {"key": f"wire/{wire.id}/return"})).scalar_one()
        if answer.amount_minor not in {None, posted}:
            return False
        return answer.family not in (await session.execute(_RETURNS_TOLD, {"wire_id": wire.id})).scalars().all()

    async def _dispute(self, session: AsyncSession, wire: Wire, answer: Any) -> None:
        await wires.tell(
            session,
            wire,
            "bank_answer_disputed",
            actor="bank",
            step=f"disputed/{answer.id}",
            data={"kind": answer.kind, "amount_minor": answer.amount_minor, "currency": answer.currency},
        )
        await tell_staff(
            session,
            wire,
            permission="admin:system",
            event=f"wire.disputed/{answer.id}",
            subject="The bank says something of a wire that does not fit its state",
        )

    @activity.defn(name="wire.note_silence")
    async def note_silence(self, step: WireStep) -> WireState:
        """Tells operations that the bank has not answered in time, and again where it does not answer the question
        what became of the order either. The order is never sent again by itself."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            ask = await to_ask(self._desk, session, wire)
            if wire.status in _AT_THE_BANK:
                was_asked = wire.status == WireStatus.RELEASED and await asked(session, wire.id) is not None
                event = "bank_silent_when_asked" if was_asked else "bank_silent"
                await wires.tell(session, wire, event, step=event, data={"at": step.at})
                await tell_staff(
                    session,
                    wire,
                    permission="admin:system",
                    event=f"wire.{event}",
                    subject="The bank has not said in time what became of an order"
                    if was_asked
                    else "The bank has not answered an order in time",
                    then="Ask the bank, and never send it again" if was_asked or not ask else "The bank is being asked",
                )
            return await wires.state(session, wire, ask_bank=ask)


def _is_ours(wire: Wire, answer: Any) -> bool:
    return answer.amount_minor in {None, wire.money.paid_minor} and answer.currency in {None, wire.currency}


def _day(booked_on: date | None, step: WireStep) -> date:
    return booked_on or step.at.astimezone(UTC).date()
