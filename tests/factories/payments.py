"""Payments and standing orders of a customer, made the way the bank makes them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import transaction
from models.calendars import AlwaysOpen, Hours
from models.ledger import Entry, InternalPurpose, credit, debit
from models.payments import PaymentOrder, Rhythm
from models.tables import ledger, payments
from models.tables.payments import Payment, StandingOrder, compliance
from models.tables.wires.compliance import Ruler
from models.wires.compliance import Ruling
from tests.factories.wires import People

EUR_FEE, USD_FEE = 20, 50
# A bank that mock-bank is not: payments to it settle.
ELSEWHERE_IBAN = "DE89370400440532013000"
ELSEWHERE_ROUTING = "021000021"


def sepa_order(people: People, **changes: Any) -> PaymentOrder:
    """A payment of 100.00 EUR to a fictional landlady."""
    return PaymentOrder.model_validate(
        {
            "sender_account_id": people.eur_account,
            "amount_minor": 100_00,
            "currency": "EUR",
            "recipient_name": "Nina Landlady",
            "recipient_account_number": ELSEWHERE_IBAN,
            "reference": "Rent December",
            "category": "housing",
        }
        | changes
    )


def ach_order(people: People, **changes: Any) -> PaymentOrder:
    """A payment of 100.00 USD to a fictional landlady."""
    return PaymentOrder.model_validate(
        {
            "sender_account_id": people.usd_account,
            "amount_minor": 100_00,
            "currency": "USD",
            "recipient_name": "Nina Landlady",
            "recipient_account_number": "000123456789",
            "recipient_routing_number": ELSEWHERE_ROUTING,
            "reference": "Rent December",
            "category": "housing",
        }
        | changes
    )


def order_in(currency: str, people: People, **changes: Any) -> PaymentOrder:
    """A payment by the rail of a currency."""
    return (sepa_order if currency == "EUR" else ach_order)(people, **changes)


def fee(currency: str) -> int:
    """What a payment costs."""
    return EUR_FEE if currency == "EUR" else USD_FEE


async def ordered(
    engine: AsyncEngine, people: People, order: PaymentOrder, *, hours: Hours | None = None, at: datetime | None = None
) -> Payment:
    """A payment that the customer has ordered, by the API's own role and act."""
    async with transaction(engine, people.as_customer()) as session:
        return await payments.place(
            session, people.customer, order, fee_minor=fee(order.currency), hours=hours or AlwaysOpen(), at=at
        )


async def standing(
    engine: AsyncEngine, people: People, order: PaymentOrder, rhythm: Rhythm, *, hours: Hours | None = None
) -> tuple[StandingOrder, Payment]:
    """A standing order that the customer has given, with its first payment."""
    async with transaction(engine, people.as_customer()) as session:
        return await payments.place_standing(
            session, people.customer, order, rhythm, fee_minor=fee(order.currency), hours=hours or AlwaysOpen()
        )


async def cancelled(engine: AsyncEngine, people: People, payment_id: UUID) -> Payment | None:
    """The customer takes a payment back."""
    async with transaction(engine, people.as_customer()) as session:
        return await payments.cancel(session, payment_id, people.customer)


async def cleared(engine: AsyncEngine, people: People, payment_id: UUID) -> None:
    """Two officers, one of them senior, rule that a blocked payment is to another person than the listed one."""
    both = ((people.as_officer(), people.officers[0], False), (people.as_senior(), people.senior, True))
    for rights, officer, senior in both:
        async with transaction(engine, rights) as session:
            await compliance.rule(session, payment_id, Ruler(officer, senior), Ruling.CLEAR, "born elsewhere")


def rhythm(first_on: date, **changes: Any) -> Rhythm:
    """Every month from a day on."""
    return Rhythm.model_validate({"frequency": "monthly", "first_on": first_on} | changes)


async def paid_in(engine: AsyncEngine, account: UUID, minor: int, currency: str = "EUR") -> None:
    """Money comes to an account."""
    async with transaction(engine) as session:
        opening = await ledger.internal_account(session, InternalPurpose.OPENING, currency)
        await ledger.post_one(
            session,
            Entry(
                key=f"opening/{uuid7()}",
                kind="opening",
                currency=currency,
                amount_minor=minor,
                legs=(debit(opening, minor), credit(account, minor)),
            ),
        )
