"""What a person was told, as they read it where they are signed in. Row level security shows nothing with a secret."""

from typing import Final
from uuid import UUID

from sqlalchemy import CursorResult, Select, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from models.errors import NotFound
from models.tables.mail import Letter

_READ_ALL: Final = text(
    "UPDATE notifications SET read_at = now() WHERE user_id = :user_id AND in_app AND read_at IS NULL"
    " AND (CAST(:up_to AS uuid) IS NULL OR id <= :up_to)"
)


def told_to(user_id: UUID, *, unread: bool = False) -> Select[Letter]:
    """What that person was told, for a page of it; with `unread` what they have not read."""
    chosen = select(Letter).where(Letter.user_id == user_id, col(Letter.in_app))
    return chosen.where(col(Letter.read_at).is_(None)) if unread else chosen


async def unread_of(session: AsyncSession, user_id: UUID) -> int:
    """How much of it they have not read."""
    counted = select(func.count()).select_from(told_to(user_id, unread=True).subquery())
    return int((await session.execute(counted)).scalar_one())


async def find(session: AsyncSession, user_id: UUID, notification_id: UUID) -> Letter:
    """One thing that they were told. Raises `NotFound`."""
    query = told_to(user_id).where(col(Letter.id) == notification_id).execution_options(populate_existing=True)
    found = (await session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such notification")
    return found


async def read(session: AsyncSession, user_id: UUID, notification_id: UUID) -> Letter:
    """Marks one as read; that it was read before stays. Raises `NotFound`."""
    await find(session, user_id, notification_id)
    await session.execute(
        text("UPDATE notifications SET read_at = now() WHERE id = :id AND user_id = :user_id AND read_at IS NULL"),
        {"id": notification_id, "user_id": user_id},
    )
    return await find(session, user_id, notification_id)


async def read_all(session: AsyncSession, user_id: UUID, up_to: UUID | None) -> int:
    """Marks all as read, or those that were told up to `up_to`: what came later was not seen. How many they were."""
    done: CursorResult[tuple[()]] = await session.execute(_READ_ALL, {"user_id": user_id, "up_to": up_to})  # type: ignore[assignment] # an UPDATE gives a cursor
    return done.rowcount
