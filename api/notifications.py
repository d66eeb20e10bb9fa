"""What a customer was told, by HTTP. Codes and links that open something are in their mail alone."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col

from api import audit
from api.deps import CurrentUser, Db
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.routing import feature
from models.notifications import topic_of
from models.tables import notification_list
from models.tables.mail import Letter

router = feature("notifications")


class NotificationView(BaseModel):
    """Something that the bank has told. `topic` is what preferences are about."""

    id: UUID
    topic: str | None = Field(examples=["wires"])
    event: str = Field(examples=["wire.completed"])
    subject: str = Field(examples=["Your wire has been paid"])
    body: str = Field(examples=["The bank of the recipient has the money."])
    created_at: datetime
    read_at: datetime | None


class NotificationPage(Page[NotificationView]):
    """A page of them, and how many of all are unread."""

    unread: int = Field(examples=[1])


class Unread(BaseModel):
    """How many are unread."""

    unread: int = Field(examples=[1])


class ReadUpTo(BaseModel):
    """The newest one that was seen: what came after it stays unread. Without it, all."""

    model_config = ConfigDict(extra="forbid")

    up_to: UUID | None = None


def _view(letter: Letter) -> NotificationView:
    topic = topic_of(letter.event)
    return NotificationView(
        topic=topic.name if topic else None,
        **letter.model_dump(include=set(NotificationView.model_fields) - {"topic"}),
    )


@router.get("", summary="List what you were told", responses=documented(401))
async def list_notifications(
    caller: CurrentUser,
    db: Db,
    wanted: PageQuery,
    unread: Annotated[bool, Query(description="Only what is unread.")] = False,
) -> NotificationPage:
    """Newest first: everything that was written to you, except codes and links that open something."""
    chosen = notification_list.told_to(caller.id, unread=unread)
    page = await page_of(db, chosen, col(Letter.id), wanted, _view)
    return NotificationPage(**dict(page), unread=await notification_list.unread_of(db, caller.id))


@router.get("/unread", summary="Count what is unread", responses=documented(401))
async def count_unread(caller: CurrentUser, db: Db) -> Unread:
    """For a mark beside the list."""
    return Unread(unread=await notification_list.unread_of(db, caller.id))


@router.put("/read", summary="Mark all as read", responses=documented(401))
async def read_all_notifications(caller: CurrentUser, db: Db, request: Request, seen: ReadUpTo | None = None) -> Unread:
    """Up to the newest one that you have seen, if you name it. Answers with what is unread now."""
    marked = await notification_list.read_all(db, caller.id, seen.up_to if seen else None)
    audit.note(request, "notification", new={"read": marked})
    return Unread(unread=await notification_list.unread_of(db, caller.id))


@router.get("/{notification_id}", summary="Read a notification", responses=documented(401, 404))
async def read_notification(notification_id: UUID, caller: CurrentUser, db: Db) -> NotificationView:
    """One that was written to you. Reading it does not mark it."""
    return _view(await notification_list.find(db, caller.id, notification_id))


@router.put("/{notification_id}/read", summary="Mark a notification as read", responses=documented(401, 404))
async def mark_notification(notification_id: UUID, caller: CurrentUser, db: Db, request: Request) -> NotificationView:
    """When it was read first stays."""
    audit.note(request, "notification", notification_id)
    return _view(await notification_list.read(db, caller.id, notification_id))
