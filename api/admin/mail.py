"""Letters for operations: what was written to whom, and what did not leave (contract §12)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import col

from api import audit
from api.admin.audit import router
from api.deps import Db, Staff
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from models.auth import Permission
from models.mail_events import MailEventKind
from models.tables import mail, mail_events
from models.tables.auth import Caller

Operator = Annotated[Caller, Staff(Permission.ADMIN_SYSTEM)]


class LetterStatus(StrEnum):
    """Where a letter stands. `failed` and `uncertain` wait for a person.

    `collected` waits for its customer's next digest and `digested` was in one; `unwanted`: they want it in their list
    alone; `undeliverable`: its address takes no mail, and they can do without it.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    DISMISSED = "dismissed"
    COLLECTED = "collected"
    DIGESTED = "digested"
    UNWANTED = "unwanted"
    UNDELIVERABLE = "undeliverable"


class LetterLine(BaseModel):
    """A letter in the list."""

    id: UUID
    user_id: UUID
    event: str = Field(examples=["wire.completed"])
    subject: str = Field(examples=["Your wire has been paid"])
    status: LetterStatus = Field(examples=[LetterStatus.SENT])
    reason: str = Field(description="Why it was refused, or what a person said of it.", examples=[""])
    tries: int = Field(examples=[1])
    created_at: datetime
    waits_until: datetime | None = Field(description="The end of its customer's quiet hours.")
    sent_at: datetime | None
    delivered_at: datetime | None = Field(description="When the mail server of the address took it.")


class WhatHappened(BaseModel):
    """What whoever delivers it told of a letter."""

    event: MailEventKind = Field(examples=["bounce"])
    detail: str = Field(examples=["5.1.1 550 No such user"])
    happened_at: datetime


class LetterView(LetterLine):
    """A letter with its text. What was secret in it is not there."""

    to_email: str | None = Field(description="Where it is not the person's own address.")
    body: str
    happened: list[WhatHappened]


class Settled(BaseModel):
    """Why; it stays in the audit log."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300)] = Field(
        examples=["The address was corrected"]
    )


@router.get("/mail", summary="Read the letters that were written", responses=documented(401, 403))
async def list_mail(
    _operator: Operator,
    db: Db,
    wanted: PageQuery,
    status: Annotated[list[LetterStatus] | None, Query()] = None,
    user_id: UUID | None = None,
) -> Page[LetterLine]:
    """Newest first."""
    chosen = mail.letters(statuses=tuple(status or ()), user_id=user_id)
    return await page_of(
        db, chosen, col(mail.Letter.id), wanted, lambda row: LetterLine.model_validate(row, from_attributes=True)
    )


@router.get("/mail/{letter_id}", summary="Read a letter", responses=documented(401, 403, 404))
@audit.disclosing
async def read_mail(letter_id: UUID, _operator: Operator, db: Db, request: Request) -> LetterView:
    """Its text as it was written. That it was read is in the audit log: it is somebody else's."""
    audit.note(request, "notification", letter_id)
    letter, told = await mail.letter(db, letter_id), await mail_events.events_of(db, letter_id)
    happened = [WhatHappened.model_validate(one, from_attributes=True) for one in told]
    return LetterView(**letter.model_dump(include=set(LetterView.model_fields)), happened=happened)


@router.post("/mail/{letter_id}/resend", summary="Send a letter again", responses=documented(401, 403, 404, 409))
async def resend_mail(letter_id: UUID, why: Settled, _operator: Operator, db: Db, request: Request) -> LetterLine:
    """For one that was refused, or of which nobody knows whether it left: its person may get it twice."""
    return await _settle(request, db, letter_id, why, again=True)


@router.post("/mail/{letter_id}/dismiss", summary="Leave a letter unsent", responses=documented(401, 403, 404, 409))
async def dismiss_mail(letter_id: UUID, why: Settled, _operator: Operator, db: Db, request: Request) -> LetterLine:
    """For one that has arrived, or that nobody needs any more."""
    return await _settle(request, db, letter_id, why, again=False)


async def _settle(request: Request, db: Db, letter_id: UUID, why: Settled, *, again: bool) -> LetterLine:
    audit.note(request, "notification", letter_id, new={"again": again, "reason": why.reason})
    request_id = audit.attempt_of(request).request_id
    await mail.settle(db, letter_id, again=again, reason=why.reason, request_id=request_id)
    return LetterLine.model_validate(await mail.letter(db, letter_id), from_attributes=True)
