"""From the order to the money: waiting for the day, setting the money aside, looking again; and the last notice."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.payments.desk import PaymentDesk, failed, tell_customer
from infra.database import transaction
from models.errors import AurumError, Forbidden, RuleRefused
from models.money import written
from models.payments import PaymentState, PaymentStatus, PaymentStep, day_ends, next_look
from models.tables import payments
from models.tables.payments import Payment

_AT_THE_END: Final = {
    PaymentStatus.COMPLETED: ("Your payment has been made", "The bank of the recipient has the money."),
    PaymentStatus.CANCELLED: ("Your payment is cancelled", "Nothing was sent, and nothing is set aside for it."),
    PaymentStatus.FAILED: ("Your payment was not made", "Nothing was sent. The amount is available to you."),
    PaymentStatus.RETURNED: ("Your payment came back", "The amount that came back is on your account."),
}
# Why a payment failed, as its owner is told; what is not here is told in the bank's or the rail's own words.
_REASONS: Final = {
    "insufficient_funds": "the money was not on the account until the cut-off of its day",
    "limit_exceeded": "your limit left no room for it until the cut-off of its day",
    "customer_frozen": "your access is frozen; speak to the bank",
    "kyc_required": "your identity check is not approved",
    "account_unusable": "the account is frozen or closed",
}


class FundingSteps:
    """The steps until the money is set aside, and the notice at the end."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk

    @activity.defn(name="payment.fund")
    async def fund(self, step: PaymentStep) -> PaymentState:
        """Sets the money of a payment aside once it is due, which is when the rail opens on its day and not before.

        When the money is missing, or a limit leaves no room, its owner is told and it is looked for again the same day;
        what is still missing shortly before the cut-off fails the payment. Answers when to look again.
        """
        async with transaction(self._desk.engine) as session:
            payment = await payments.locked(session, step.payment_id)
            if payment.status != PaymentStatus.SCHEDULED:
                return await payments.state(session, payment)
            assert payment.due_on is not None
            hours = await self._desk.rail_hours(session, payment.currency)
            due = max(hours.opening(payment.due_on), hours.next_open(step.at))
            again = payment.next_try_at or due
            if again > step.at:
                return await payments.state(session, payment, look_again_at=again)
            refused = await self._set_aside(session, payment, step.at)
            if refused is None:
                payment.status, payment.next_try_at = PaymentStatus.FUNDED, None
                await session.flush()
                await payments.tell(session, payment, "funded", step="funded")
                return await payments.state(session, payment)
            if payment.try_until is None:
                payment.try_until = day_ends(hours, step.at)
            payment.next_try_at = next_look(step.at, payment.try_until, self._desk.retry)
            if payment.next_try_at is None:
                await failed(session, payment, step.at, refused.code, refused.detail, step="funded")
            else:
                await self._short(session, payment, refused, payment.try_until)
            return await payments.state(session, payment, look_again_at=payment.next_try_at)

    async def _set_aside(self, session: AsyncSession, payment: Payment, at: datetime) -> AurumError | None:
        """Why the money cannot be set aside now; None: it is."""
        try:
            async with session.begin_nested():
                await payments.set_aside(session, payment, at=at)
        except (RuleRefused, Forbidden) as refused:
            return refused
        return None

    async def _short(self, session: AsyncSession, payment: Payment, refused: AurumError, until: datetime) -> None:
        await session.flush()
        await payments.tell(
            session, payment, "money_missing", step="money_missing", data={"code": refused.code, "until": until}
        )
        await tell_customer(
            session,
            payment,
            "money_missing",
            "Your payment cannot be made yet",
            f"{written(payment.money.debited_minor, payment.currency)} could not be set aside for a payment that is"
            f" due today: {refused.detail}.\nWe look again until {until:%Y-%m-%d %H:%M} UTC. If it is still not"
            " possible then, the payment is not made.",
        )

    @activity.defn(name="payment.conclude")
    async def conclude(self, step: PaymentStep) -> PaymentState:
        """Tells the customer how the payment ended; what never left is no longer counted against their limits.

        A blocked one is not told: that would be tipping off.
        """
        async with transaction(self._desk.engine) as session:
            payment = await payments.locked(session, step.payment_id)
            status = PaymentStatus(payment.status)
            if status in {PaymentStatus.FAILED, PaymentStatus.CANCELLED}:
                await session.execute(text("DELETE FROM limit_uses WHERE transaction_id = :id"), {"id": payment.id})
            if status in _AT_THE_END:
                subject, body = _AT_THE_END[status]
                code = payment.reason_code
                why = _REASONS.get(code or "", payment.reason_text or code)
                told = f"{body}\nReason: {why}" if code and status is not PaymentStatus.CANCELLED else body
                await tell_customer(session, payment, status, subject, told)
            return await payments.state(session, payment)
