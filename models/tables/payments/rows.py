"""Payments as they are kept, and the questions asked about them."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.errors import NotFound
from models.payments import PaymentMoney, PaymentStart, PaymentState, PaymentStatus, Rail

MOMENT = DateTime(timezone=True)


class Payment(SQLModel, table=True):
    """One payment. What was ordered never changes after the insert: the database refuses it."""

    __tablename__ = "payments"
    # `updated_at` is the database's: read back with each change, so that an answer tells what is stored.
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    sender_account_id: UUID
    standing_order_id: UUID | None = None
    number: int | None = None
    transaction_id: UUID | None = None
    status: str = Field(sa_type=Text)
    rail: str
    amount_minor: int = Field(sa_type=BigInteger)
    fee_minor: int = Field(sa_type=BigInteger)
    currency: str
    exponent: int = Field(sa_type=SmallInteger)
    recipient_name: str
    recipient_account_number: str
    recipient_bic: str | None = None
    recipient_routing_number: str | None = None
    recipient_account_type: str
    recipient_is_company: bool
    reference: str = ""
    description: str = ""
    category: str
    due_on: date | None = None
    try_until: datetime | None = Field(default=None, sa_type=MOMENT)
    next_try_at: datetime | None = Field(default=None, sa_type=MOMENT)
    value_date: date | None = None
    end_to_end_id: str
    uetr: UUID
    trace_number: str | None = None
    list_version: str | None = None
    reason_code: str | None = None
    reason_text: str | None = None
    created_at: datetime | None = Field(default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.now()})
    updated_at: datetime | None = Field(
        default=None,
        sa_type=MOMENT,
        sa_column_kwargs={"server_default": func.now(), "server_onupdate": FetchedValue()},
    )
    ended_at: datetime | None = Field(default=None, sa_type=MOMENT)

    @property
    def money(self) -> PaymentMoney:
        """The facts that the payment's ledger entries are made of."""
        return PaymentMoney(
            payment_id=self.id,
            account_id=self.sender_account_id,
            rail=Rail(self.rail),
            amount_minor=self.amount_minor,
            fee_minor=self.fee_minor,
            currency=self.currency,
            description=self.description,
            category=self.category,
            recipient_name=self.recipient_name,
            recipient_account_number=self.recipient_account_number,
            end_to_end_id=self.end_to_end_id,
            standing_order_id=self.standing_order_id,
            number=self.number,
        )

    @property
    def start(self) -> PaymentStart:
        """What the payment's process is started with."""
        return PaymentStart(
            payment_id=self.id,
            customer_ref=str(self.user_id),
            amount_minor=self.amount_minor,
            currency=self.currency,
        )


class PaymentEvent(SQLModel, table=True):
    """One line of a payment's timeline. `step` names a step of the process, which is written once."""

    __tablename__ = "payment_events"

    id: int | None = Field(default=None, primary_key=True)
    payment_id: UUID
    at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.clock_timestamp()}
    )
    event: str
    status: str
    actor: str
    actor_id: UUID | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    step: str | None = None


async def locked(session: AsyncSession, payment_id: UUID) -> Payment:
    """The payment, its row locked until the transaction ends. Raises `NotFound`.

    Every change of a payment starts here: whoever gets the lock first decides, the others see what was decided.
    """
    statement = (
        select(Payment).where(Payment.id == payment_id).with_for_update().execution_options(populate_existing=True)
    )
    payment = (await session.execute(statement)).scalar_one_or_none()
    if payment is None:
        raise NotFound("there is no such payment")
    return payment


async def find(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """The payment as it is now, if there is one that can be seen."""
    return (await session.execute(select(Payment).where(Payment.id == payment_id))).scalar_one_or_none()


async def with_ids(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Payment]:
    """The payments with these ids, as far as they can be seen, in the order of the ids."""
    chosen = select(Payment).where(col(Payment.id).in_(ids)).order_by(col(Payment.id))
    return (await session.execute(chosen)).scalars().all()


async def tell(
    session: AsyncSession,
    payment: Payment,
    event: str,
    *,
    actor: str = "process",
    actor_id: UUID | None = None,
    step: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Adds a line to the payment's timeline. With a `step` that is there already, adds nothing."""
    await session.execute(
        text(
            "INSERT INTO payment_events (payment_id, event, status, actor, actor_id, step, data)"
            " VALUES (:payment_id, :event, :status, :actor, :actor_id, :step, cast(:data AS jsonb))"
            " ON CONFLICT (payment_id, step) DO NOTHING"
        ),
        {
            "payment_id": payment.id,
            "event": event,
            "status": payment.status,
            "actor": actor,
            "actor_id": actor_id,
            "step": step,
            "data": json.dumps(data or {}, default=str),
        },
    )


async def timeline(session: AsyncSession, payment_id: UUID) -> Sequence[PaymentEvent]:
    """What happened to a payment, in order."""
    statement = select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(col(PaymentEvent.id))
    return (await session.execute(statement)).scalars().all()


async def state(session: AsyncSession, payment: Payment, *, look_again_at: datetime | None = None) -> PaymentState:
    """What the process is told about a payment after each step."""
    message_id = (
        await session.execute(
            text("SELECT message_id FROM bank_messages WHERE payment_id = :payment_id AND direction = 'outbound'"),
            {"payment_id": payment.id},
        )
    ).scalar_one_or_none()
    return PaymentState(
        payment_id=payment.id,
        status=PaymentStatus(payment.status),
        rail=Rail(payment.rail),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        due_on=payment.due_on,
        standing_order_id=payment.standing_order_id,
        number=payment.number,
        look_again_at=look_again_at,
        try_until=payment.try_until,
        message_id=message_id,
        value_date=payment.value_date,
        reason_code=payment.reason_code,
    )
