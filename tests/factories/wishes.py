"""How customers of tests want to be told, and what they are told."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.notifications import EmailChoice
from models.tables import notification_wishes
from models.tables.notification_wishes import Choice, Wishes
from models.tables.notifications import tell


async def wish(owner: AsyncEngine, user: UUID, *, alerts: EmailChoice = EmailChoice.AT_ONCE, **changes: Any) -> None:
    """A customer wants to be told so, and of prices by `alerts`."""
    async with transaction(owner) as session:
        choices = {"price_alerts": Choice(in_app=True, email=alerts)}
        await notification_wishes.keep(session, user, Wishes(choices=choices, **changes))


async def told(owner: AsyncEngine, user: UUID, key: str, event: str = "price_alert") -> UUID:
    """Something that a customer is told, with `key` as its subject."""
    async with transaction(owner) as session:
        return await tell(session, user_id=user, key=key, event=event, subject=key, body=f"About {key}.")


async def letters(owner: AsyncEngine) -> dict[str, str]:
    """Where everything that was told stands, by its subject."""
    async with transaction(owner) as session:
        rows = await session.execute(text("SELECT subject, status FROM notifications ORDER BY id"))
        return {row.subject: row.status for row in rows}
