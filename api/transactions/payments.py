"""The operations on payments to other banks, and the end of what can still be stopped."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from api import audit
from api.deps import Configuration, Db
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.transactions.payment_orders import PaymentIn
from api.transactions.router import Maker, router
from api.transactions.shapes import TransactionView, view
from infra.settings import BankHours, Settings
from models.calendars import AlwaysOpen, Hours
from models.errors import Unavailable, WrongState
from models.payments import fee_of, rail_of
from models.tables import calendars, payments, transactions
from models.tables.accounts import owned_account


async def now() -> datetime:
    """The present moment; a dependency, so that a test can say when it is."""
    return datetime.now(UTC)


async def rail_hours(db: Db, settings: Settings, currency: str) -> Hours:
    """When payments in `currency` leave. Raises `NoRail`, and `Unavailable` before the calendars are filled."""
    rail_of(currency)
    if settings.bank_hours is BankHours.ALWAYS:
        return AlwaysOpen()
    try:
        return await calendars.local_rail_hours(db, currency)
    except LookupError:
        raise Unavailable("The bank's calendar is not filled yet") from None


@router.post(
    "/payment", status_code=201, summary="Pay to another bank", responses=documented(400, 401, 403, 404, 409, 503)
)
async def create_payment(
    body: PaymentIn,
    request: Request,
    caller: Maker,
    db: Db,
    settings: Configuration,
    at: Annotated[datetime, Depends(now)],
    _key: IdempotencyKey,
) -> TransactionView:
    """Orders a payment by the local rail and starts its process; the answer is a transaction that is `pending`.

    Now or due today, amount and fee are set aside at once and it leaves as soon as the rail is open. With a later
    `execution_date` nothing is set aside before that day; is the money missing then, you are told, it is looked for
    again until the cut-off of the same day, and after that the payment has failed. A day on which banks are closed
    means the next one. With a `recurrence` the first payment is answered; `metadata.standing_order_id` names the order,
    which makes each payment a transaction of its own when the one before it is due.
    """
    audit.note(request, "payment", new=body.model_dump(mode="json"))
    currency = body.currency or (await owned_account(db, caller.id, body.from_account_id)).currency
    hours = await rail_hours(db, settings, currency)
    order, fee = body.order(currency), fee_of(currency, settings.payment_fees)
    request_id = audit.attempt_of(request).request_id
    if body.recurrence is None:
        payment = await payments.place(db, caller.id, order, fee_minor=fee, hours=hours, at=at, request_id=request_id)
    else:
        rhythm = body.recurrence.rhythm(body.execution_date or hours.business_day(at))
        standing, payment = await payments.place_standing(
            db, caller.id, order, rhythm, fee_minor=fee, hours=hours, at=at, request_id=request_id
        )
        audit.note(request, "payment", payment.id, new={"standing_order_id": str(standing.id)})
    audit.note(request, "payment", payment.id)
    (shown,) = await transactions.by_ids(db, [payment.id])
    return view(shown)


@router.put("/{transaction_id}/cancel", summary="Cancel a payment", responses=documented(401, 403, 404, 409))
async def cancel_transaction(transaction_id: UUID, request: Request, caller: Maker, db: Db) -> TransactionView:
    """Stops a payment that has not been given to the bank; what was set aside for it is available again at once.

    Of a standing order this cancels the one payment, and the order goes on; `PUT
    /transactions/standing-orders/{standing_order_id}/cancel` ends the order. What was carried out, a transfer above
    all, cannot be cancelled (409).
    """
    audit.note(request, "payment", transaction_id)
    request_id = audit.attempt_of(request).request_id
    payment = await payments.cancel(db, transaction_id, caller.id, request_id=request_id)
    if payment is None:
        done = await transactions.find(db, transaction_id)
        raise WrongState(f"This {done.transaction_type.replace('_', ' ')} was done at once; it cannot be cancelled")
    audit.note(request, "payment", payment.id, new={"status": payment.status})
    (shown,) = await transactions.by_ids(db, [payment.id])
    return view(shown)
