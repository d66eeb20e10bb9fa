"""Sending what people are told."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.crypto import FieldContext, Keyring
from infra.database import transaction
from infra.providers.email import Email, EmailProvider
from models.notifications import HIDDEN, NotificationStart


class NotificationSteps:
    """The one step of a notification."""

    def __init__(self, engine: AsyncEngine, email: EmailProvider, keyring: Keyring) -> None:
        self._engine = engine
        self._email = email
        self._keyring = keyring

    @activity.defn(name="notification.send")
    async def send(self, start: NotificationStart) -> bool:
        """Sends a notification by e-mail. True if this call did it, False if it was sent before.

        The provider is given the notification's id as its key: sending twice gives one message.
        """
        async with transaction(self._engine) as session:
            row = (
                await session.execute(
                    text(
                        "SELECT n.id, n.subject, n.body, n.secret_sealed, n.sent_at, n.created_at,"
                        " coalesce(n.to_email, u.email) AS email"
                        " FROM notifications n JOIN users u ON u.id = n.user_id WHERE n.id = :id"
                    ),
                    {"id": start.notification_id},
                )
            ).one()
        if row.sent_at is not None:
            return False
        await self._email.send(
            Email(key=str(row.id), to=row.email, subject=row.subject, body=self._body(row), at=row.created_at)
        )
        async with transaction(self._engine) as session:
            await session.execute(
                text(
                    "UPDATE notifications SET sent_at = clock_timestamp(), secret_sealed = NULL"
                    " WHERE id = :id AND sent_at IS NULL"
                ),
                {"id": row.id},
            )
        return True

    def _body(self, row: Any) -> str:
        if row.secret_sealed is None:
            return str(row.body)
        context = FieldContext("notifications", "secret_sealed", row.id)
        return str(row.body).replace(HIDDEN, self._keyring.open(bytes(row.secret_sealed), context).decode())
