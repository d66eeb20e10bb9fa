"""What the steps of a payment share: who we are to the bank, the rail's hours, and how an end is written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from infra.providers.bank import BankChannel
from infra.settings import BankHours, Settings
from infra.watchlists import Watchlists
from models.calendars import AlwaysOpen, Hours
from models.payments import PAYMENT, PaymentStatus, day_ends
from models.tables import calendars, ledger, notifications, payments
from models.tables.payments import Payment
from models.tables.users import staff_with


@dataclass(frozen=True)
class PaymentDesk:
    """Who we are to the bank, what a payment costs, and how long money and answers are waited for."""

    engine: AsyncEngine
    channel: BankChannel
    hours: BankHours
    fees: Mapping[str, Decimal]
    retry: timedelta
    acknowledgement: timedelta
    bank_name: str
    bank_bic: str
    correspondent_bic: str
    nostro_accounts: Mapping[str, str]
    ach_odfi: str | None
    ach_odfi_name: str
    ach_company_id: str | None
    watchlists: Watchlists
    # How long after its last confirmation a sanctions list is good enough to release money by.
    lists_fresh_for: timedelta

    @classmethod
    def of(cls, settings: Settings, engine: AsyncEngine, channel: BankChannel) -> "PaymentDesk":
        """The desk that `settings` describe."""
        return cls(
            engine=engine,
            channel=channel,
            hours=settings.bank_hours,
            fees=settings.payment_fees,
            retry=timedelta(seconds=settings.payment_retry_seconds),
            acknowledgement=timedelta(seconds=settings.payment_acknowledgement_seconds),
            bank_name=settings.bank_name,
            bank_bic=settings.bank_bic,
            correspondent_bic=settings.correspondent_bic,
            nostro_accounts=settings.nostro_accounts,
            ach_odfi=settings.ach_odfi,
            ach_odfi_name=settings.ach_odfi_name,
            ach_company_id=settings.ach_company_id,
            watchlists=Watchlists(engine),
            lists_fresh_for=timedelta(seconds=settings.sanctions_stale_seconds),
        )

    async def rail_hours(self, session: AsyncSession, currency: str) -> Hours:
        """When payments in `currency` can be given to the bank."""
        return AlwaysOpen() if self.hours is BankHours.ALWAYS else await calendars.local_rail_hours(session, currency)

    async def bank_is_late_at(self, session: AsyncSession, payment: Payment, at: datetime) -> datetime | None:
        """When operations are told that the bank says nothing: that it has the order, or that it has carried it out."""
        hours = await self.rail_hours(session, payment.currency)
        if payment.status == PaymentStatus.RELEASED:
            return hours.add(at, self.acknowledgement)
        if payment.status == PaymentStatus.ACKNOWLEDGED and payment.value_date is not None:
            # Booked in the night after the value date, and told by the end of the next banking day.
            return day_ends(hours, hours.opening(payment.value_date + timedelta(days=1)))
        return None


async def failed(session: AsyncSession, payment: Payment, at: datetime, code: str, reason: str, *, step: str) -> None:
    """Ends a payment that is not carried out, and gives back what was set aside for it."""
    payment.status, payment.reason_code, payment.reason_text = PaymentStatus.FAILED, code, reason[:500]
    payment.ended_at = at
    await session.flush()
    await ledger.release_hold(session, PAYMENT, payment.id)
    await payments.tell(session, payment, "failed", step=step, data={"reason_code": code})


async def tell_customer(session: AsyncSession, payment: Payment, occasion: str, subject: str, body: str) -> None:
    """Tells the customer once for each occasion of a payment."""
    await notifications.tell(
        session,
        user_id=payment.user_id,
        key=f"{PAYMENT}/{payment.id}/{occasion}",
        event=f"{PAYMENT}.{occasion}",
        subject=subject,
        body=f"{body}\n\nPayment {payment.end_to_end_id}\n",
    )


async def tell_staff(
    session: AsyncSession,
    payment: Payment,
    *,
    permission: str,
    event: str,
    subject: str,
    again: str = "",
    then: str = "",
) -> None:
    """Tells everybody on the staff who has `permission`, except the payment's maker, once for each event, and for each
    `again` of it where it may happen more than once. `then`: what there is to do about it."""
    for person in [one for one in await staff_with(session, permission) if one != payment.user_id]:
        await notifications.tell(
            session,
            user_id=person,
            key="/".join([PAYMENT, str(payment.id), event, *([again] if again else []), str(person)]),
            event=f"{PAYMENT}.{event}",
            subject=subject,
            body=f"{subject}.\n\nPayment {payment.id}, status {payment.status}: /api/v1/transactions/{payment.id}\n"
            f"{then}",
        )
