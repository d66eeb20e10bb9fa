"""Sending what people are told: once, as far as whoever delivers it can promise that.

A notification is `waiting`, `sending` from before the provider is asked, and then `sent`, `failed` (refused for good)
or `uncertain`. What is found `sending` was begun by a step that never said how it ended: it died, or got no answer. A
provider that tells keys apart is simply asked again. Another one may have sent the message, so it is asked again at
most once, and only for a message about somebody's sign-in (`models.notifications.sent_again`); any other one is left
`uncertain`, to a person, who sends it again or dismisses it (`models.tables.mail`). So by itself no message leaves
three times, none about money leaves twice, and none is lost silently.
"""

from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.crypto import FieldContext, Keyring
from infra.database import transaction
from infra.providers.email import Email, EmailProvider, MailOutcomeUnknown, MailRefused
from models.errors import Unavailable, WrongState
from models.notifications import HIDDEN, NotificationStart, sent_again

log = structlog.get_logger(__name__)


class NotificationSteps:
    """The one step of a notification."""

    def __init__(self, engine: AsyncEngine, email: EmailProvider, keyring: Keyring) -> None:
        self._engine = engine
        self._email = email
        self._keyring = keyring

    @activity.defn(name="notification.send")
    async def send(self, start: NotificationStart) -> bool:
        """Sends a notification by e-mail. True if this call did it, False if it was sent before.

        Raises `Unavailable` where trying again may help, `MailRefused` and `WrongState` where it does not.
        """
        row = await self._begin(start)
        if row is None:
            return False
        email = Email(
            key=str(row.id),
            event=row.event,
            to=row.email,
            subject=row.subject,
            body=self._body(row),
            at=row.created_at,
        )
        try:
            await self._email.send(email)
        except MailOutcomeUnknown:
            # It stays `sending`: the next try sees that.
            raise
        except MailRefused as error:
            log.warning("notification.refused", notification_id=email.key, event_name=email.event)
            await self._end(start, "failed", error.detail)
            raise
        except Unavailable:
            await self._end(start, "waiting")
            raise
        await self._end(start, "sent")
        return True

    async def _begin(self, start: NotificationStart) -> Any:
        """The notification, now `sending`; None if it was sent, or a person said that it is not to be."""
        async with transaction(self._engine) as session:
            row = (
                await session.execute(
                    text(
                        "SELECT n.id, n.event, n.subject, n.body, n.secret_sealed, n.status, n.doubts, n.reason,"
                        " n.created_at, coalesce(n.to_email, u.email) AS email"
                        " FROM notifications n JOIN users u ON u.id = n.user_id WHERE n.id = :id FOR UPDATE OF n"
                    ),
                    {"id": start.notification_id},
                )
            ).one()
            if row.status in ("sent", "dismissed"):
                return None
            if row.status == "failed":
                raise MailRefused(row.reason)
            doubted = row.status == "sending" and not self._email.repeatable
            doubts = row.doubts + doubted
            given_up = row.status == "uncertain" or (doubted and not sent_again(row.event, doubts))
            if not given_up:
                begin = (
                    "UPDATE notifications SET status = 'sending', tries = tries + 1, doubts = :doubts WHERE id = :id"
                )
                await session.execute(text(begin), {"id": row.id, "doubts": doubts})
        if given_up:
            log.warning("notification.uncertain", notification_id=str(start.notification_id))
            await self._end(start, "uncertain", "It may have left; nobody knows")
            raise WrongState("The message may have left; a person has to look")
        return row

    async def _end(self, start: NotificationStart, status: str, reason: str = "") -> None:
        """Says how it ended. A secret is kept no longer than there is a message to put it in."""
        async with transaction(self._engine) as session:
            await session.execute(
                text(
                    "UPDATE notifications SET status = :status, reason = :reason,"
                    " sent_at = CASE WHEN :status = 'sent' THEN clock_timestamp() END,"
                    " secret_sealed = CASE WHEN :status = 'waiting' THEN secret_sealed END"
                    " WHERE id = :id AND status <> 'sent'"
                ),
                {"id": start.notification_id, "status": status, "reason": reason},
            )

    def _body(self, row: Any) -> str:
        if row.secret_sealed is None:
            return str(row.body)
        context = FieldContext("notifications", "secret_sealed", row.id)
        return str(row.body).replace(HIDDEN, self._keyring.open(bytes(row.secret_sealed), context).decode())
