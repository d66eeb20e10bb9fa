"""Payments that screening has blocked, and what two officers of the compliance desk rule about them (contract §12).

For the desk alone, and never for whoever ordered the payment: to be told that one is looked at is to be tipped off.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from api import audit
from api.admin.audit import router
from api.admin.screening import Limit, PageNumber
from api.amounts import Amount
from api.deps import Db, Staff
from api.errors import documented
from api.step_up import require_fresh
from api.wires.screening import Officer, Reason, as_ruler
from models.auth import Permission
from models.errors import NotFound
from models.money import to_decimal
from models.payments import PaymentStatus
from models.tables.auth import Caller
from models.tables.payments import Payment, compliance, find
from models.wires.compliance import Ruling

Reader = Annotated[Caller, Staff(Permission.ADMIN_COMPLIANCE)]


class PaymentRuling(BaseModel):
    """`clear`: another person than the listed one; the money is available again, and the payment has failed: the
    customer can order it as a wire. `confirm`: the listed one; the payment stays blocked, with its money."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ruling": "clear", "reason": "Born 1990, listed one 1961."}}
    )

    ruling: Literal[Ruling.CLEAR, Ruling.CONFIRM]
    reason: Reason


class PaymentRulingView(BaseModel):
    """A ruling: proposed, and then confirmed by another officer, or withdrawn."""

    id: UUID
    ruling: Ruling
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    withdrawn_by: UUID | None
    withdrawn_at: datetime | None


class PaymentHit(BaseModel):
    """What of the payment is like which entry, how strongly and why."""

    field: str = Field(description="Which part of the order.", examples=["creditor"])
    list_name: str = Field(examples=["AURUM-DEMO"])
    list_version: str
    entry_id: str
    matched: str = Field(description="The name or number of the entry that it is like.")
    verdict: str = Field(description="`exact`: with nothing known against it. It confirms nothing.")
    score: Decimal
    parts: dict[str, Any] = Field(description="What the score is made of.")
    listed: dict[str, Any] | None = Field(
        description="The entry as that version of the list had it; null for a place under embargo."
    )


class BlockedPayment(BaseModel):
    """A payment that was blocked, what for, and what was ruled about it."""

    payment_id: UUID
    customer_id: UUID
    status: PaymentStatus
    amount: Amount
    currency: str
    recipient_name: str
    recipient_account_number: str
    reference: str
    list_version: str | None = Field(description="The lists that it was screened against.")
    blocked_at: datetime | None = Field(description="Null where it is blocked no longer.")
    hits: list[PaymentHit] = Field(description="Strongest first; none where it was blocked before they were kept.")
    rulings: list[PaymentRulingView] = Field(description="Oldest first.")


class BlockedPayments(BaseModel):
    """Payments that are blocked, the longest blocked first."""

    data: list[BlockedPayment]
    total: int
    page: int
    total_pages: int


@router.get("/screening/payments", summary="Blocked payments", responses=documented(401, 403))
async def list_blocked_payments(officer: Reader, db: Db, page: PageNumber = 1, limit: Limit = 20) -> BlockedPayments:
    """Payments by SEPA or ACH that name somebody listed, each with what was found and ruled; not one's own."""
    rows, total = await compliance.blocked(db, officer.id, limit=limit, offset=(page - 1) * limit)
    return BlockedPayments(data=await _seen(db, rows), total=total, page=page, total_pages=max(1, -(-total // limit)))


@router.get("/screening/payments/{payment_id}", summary="Read what was ruled", responses=documented(401, 403, 404))
async def read_blocked_payment(payment_id: UUID, officer: Reader, db: Db) -> BlockedPayment:
    """A payment that is or was blocked; one that was not is unknown here."""
    payment = await find(db, payment_id)
    if payment is None or payment.user_id == officer.id:
        raise NotFound("there is no such payment")
    (seen,) = await _seen(db, [payment])
    if payment.status != PaymentStatus.BLOCKED and not seen.rulings:
        raise NotFound("there is no such payment")
    return seen


@router.put(
    "/screening/payments/{payment_id}/ruling",
    summary="Rule about a blocked payment",
    responses=documented(400, 401, 403, 404, 409),
)
async def rule_about_payment(
    payment_id: UUID, body: PaymentRuling, request: Request, officer: Officer, db: Db
) -> BlockedPayment:
    """Proposes a ruling, or confirms that another officer proposed the same; who asks for the other thing withdraws
    what was proposed. To clear takes a senior officer among the two. Each has proven their identity within five
    minutes."""
    audit.note(request, "payment", payment_id, new={"ruling": body.ruling, "reason": body.reason})
    request_id = audit.attempt_of(request).request_id
    payment = await compliance.rule(db, payment_id, as_ruler(officer), body.ruling, body.reason, request_id=request_id)
    await require_fresh(request, db, officer)
    (seen,) = await _seen(db, [payment])
    return seen


async def _seen(db: Db, rows: Sequence[Payment]) -> list[BlockedPayment]:
    ids = [row.id for row in rows]
    found, ruled = await compliance.findings(db, ids), await compliance.rulings(db, ids)
    return [
        BlockedPayment.model_validate(
            {
                **row.model_dump(),
                "payment_id": row.id,
                "customer_id": row.user_id,
                "amount": to_decimal(row.amount_minor, row.currency),
                "blocked_at": row.ended_at if row.status == PaymentStatus.BLOCKED else None,
                "hits": [dict(one._mapping) | {"list_name": one.list} for one in found if one.payment_id == row.id],
                "rulings": [dict(one._mapping) for one in ruled if one.payment_id == row.id],
            }
        )
        for row in rows
    ]
