"""Files of the bank that nobody could read or match, and the way out for each (contract §12)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import col

from api import audit
from api.admin.audit import router
from api.deps import Db, Staff
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from models.auth import Permission
from models.tables.auth import Caller
from models.tables.bank import BankMessage, leave_quarantine, quarantine, quarantined

Operator = Annotated[Caller, Staff(Permission.ADMIN_SYSTEM)]


class QuarantinedFile(BaseModel):
    """A file that waits for a person. `dismissed` ones stay to be seen."""

    id: UUID
    file_name: str = Field(examples=["pain.002.001.10-AURUM-USD-7.xml"])
    message_type: str = Field(description="`unreadable` where it is no message.", examples=["pain.002.001.10"])
    status: str = Field(description="quarantined, to_read_again or dismissed.", examples=["quarantined"])
    reason: str | None = Field(examples=["no order of ours: W-UNKNOWN"])
    bytes_kept: int = Field(description="0: it was empty, too large to keep, or could not be opened.", examples=[2048])
    readable_as_is: bool = Field(
        description="It breaks the schema of its message, and could be read all the same: two people decide."
    )
    created_at: datetime


class Why(BaseModel):
    """Why an operator acts."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


@router.get("/quarantine", summary="Files of the bank that wait for a person", responses=documented(401, 403))
async def list_quarantine(_operator: Operator, db: Db, wanted: PageQuery) -> Page[QuarantinedFile]:
    """What could not be read or belongs to no order of ours, newest first. Nothing is ever dropped."""
    return await page_of(db, quarantine(), col(BankMessage.id), wanted, view_of)


@router.get(
    "/quarantine/{message_id}/content",
    summary="A file of the bank as it came",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **documented(401, 403, 404)},
)
async def read_quarantined(message_id: UUID, _operator: Operator, db: Db) -> Response:
    """The bytes, to be kept and not shown: what a stranger wrote is never rendered by the bank."""
    message = await quarantined(db, message_id)
    return Response(
        message.content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{message_id}.quarantined"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@router.post(
    "/quarantine/{message_id}/read-again",
    summary="Have a file read again",
    responses=documented(400, 401, 403, 404, 409),
)
async def read_again(message_id: UUID, body: Why, request: Request, _operator: Operator, db: Db) -> QuarantinedFile:
    """After the reader was mended, or the order it speaks of is there. The worker reads it within seconds, by the same
    rules as a new file; what it still cannot read or match is back in quarantine."""
    return await _act(request, db, message_id, "to_read_again", body.reason)


@router.post(
    "/quarantine/{message_id}/dismiss", summary="Dismiss a file", responses=documented(400, 401, 403, 404, 409)
)
async def dismiss(message_id: UUID, body: Why, request: Request, _operator: Operator, db: Db) -> QuarantinedFile:
    """Nothing more is done with it; it is kept, with the reason."""
    return await _act(request, db, message_id, "dismissed", body.reason)


async def _act(request: Request, db: Db, message_id: UUID, status: str, reason: str) -> QuarantinedFile:
    audit.note(request, "bank_message", message_id, new={"status": status, "reason": reason})
    return view_of(await leave_quarantine(db, message_id, status, reason))


def view_of(message: BankMessage) -> QuarantinedFile:
    """A file as operators see it."""
    return QuarantinedFile.model_validate(
        message.model_dump(include=set(QuarantinedFile.model_fields)) | {"bytes_kept": len(message.content)}
    )
