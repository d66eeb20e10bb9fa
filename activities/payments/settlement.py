"""From the bank's answers to the end: acknowledgement, settlement and fee, refusal, return, notification of change."""

from datetime import UTC, date
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.payments.corrections import correct
from activities.payments.desk import PaymentDesk, failed, tell_staff
from infra.database import transaction
from models.bank import AnswerKind
from models.ledger import InternalPurpose
from models.payments import (
    AT_THE_BANK,
    PAYMENT,
    SETTLED_ON,
    PaymentState,
    PaymentStatus,
    PaymentStep,
    Rail,
    return_entry,
    settlement_entry,
)
from models.tables import ledger, payments
from models.tables.payments import Payment

# A return that is read before the debit that it undoes waits for it, so that neither is lost.
_UNAPPLIED: Final = text(
    "SELECT id, kind, reason_code, reason_text, amount_minor, currency, booked_on FROM bank_answers"
    " WHERE payment_id = :payment_id AND applied_at IS NULL"
    " ORDER BY CASE WHEN kind = 'returned' THEN 1 ELSE 0 END, id"
)


class SettlementSteps:
    """The steps that follow from what the bank said."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk

    @activity.defn(name="payment.apply_answers")
    async def apply_answers(self, step: PaymentStep) -> PaymentState:
        """Applies every answer of the bank that was not applied yet, in the order they came, with its money."""
        async with transaction(self._desk.engine) as session:
            payment = await payments.locked(session, step.payment_id)
            answers = (await session.execute(_UNAPPLIED, {"payment_id": payment.id})).all()
            for answer in answers:
                if answer.kind == AnswerKind.RETURNED and payment.status in AT_THE_BANK:
                    continue
                if not await self._apply(session, payment, answer, step):
                    await self._dispute(session, payment, answer)
                await session.execute(
                    text("UPDATE bank_answers SET applied_at = clock_timestamp() WHERE id = :id"),
                    {"id": answer.id},
                )
            late = await self._desk.bank_is_late_at(session, payment, step.at)
            return await payments.state(session, payment, look_again_at=late)

    async def _apply(self, session: AsyncSession, payment: Payment, answer: Any, step: PaymentStep) -> bool:
        """Whether the answer fits where the payment stands; what does not fit moves nothing."""
        match AnswerKind(answer.kind):
            case AnswerKind.ACCEPTED:
                await self._acknowledge(session, payment)
                return payment.status not in {PaymentStatus.FAILED, PaymentStatus.FUNDED, PaymentStatus.SCHEDULED}
            case AnswerKind.REJECTED | AnswerKind.CANCELLED:
                return await self._fail(session, payment, answer, step)
            case AnswerKind.BOOKED:
                return await self._settle(session, payment, answer, step)
            case AnswerKind.RETURNED:
                return await self._return(session, payment, answer, step)
            case AnswerKind.CORRECTED:
                return await correct(session, payment, answer)
            case AnswerKind.PENDING:
                return True
            case _:
                return False

    async def _acknowledge(self, session: AsyncSession, payment: Payment) -> None:
        if payment.status == PaymentStatus.RELEASED:
            payment.status = PaymentStatus.ACKNOWLEDGED
            await session.flush()
            await payments.tell(session, payment, "acknowledged", actor="bank", step="acknowledged")

    async def _fail(self, session: AsyncSession, payment: Payment, answer: Any, step: PaymentStep) -> bool:
        if payment.status not in AT_THE_BANK:
            return payment.status == PaymentStatus.FAILED
        code = answer.reason_code or "refused_by_bank"
        await failed(session, payment, step.at, code, answer.reason_text or "the bank refused it", step="refused")
        return True

    async def _settle(self, session: AsyncSession, payment: Payment, answer: Any, step: PaymentStep) -> bool:
        if payment.status in {PaymentStatus.COMPLETED, PaymentStatus.RETURNED}:
            return True
        ours = answer.amount_minor in {None, payment.amount_minor} and answer.currency in {None, payment.currency}
        if payment.status not in AT_THE_BANK or not ours:
            return False
        await self._acknowledge(session, payment)
        hold = await ledger.hold_of(session, PAYMENT, payment.id)
        assert hold is not None
        posted = await ledger.post_one(
            session,
            settlement_entry(
                payment.money,
                hold_id=hold.id,
                settled_on=await self._settled_on(session, payment),
                fees=await ledger.internal_account(session, InternalPurpose.FEES, payment.currency),
                value_date=_day(answer.booked_on, step),
            ),
        )
        payment.status, payment.transaction_id = PaymentStatus.COMPLETED, posted.transaction_id
        payment.ended_at = step.at
        await session.flush()
        await payments.tell(
            session, payment, "completed", actor="bank", step="completed", data={"booked_on": answer.booked_on}
        )
        return True

    async def _return(self, session: AsyncSession, payment: Payment, answer: Any, step: PaymentStep) -> bool:
        if payment.status == PaymentStatus.RETURNED:
            return True  # a return is told twice: by its message and by the credit on our account
        if payment.status == PaymentStatus.FAILED and payment.rail == Rail.ACH:
            return True  # the ACH also answers an entry that the bank refused with its return; nothing was debited
        returned_minor = answer.amount_minor or payment.amount_minor
        fits = payment.status == PaymentStatus.COMPLETED and answer.currency in {None, payment.currency}
        if not fits or returned_minor > payment.amount_minor:
            return False
        reason = answer.reason_code or "returned"
        await ledger.post_one(
            session,
            return_entry(
                payment.money,
                settled_on=await self._settled_on(session, payment),
                returned_minor=returned_minor,
                value_date=_day(answer.booked_on, step),
                reason=reason,
            ),
        )
        payment.status, payment.reason_code = PaymentStatus.RETURNED, reason
        payment.reason_text = answer.reason_text
        await session.flush()
        await payments.tell(
            session,
            payment,
            "returned",
            actor="bank",
            step="returned",
            data={"amount_minor": returned_minor, "reason": reason},
        )
        return True

    async def _settled_on(self, session: AsyncSession, payment: Payment) -> Any:
        return await ledger.internal_account(session, SETTLED_ON[Rail(payment.rail)], payment.currency)

    async def _dispute(self, session: AsyncSession, payment: Payment, answer: Any) -> None:
        await payments.tell(
            session,
            payment,
            "bank_answer_disputed",
            actor="bank",
            step=f"disputed/{answer.id}",
            data={"kind": answer.kind, "amount_minor": answer.amount_minor, "currency": answer.currency},
        )
        await tell_staff(
            session,
            payment,
            permission="admin:system",
            event=f"disputed/{answer.id}",
            subject="The bank says something of a payment that does not fit its state",
        )

    @activity.defn(name="payment.note_silence")
    async def note_silence(self, step: PaymentStep) -> PaymentState:
        """Tells operations that the bank has not answered in time. The order is never sent again by itself."""
        async with transaction(self._desk.engine) as session:
            payment = await payments.locked(session, step.payment_id)
            if payment.status in AT_THE_BANK:
                await payments.tell(
                    session, payment, "bank_silent", step=f"silent/{payment.status}", data={"at": step.at}
                )
                await tell_staff(
                    session,
                    payment,
                    permission="admin:system",
                    event=f"bank_silent/{payment.status}",
                    subject="The bank has not answered about a payment in time",
                )
            return await payments.state(session, payment)


def _day(booked_on: date | None, step: PaymentStep) -> date:
    return booked_on or step.at.astimezone(UTC).date()
