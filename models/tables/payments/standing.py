"""Standing orders as they are kept, and what is done to them. Each payment of one is a row of its own.

The next payment of an active order always stands as a scheduled one, so that it is seen and can be cancelled by itself.
On its day the order makes the one after it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, SmallInteger
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.calendars import Hours
from models.errors import NotFound, WrongState
from models.money import exponent, written
from models.payments import (
    PaymentOrder,
    PaymentStatus,
    Rail,
    Rhythm,
    StandingOrderStart,
    check_day,
    first_payment,
    next_payment,
)
from models.tables.outbox import enqueue
from models.tables.payments.acts import cancel, made, may_order, wake
from models.tables.payments.rows import Payment, tell

MOMENT = DateTime(timezone=True)
STANDING_ORDER = "standing-order"


class StandingOrder(SQLModel, table=True):
    """A standing order. What it orders never changes but for where the recipient's account is, if its bank says so."""

    __tablename__ = "standing_orders"
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    sender_account_id: UUID
    status: str = "active"
    rail: str
    amount_minor: int = Field(sa_type=BigInteger)
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
    frequency: str
    non_banking_day: str
    first_on: date
    last_on: date | None = None
    occurrences: int | None = None
    issued: int = 0
    created_at: datetime | None = Field(default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.now()})
    updated_at: datetime | None = Field(
        default=None,
        sa_type=MOMENT,
        sa_column_kwargs={"server_default": func.now(), "server_onupdate": FetchedValue()},
    )

    @property
    def rhythm(self) -> Rhythm:
        """Its dates."""
        return Rhythm.model_validate(self, from_attributes=True)

    @property
    def order(self) -> PaymentOrder:
        """What each payment of it orders."""
        return PaymentOrder.model_validate(self, from_attributes=True)

    @property
    def start(self) -> StandingOrderStart:
        """What its process is started with."""
        return StandingOrderStart(
            standing_order_id=self.id,
            customer_ref=str(self.user_id),
            amount_minor=self.amount_minor,
            currency=self.currency,
        )


async def place(
    session: AsyncSession,
    customer: UUID,
    order: PaymentOrder,
    rhythm: Rhythm,
    *,
    fee_minor: int,
    hours: Hours,
    at: datetime | None = None,
    request_id: str | None = None,
) -> tuple[StandingOrder, Payment]:
    """Orders payments by a rhythm: stores the order and its first payment, and asks for the process of each.

    Raises what `acts.place` raises but `InsufficientFunds`, since no money is set aside before its day; and
    `NeverPays`.
    """
    rail = await may_order(session, customer, order)
    check_day(rhythm.first_on, hours.business_day(at or datetime.now(UTC)))
    number, due_on = first_payment(rhythm, hours.is_business_day)
    standing = StandingOrder(
        **order.model_dump(exclude={"due_on"}),
        **rhythm.model_dump(),
        id=uuid7(),
        user_id=customer,
        rail=rail,
        exponent=exponent(order.currency),
    )
    session.add(standing)
    await session.flush()
    payment = await _issue(session, standing, number, due_on, fee_minor, request_id)
    await enqueue(
        session,
        workflow=STANDING_ORDER,
        workflow_id=f"{STANDING_ORDER}/{standing.id}",
        argument=standing.start.model_dump(mode="json"),
        summary=f"{rhythm.frequency} {written(order.amount_minor, order.currency)}",
        request_id=request_id,
    )
    return standing, payment


async def _issue(
    session: AsyncSession, standing: StandingOrder, number: int, due_on: date, fee_minor: int, request_id: str | None
) -> Payment:
    order = standing.order.model_copy(update={"due_on": due_on})
    payment = made(
        standing.user_id,
        order,
        Rail(standing.rail),
        fee_minor,
        PaymentStatus.SCHEDULED,
        standing_order_id=standing.id,
        number=number,
    )
    session.add(payment)
    await session.flush()
    await tell(
        session,
        payment,
        "ordered",
        actor="customer",
        actor_id=standing.user_id,
        step="ordered",
        data={"standing_order_id": standing.id, "number": number},
    )
    await wake(session, payment, request_id)
    return payment


async def newest_of(session: AsyncSession, standing_order_id: UUID) -> Payment:
    """The newest payment of a standing order; it always has one."""
    found = await session.execute(
        select(Payment)
        .where(Payment.standing_order_id == standing_order_id)
        .order_by(col(Payment.number).desc())
        .limit(1)
    )
    return found.scalar_one()


async def issue_next(session: AsyncSession, standing: StandingOrder, fee_minor: int, hours: Hours) -> Payment | None:
    """Makes the payment after the newest one of a locked, active order; None, and the order has ended, after the last.

    Raises `LookupError` where the bank's calendar ends. For the worker's role.
    """
    newest = await newest_of(session, standing.id)
    assert newest.number is not None
    standing.issued = newest.number
    following = next_payment(standing.rhythm, newest.number, hours.is_business_day)
    if following is None:
        standing.status = "ended"
        await session.flush()
        return None
    await session.flush()
    number, due_on = following
    return await _issue(session, standing, number, due_on, fee_minor, None)


async def locked_standing(session: AsyncSession, standing_order_id: UUID) -> StandingOrder:
    """The standing order, its row locked until the transaction ends. Raises `NotFound`."""
    found = await session.execute(
        select(StandingOrder)
        .where(StandingOrder.id == standing_order_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    standing = found.scalar_one_or_none()
    if standing is None:
        raise NotFound("There is no such standing order")
    return standing


async def find_standing(session: AsyncSession, standing_order_id: UUID) -> StandingOrder:
    """The standing order as it is now, if it can be seen. Raises `NotFound`."""
    found = await session.execute(select(StandingOrder).where(StandingOrder.id == standing_order_id))
    standing = found.scalar_one_or_none()
    if standing is None:
        raise NotFound("There is no such standing order")
    return standing


async def upcoming_of(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """The payment that each of these standing orders makes next: the one that waits for its day."""
    found = await session.execute(
        select(Payment).where(col(Payment.standing_order_id).in_(ids), Payment.status == PaymentStatus.SCHEDULED)
    )
    return {payment.standing_order_id: payment for payment in found.scalars() if payment.standing_order_id is not None}


async def cancel_standing(
    session: AsyncSession, standing_order_id: UUID, customer: UUID, *, request_id: str | None = None
) -> StandingOrder:
    """The customer ends a standing order: no payment comes any more, and the one that waits for its day is cancelled.

    A payment whose money is set aside already is cancelled by itself. Raises `NotFound` (somebody else's, too) and
    `WrongState`.
    """
    if (await find_standing(session, standing_order_id)).user_id != customer:
        raise NotFound("There is no such standing order")
    standing = await locked_standing(session, standing_order_id)
    if standing.status != "active":
        raise WrongState(f"The standing order has {'ended' if standing.status == 'ended' else 'been cancelled before'}")
    standing.status = "cancelled"
    await session.flush()
    waiting = await session.execute(
        select(col(Payment.id))
        .where(Payment.standing_order_id == standing.id, Payment.status == PaymentStatus.SCHEDULED)
        .with_for_update()
    )
    for payment_id in waiting.scalars().all():
        await cancel(session, payment_id, customer, request_id=request_id)
    await enqueue(
        session,
        workflow=STANDING_ORDER,
        workflow_id=f"{STANDING_ORDER}/{standing.id}",
        argument=standing.start.model_dump(mode="json"),
        request_id=request_id,
    )
    return standing
