"""Asking for a wire back that has left to the bank (contract §5): the request, and where it stands."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import Configuration, CurrentUser, Db
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.routing import feature
from api.wires.routes import now
from api.wires.shapes import RecallView, recall_view
from infra.settings import BankHours
from models.auth import Role
from models.bank_text import checked_line
from models.errors import PermissionMissing
from models.tables import wires
from models.tables.auth import Caller
from models.wires.recalls import RecallReason

router = feature("wires")


class RecallIn(BaseModel):
    """Why a wire is asked back, by the codes that banks know: DUPL sent twice, TECH an error of ours, FRAD fraud, CUST
    the customer's wish, AC03 a wrong account, AM09 a wrong amount."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "DUPL"}})

    reason: RecallReason
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=210), AfterValidator(checked_line)] = (
        Field(default="", description="For the other bank, in its characters.")
    )


async def _may_recall(user: CurrentUser) -> Caller:
    permission = "wires:create" if user.role == Role.CUSTOMER else "wires:approve"
    if permission not in user.permissions:
        raise PermissionMissing(f"This needs the permission {permission}", permission=permission)
    return user


@router.post(
    "/{wire_id}/recall",
    status_code=201,
    summary="Ask for a wire back",
    responses=documented(400, 401, 403, 404, 409, 503),
)
async def recall_wire(
    wire_id: UUID,
    body: RecallIn,
    request: Request,
    caller: Annotated[Caller, Depends(_may_recall)],
    db: Db,
    settings: Configuration,
    _key: IdempotencyKey,
    at: Annotated[datetime, Depends(now)],
) -> RecallView:
    """Asks the bank not to pay a wire that has left, or to give it back. Before it has left it is cancelled instead.
    The bank decides; it may take three weeks, and the other side is not bound to agree."""
    audit.note(request, "wire", wire_id, new={"recall": body.reason})
    recall = await wires.ask_back(
        db,
        wire_id,
        caller.id,
        reason=body.reason,
        comment=body.comment,
        always_open=settings.bank_hours is BankHours.ALWAYS,
        at=at,
        request_id=audit.attempt_of(request).request_id,
    )
    audit.note(request, "wire", wire_id, new={"recall_id": str(recall.id), "status": recall.status})
    return recall_view(recall, caller)
