"""From the bank's answers to the end: acknowledgement, settlement and fee, refusal, return."""

from datetime import UTC, date
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.wires.desk import WireDesk, tell_staff
from infra.database import transaction
from models.bank import AnswerKind
from models.ledger import InternalPurpose
from models.tables import ledger, wires
from models.tables.wires import Wire
from models.wires import WireState, WireStatus, WireStep, return_entry, settlement_entry

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
            answers = (
                await session.execute(
                    text(
                        "SELECT id, kind, reason_code, reason_text, amount_minor, currency, booked_on FROM bank_answers"
                        " WHERE wire_id = :wire_id AND applied_at IS NULL ORDER BY id"
                    ),
                    {"wire_id": wire.id},
                )
            ).all()
            for answer in answers:
                fits = await self._apply(session, wire, answer, step)
                if not fits:
                    await self._dispute(session, wire, answer)
                await session.execute(
                    text("UPDATE bank_answers SET applied_at = clock_timestamp() WHERE id = :id"),
                    {"id": answer.id},
                )
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
            return True  # a return is told twice: by its message and by the credit on our account
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
        await wires.tell(
            session,
            wire,
            "returned",
            actor="bank",
            step="returned",
            data={"amount_minor": returned_minor, "reason": reason},
        )
        return True

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
        """Tells operations that the bank has not answered in time. The order is never sent again by itself."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status in _AT_THE_BANK:
                await wires.tell(session, wire, "bank_silent", step="bank_silent", data={"at": step.at})
                await tell_staff(
                    session,
                    wire,
                    permission="admin:system",
                    event="wire.bank_silent",
                    subject="The bank has not answered an order in time",
                )
            return await wires.state(session, wire)


def _is_ours(wire: Wire, answer: Any) -> bool:
    return answer.amount_minor in {None, wire.money.paid_minor} and answer.currency in {None, wire.currency}


def _day(booked_on: date | None, step: WireStep) -> date:
    return booked_on or step.at.astimezone(UTC).date()
