"""From the money to the bank: the rail's window, screening, the order written exactly once."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.payments.desk import PaymentDesk, failed, tell_staff
from activities.payments.messages import ach_file, sepa_message
from activities.payments.screening import require_fresh_lists, screened
from activities.sending import send_once
from infra.database import transaction
from models.bank import UnwritableMessage
from models.calendars import Hours
from models.errors import Forbidden
from models.payments import PaymentState, PaymentStatus, PaymentStep, Rail
from models.screening import Verdict
from models.tables import payments, sanctions
from models.tables.payments import Payment, compliance
from models.tables.users import may_send_money

_ORDER: Final = text("SELECT id FROM bank_messages WHERE payment_id = :payment_id AND direction = 'outbound'")


class ReleaseSteps:
    """The steps that give a funded payment to the bank."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk

    @activity.defn(name="payment.release")
    async def release(self, step: PaymentStep) -> PaymentState:
        """Writes the order to the bank and marks the payment released, in one transaction; the file leaves afterwards.

        Outside the rail's hours answers when to look again. Screens first, and again when the lists have changed since:
        a listed name or bank blocks the payment, which keeps its hold until two officers have ruled (decision 0052); a
        similar name is not for this rail, since nobody looks at its payments, and fails it. So does an order that
        cannot be written, and a customer who may not send money any more. No newer version of a list appears while
        this runs.
        """
        async with transaction(self._desk.engine) as session:
            await sanctions.hold_versions(session)
            payment = await payments.locked(session, step.payment_id)
            if payment.status != PaymentStatus.FUNDED:
                return await payments.state(session, payment)
            await self._screen(session, payment, step.at)
            if payment.status != PaymentStatus.FUNDED:
                return await payments.state(session, payment)
            hours = await self._desk.rail_hours(session, payment.currency)
            opening = hours.next_open(step.at)
            if opening > step.at:
                return await payments.state(session, payment, look_again_at=opening)
            await require_fresh_lists(self._desk, session)
            try:
                await may_send_money(session, payment.user_id)
            except Forbidden as refused:
                await failed(session, payment, step.at, refused.code, refused.detail, step="released")
                return await payments.state(session, payment)
            await self._order(session, payment, step.at, hours)
            return await payments.state(session, payment)

    async def _screen(self, session: AsyncSession, payment: Payment, at: datetime) -> None:
        """Raises `Unavailable` when no list is loaded: screening fails closed."""
        if payment.list_version is not None and payment.list_version == await sanctions.version(session):
            return
        hits = await screened(self._desk, session, payment)
        await session.flush()
        if any(hit.verdict is Verdict.EXACT for hit in hits):
            await compliance.keep_hits(session, payment, hits)
            payment.status, payment.reason_code = PaymentStatus.BLOCKED, "sanctions_hit"
            payment.ended_at = at
            await session.flush()
            await payments.tell(session, payment, "blocked", step="blocked")
            await tell_staff(
                session,
                payment,
                permission="admin:compliance",
                event="blocked",
                subject="A payment is blocked by a sanctions hit",
                then=f"Two officers rule about it: /api/v1/admin/screening/payments/{payment.id}\n",
            )
        elif hits:
            await failed(session, payment, at, *compliance.NOT_ON_THIS_RAIL, step="screened")

    async def _order(self, session: AsyncSession, payment: Payment, at: datetime, hours: Hours) -> None:
        payment.value_date = _value_date(Rail(payment.rail), hours, at)
        write = sepa_message if payment.rail == Rail.SEPA else ach_file
        try:
            order = await write(session, self._desk, payment, at.astimezone(UTC).replace(microsecond=0))
        except (UnwritableMessage, ValueError) as error:
            await failed(session, payment, at, "unwritable_message", str(error), step="released")
            return
        await session.execute(
            text(
                "INSERT INTO bank_messages (payment_id, direction, message_type, message_id, file_name, sha256,"
                " content, status) VALUES (:payment_id, 'outbound', :type, :message_id, :file_name, :sha256, :content,"
                " 'prepared')"
            ),
            {
                "payment_id": payment.id,
                "type": order.message_type,
                "message_id": order.message_id,
                "file_name": order.file_name,
                "sha256": hashlib.sha256(order.content).digest(),
                "content": order.content,
            },
        )
        payment.status = PaymentStatus.RELEASED
        await session.flush()
        await payments.tell(
            session,
            payment,
            "released",
            step="released",
            data={"message_id": order.message_id, "type": order.message_type, "value_date": payment.value_date},
        )

    @activity.defn(name="payment.send")
    async def send(self, step: PaymentStep) -> PaymentState:
        """Puts the order into the bank's folder, exactly once."""
        async with transaction(self._desk.engine) as session:
            order = (await session.execute(_ORDER, {"payment_id": step.payment_id})).scalar_one()

        async def sent(session: AsyncSession, file: str) -> None:
            payment = await session.get_one(Payment, step.payment_id)
            await payments.tell(session, payment, "sent", step="sent", data={"file": file})

        sent_at = await send_once(self._desk.engine, self._desk.channel, order, sent)
        async with transaction(self._desk.engine) as session:
            payment = await session.get_one(Payment, step.payment_id)
            # Not from when it was first tried: a disk may have been full for hours.
            late = await self._desk.bank_is_late_at(session, payment, max(step.at, sent_at))
            return await payments.state(session, payment, look_again_at=late)


def _value_date(rail: Rail, hours: Hours, at: datetime) -> date:
    """The day a payment counts that leaves at `at`: the same day in SEPA, the next banking day in the ACH."""
    today = hours.business_day(at)
    if rail is Rail.SEPA:
        return today
    return hours.business_day(hours.opening(today + timedelta(days=1)))
