"""After-reviews of emergency overrides: what waits for a third person, and what was found (contract §12)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.admin.audit import router
from api.amounts import Amount
from api.deps import Db, Staff, StaffWithAny
from api.errors import documented
from models.auth import Permission
from models.money import to_decimal
from models.sla import SlaStage
from models.tables.auth import Caller
from models.tables.wires import overrides
from models.wires import Approver, WireStatus
from models.wires.overrides import Finding

Reader = Annotated[Caller, StaffWithAny(Permission.ADMIN_COMPLIANCE, Permission.ADMIN_REPORTS)]
Officer = Annotated[Caller, Staff(Permission.ADMIN_COMPLIANCE)]


class AfterReview(BaseModel):
    """The look at one override afterwards."""

    override_id: UUID
    wire_id: UUID
    status: WireStatus
    amount: Amount
    currency: str
    recipient_name: str
    reason: str = Field(description="Why the wire could not wait, as the first senior officer wrote it.")
    passed_over: list[Approver] = Field(description="Whose approvals were missing.")
    proposed_by: UUID
    confirmed_by: UUID
    confirmed_at: datetime
    due_at: datetime
    stage: SlaStage
    finding: Finding | None
    note: str | None
    closed_by: UUID | None
    closed_at: datetime | None


class AfterReviews(BaseModel):
    """After-reviews, the open ones first, by what is due first."""

    data: list[AfterReview]
    total: int
    page: int
    total_pages: int


class FindingIn(BaseModel):
    """What you found, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"finding": "justified", "note": "Both officers were ill; the contract is on file."}
        },
    )

    finding: Finding
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=4000)]


class Closed(BaseModel):
    """An after-review that was closed."""

    override_id: UUID
    wire_id: UUID
    finding: Finding
    closed_at: datetime


@router.get("/overrides", summary="After-reviews of overrides", responses=documented(401, 403))
async def list_after_reviews(
    _reader: Reader,
    db: Db,
    only_open: bool = False,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> AfterReviews:
    """Each wire that two senior officers approved without the approvers that the matrix asks for."""
    total = await overrides.count_after_reviews(db, only_open=only_open)
    rows = await overrides.after_reviews(db, only_open=only_open, limit=limit, offset=(page - 1) * limit)
    return AfterReviews(
        data=[AfterReview.model_validate(_with_amount(row)) for row in rows],
        total=total,
        page=page,
        total_pages=max(1, -(-total // limit)),
    )


@router.put("/overrides/{override_id}", summary="Close an after-review", responses=documented(401, 403, 404, 409))
async def close_after_review(override_id: UUID, body: FindingIn, request: Request, officer: Officer, db: Db) -> Closed:
    """Says once what was found. Refused for whoever had a part in the wire: its maker, its approvers, the two."""
    audit.note(request, "override", override_id, new={"finding": body.finding, "note": body.note})
    closed = await overrides.close_after_review(
        db,
        override_id,
        officer.id,
        finding=body.finding,
        note=body.note,
        request_id=audit.attempt_of(request).request_id,
    )
    audit.note(request, "wire", closed.wire_id, new={"override": str(override_id), "finding": body.finding})
    return Closed(
        override_id=override_id, wire_id=closed.wire_id, finding=Finding(closed.finding), closed_at=closed.closed_at
    )


def _with_amount(row: Any) -> dict[str, Any]:
    return {**dict(row._mapping), "amount": to_decimal(row.amount_minor, row.currency)}
