"""Letters as operations see them, and what they do about those that did not leave."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, and_, or_, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.errors import NotFound, PermissionMissing, WrongState
from models.tables.outbox import enqueue

_MOMENT: Final = DateTime(timezone=True)


class Letter(SQLModel, table=True):
    """A notification, without its secret."""

    __tablename__ = "notifications"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    event: str
    subject: str
    body: str
    to_email: str | None
    status: str = Field(sa_type=Text)
    reason: str
    tries: int
    in_app: bool
    created_at: datetime = Field(sa_type=_MOMENT)
    sent_at: datetime | None = Field(sa_type=_MOMENT)
    read_at: datetime | None = Field(sa_type=_MOMENT)
    waits_until: datetime | None = Field(sa_type=_MOMENT)
    delivered_at: datetime | None = Field(sa_type=_MOMENT)


def letters(*, statuses: tuple[str, ...] = (), user_id: UUID | None = None) -> Select[Letter]:
    """The letters that operations may see, for a list."""
    chosen = select(Letter)
    if statuses:
        chosen = chosen.where(col(Letter.status).in_(statuses))
    if user_id is not None:
        chosen = chosen.where(Letter.user_id == user_id)
    return chosen


def unsent() -> Select[Letter]:
    """The letters that did not leave: refused, in doubt, or tried and to be tried again."""
    stuck = col(Letter.status).in_(("failed", "uncertain"))
    tried = and_(col(Letter.status) == "waiting", col(Letter.tries) > 0, col(Letter.waits_until).is_(None))
    return select(Letter).where(or_(stuck, tried))


async def letter(session: AsyncSession, letter_id: UUID) -> Letter:
    """That letter as it stands now. Raises `NotFound`."""
    statement = select(Letter).where(Letter.id == letter_id).execution_options(populate_existing=True)
    found = (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such letter")
    return found


async def settle(session: AsyncSession, letter_id: UUID, *, again: bool, reason: str, request_id: str) -> None:
    """Sends a letter `again` that was refused or may not have left, or leaves it at that.

    Raises `PermissionMissing`, `NotFound`, and `WrongState` for one that needs neither, or whose secret is gone.
    """
    outcome = str(
        (
            await session.execute(
                text("SELECT staff_settle_notification(:id, :again, :reason)"),
                {"id": letter_id, "again": again, "reason": reason},
            )
        ).scalar_one()
    )
    match outcome:
        case "right_missing":
            raise PermissionMissing("This needs the permission admin:system", permission="admin:system")
        case "not_found":
            raise NotFound("There is no such letter")
        case "wrong_state":
            raise WrongState("Only a letter that was refused, or of which nobody knows, waits for a person")
        case "secret_gone":
            raise WrongState("The link or code in this letter is gone; the person asks for a new one")
    if again:
        # Its first process has ended. The number of tries makes the next one's name, so asking twice starts one.
        await enqueue(
            session,
            workflow="notification",
            workflow_id=f"notification/{letter_id}/again/{outcome}",
            argument={"notification_id": str(letter_id)},
            summary="sent again",
            request_id=request_id,
        )
