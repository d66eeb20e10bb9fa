"""The operations on standing orders: what repeats a payment, what comes next, and how it is ended."""

from datetime import date, datetime
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlmodel import col

from api import audit
from api.amounts import Amount
from api.deps import Db
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.transactions.router import Maker, Reader, router
from models.money import to_decimal
from models.payments import Frequency, NonBankingDay
from models.tables import payments
from models.tables.payments import Payment, StandingOrder


class UpcomingPayment(BaseModel):
    """The payment that a standing order makes next: a transaction that is `pending`."""

    transaction_id: UUID
    due_on: date | None
    number: int | None


class StandingOrderView(BaseModel):
    """A standing order. It is active until its last payment is due, or until it is cancelled."""

    id: UUID
    status: str = Field(examples=["active"], description="active, ended or cancelled")
    from_account_id: UUID
    amount: Amount
    currency: str = Field(examples=["EUR"])
    recipient_name: str
    recipient_account_number: str
    recipient_bank_swift: str | None
    recipient_routing_number: str | None
    reference: str
    description: str
    category: str
    frequency: Frequency
    non_banking_day: NonBankingDay
    first_date: date
    end_date: date | None
    count: int | None
    next_payment: UpcomingPayment | None
    created_at: datetime | None


def _view(order: StandingOrder, upcoming: Payment | None) -> StandingOrderView:
    return StandingOrderView.model_validate(
        order.model_dump()
        | {
            "from_account_id": order.sender_account_id,
            "amount": to_decimal(order.amount_minor, order.currency),
            "recipient_bank_swift": order.recipient_bic,
            "first_date": order.first_on,
            "end_date": order.last_on,
            "count": order.occurrences,
            "next_payment": None
            if upcoming is None
            else UpcomingPayment(transaction_id=upcoming.id, due_on=upcoming.due_on, number=upcoming.number),
        }
    )


async def _views(db: Db, orders: list[StandingOrder]) -> list[StandingOrderView]:
    upcoming = await payments.upcoming_of(db, [order.id for order in orders])
    return [_view(order, upcoming.get(order.id)) for order in orders]


@router.get("/standing-orders", summary="Your standing orders", responses=documented(401, 403))
async def list_standing_orders(_caller: Reader, db: Db, wanted: PageQuery) -> Page[StandingOrderView]:
    """Your standing orders, ended ones too, newest first; for staff everybody's."""
    page: Page[StandingOrder] = await page_of(
        db, select(StandingOrder), col(StandingOrder.id), wanted, lambda order: order
    )
    shown = await _views(db, page.data)
    return Page[StandingOrderView].model_validate(page.model_dump(exclude={"data"}) | {"data": shown})


@router.get("/standing-orders/{standing_order_id}", summary="One standing order", responses=documented(401, 403, 404))
async def read_standing_order(standing_order_id: UUID, _caller: Reader, db: Db) -> StandingOrderView:
    """What it pays, by which rhythm, and the payment that comes next."""
    (shown,) = await _views(db, [await payments.find_standing(db, standing_order_id)])
    return shown


@router.put(
    "/standing-orders/{standing_order_id}/cancel",
    summary="End a standing order",
    responses=documented(401, 403, 404, 409),
)
async def cancel_standing_order(standing_order_id: UUID, request: Request, caller: Maker, db: Db) -> StandingOrderView:
    """Ends the whole order: no payment comes any more, and the one that waits for its day is cancelled.

    A payment whose money is set aside already is cancelled by itself (`PUT /transactions/{transaction_id}/cancel`).
    """
    audit.note(request, "standing_order", standing_order_id)
    request_id = audit.attempt_of(request).request_id
    order = await payments.cancel_standing(db, standing_order_id, caller.id, request_id=request_id)
    audit.note(request, "standing_order", order.id, new={"status": order.status})
    return _view(order, None)
