"""The addresses that get no mail from us: why, and lifting it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlmodel import col

from api import audit
from api.admin.audit import router
from api.admin.mail import Operator, Settled
from api.deps import Db
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from models.mail_events import Stop
from models.tables import mail_events
from models.tables.mail_events import Suppression


class SuppressionView(BaseModel):
    """An address, and why it gets no mail. `lift_reason` is there once it does again."""

    id: UUID
    address: str = Field(examples=["nobody@people.example"])
    reason: Stop
    detail: str = Field(description="As its mail server put it.", examples=["5.1.1 550 No such user"])
    suppressed_at: datetime
    lifted_at: datetime | None
    lifted_by: UUID | None
    lift_reason: str | None


def _view(row: Suppression) -> SuppressionView:
    return SuppressionView.model_validate(row, from_attributes=True)


@router.get("/mail-suppressions", summary="List addresses that get no mail", responses=documented(401, 403))
async def list_suppressions(
    _operator: Operator,
    db: Db,
    wanted: PageQuery,
    lifted: Annotated[bool, Query(description="Those too that get mail again.")] = False,
) -> Page[SuppressionView]:
    """Newest first."""
    chosen = mail_events.suppressions(lifted=lifted)
    return await page_of(db, chosen, col(Suppression.id), wanted, _view)


@router.post(
    "/mail-suppressions/{suppression_id}/lift",
    summary="Write to an address again",
    responses=documented(401, 403, 404, 409),
)
async def lift_suppression(
    suppression_id: UUID, why: Settled, _operator: Operator, db: Db, request: Request
) -> SuppressionView:
    """What was not sent meanwhile waits in the list of mail, and is sent again there."""
    audit.note(request, "mail_suppression", suppression_id, new={"reason": why.reason})
    return _view(await mail_events.lift(db, suppression_id, why.reason))
