"""What people do to a payment: order it, cancel it; and how its money is set aside.

Each act is one transaction of the caller: the row is locked, the rule is asked, and the new status, the money, the
timeline and the outbox row are written together (design §1). Whoever comes second sees what was decided.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.accounts import AccountStatus
from models.calendars import Hours
from models.errors import AccountUnusable, CurrencyMismatch, NotFound, WrongState
from models.limits import Limit, limits_of, refusal
from models.money import exponent, written
from models.payments import (
    PAYMENT,
    Mover,
    OwnBank,
    PaymentOrder,
    PaymentStatus,
    Rail,
    check_day,
    check_order,
    end_to_end_id,
    headline,
    may_move,
)
from models.tables import ledger
from models.tables.accounts import owned_account
from models.tables.limits import use_limits
from models.tables.outbox import enqueue
from models.tables.payments.rows import Payment, find, locked, tell
from models.tables.users import may_send_money

# Why a payment cannot be cancelled any more, for whoever asks.
_TOO_LATE: Final = {
    PaymentStatus.RELEASED: "it has been given to the bank",
    PaymentStatus.ACKNOWLEDGED: "the bank is carrying it out",
    PaymentStatus.BLOCKED: "it is being looked at by the bank",
    PaymentStatus.COMPLETED: "it has been carried out",
    PaymentStatus.RETURNED: "its money has come back",
    PaymentStatus.FAILED: "it has failed",
    PaymentStatus.CANCELLED: "it is cancelled already",
}


async def place(
    session: AsyncSession,
    customer: UUID,
    order: PaymentOrder,
    *,
    fee_minor: int,
    hours: Hours,
    at: datetime | None = None,
    request_id: str | None = None,
) -> Payment:
    """Orders one payment for as soon as the rail is open, or for a day, and asks for its process. `at` is now.

    Due today, its money (amount and fee) is set aside at once and counts against the customer's limits; due later,
    neither happens before its day. Raises `KycRequired`, `CustomerFrozen`, what `check_order` and `check_day` raise,
    `NotFound` (the account), `CurrencyMismatch`, `AccountUnusable`, `OwnBank`, `InsufficientFunds` and
    `LimitExceeded`; then nothing is stored.
    """
    moment = at or datetime.now(UTC)
    rail = await may_order(session, customer, order)
    today = hours.business_day(moment)
    later = order.due_on is not None and order.due_on > today
    if order.due_on is not None:
        check_day(order.due_on, today)
    payment = made(customer, order, rail, fee_minor, PaymentStatus.SCHEDULED if later else PaymentStatus.FUNDED)
    session.add(payment)
    await session.flush()
    if not later:
        await set_aside(session, payment, at=None)
    await tell(session, payment, "ordered", actor="customer", actor_id=customer, step="ordered")
    await wake(session, payment, request_id)
    return payment


async def may_order(session: AsyncSession, customer: UUID, order: PaymentOrder) -> Rail:
    """The rail of an order that its customer may give; the person stays locked. Raises as `place` does."""
    person = await may_send_money(session, customer, lock=True)
    account = await owned_account(session, customer, order.sender_account_id)
    if account.currency != order.currency:
        raise CurrencyMismatch(f"the account is held in {account.currency}, the payment is in {order.currency}")
    if account.status != AccountStatus.ACTIVE:
        raise AccountUnusable(f"the account is {account.status}")
    rail = check_order(order)
    here = await session.execute(
        text("SELECT FROM account_to_credit(:number)"), {"number": order.recipient_account_number}
    )
    if rail is Rail.SEPA and here.first() is not None:
        raise OwnBank("this is an account of this bank: make a transfer, it arrives at once")
    _fits_alone(limits_of(person.tier, order.currency), order)
    return rail


def _fits_alone(limits: tuple[Limit, ...], order: PaymentOrder) -> None:
    """An order that no day could have room for is refused when it is given. Raises `LimitExceeded`."""
    for limit in limits:
        refused = refusal(limit, order.amount_minor, [], datetime.now(UTC), order.currency)
        if refused is not None:
            raise refused


def made(
    customer: UUID, order: PaymentOrder, rail: Rail, fee_minor: int, status: PaymentStatus, **more: Any
) -> Payment:
    """The row of an order."""
    payment_id = uuid7()
    return Payment(
        **order.model_dump(exclude={"description"}),
        **more,
        id=payment_id,
        user_id=customer,
        status=status,
        rail=rail,
        fee_minor=fee_minor,
        exponent=exponent(order.currency),
        description=headline(order),
        end_to_end_id=end_to_end_id(payment_id),
        uetr=uuid4(),
    )


async def set_aside(session: AsyncSession, payment: Payment, *, at: datetime | None) -> None:
    """Holds amount and fee of a payment that is due, and counts the amount against its customer's limits from `at` on.

    Raises `CustomerFrozen`, `KycRequired`, `AccountUnusable`, `InsufficientFunds`, `LimitExceeded` and `LedgerFrozen`;
    then nothing of it remains once the caller's transaction, or savepoint, is undone.
    """
    person = await may_send_money(session, payment.user_id, lock=True)
    await ledger.place_hold(
        session, payment.sender_account_id, payment.money.debited_minor, PAYMENT, payment.id, payment.user_id
    )
    await use_limits(
        session,
        payment.user_id,
        PAYMENT,
        limits_of(person.tier, payment.currency),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        transaction_id=payment.id,
        at=at,
    )


async def cancel(
    session: AsyncSession, payment_id: UUID, customer: UUID, *, request_id: str | None = None
) -> Payment | None:
    """The customer takes a payment back; its money is available again when this commits. None: there is none such.

    Possible until it is given to the bank. Raises `NotFound` (somebody else's) and `WrongState`.
    """
    seen = await find(session, payment_id)
    if seen is None:
        return None
    if seen.user_id != customer:
        raise NotFound("There is no such transaction")
    payment = await locked(session, payment_id)
    status = PaymentStatus(payment.status)
    if not may_move(status, PaymentStatus.CANCELLED, Mover.PERSON):
        raise WrongState(f"The payment can no longer be cancelled: {_TOO_LATE[status]}")
    payment.status = PaymentStatus.CANCELLED
    payment.reason_code = "cancelled_by_customer"
    payment.ended_at = datetime.now(UTC)
    await session.flush()
    await ledger.release_hold(session, PAYMENT, payment.id)
    await tell(session, payment, "cancelled", actor="customer", actor_id=customer)
    await wake(session, payment, request_id)
    return payment


async def wake(session: AsyncSession, payment: Payment, request_id: str | None = None) -> None:
    """Asks that the payment's process runs, and looks at the rows."""
    await enqueue(
        session,
        workflow=PAYMENT,
        workflow_id=f"{PAYMENT}/{payment.id}",
        argument=payment.start.model_dump(mode="json"),
        summary=written(payment.amount_minor, payment.currency),
        request_id=request_id,
    )
