"""Sending what people are told: once, as far as whoever delivers it can promise that.

A notification is `waiting`, `sending` from before the provider is asked, and then `sent`, `failed` (refused for good)
or `uncertain`. What is found `sending` was begun by a step that never said how it ended: it died, or got no answer. A
provider that tells keys apart is simply asked again. Another one may have sent the message, so it is asked again at
most once, and only for a message about somebody's sign-in (`models.notifications.sent_again`); any other one is left
`uncertain`, to a person, who sends it again or dismisses it (`models.tables.mail`). So by itself no message leaves
three times, none about money leaves twice, and none is lost silently.

Before the first try its customer's wishes are asked: what is not wanted by e-mail ends there, what is for a digest is
`collected`, and what is not urgent waits for the end of their quiet hours.
"""

from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio import activity

from activities.heartbeats import heartbeats
from infra.crypto import FieldContext, Keyring
from infra.database import transaction
from infra.providers.email import Email, EmailProvider, MailOutcomeUnknown, MailRefused
from models.auth import Role
from models.errors import Unavailable, WrongState
from models.mail_events import Stop
from models.notifications import (
    DIGEST_EVENT,
    HIDDEN,
    PROVING_EVENTS,
    EmailChoice,
    NotificationStep,
    sent_again,
    topic_of,
)
from models.tables import mail_events, notification_wishes

log = structlog.get_logger(__name__)

# Nothing is to be sent, now or ever.
_ENDED: Final = frozenset({"sent", "dismissed", "collected", "digested", "unwanted", "undeliverable"})
NO_MAIL: Final = "Its address gets no mail from us: letters to it came back, or were reported as spam"


_PUT_OFF: Final = text(
    "UPDATE notifications SET status = :status, waits_until = :until,"
    " reason = CASE WHEN :status IN ('failed', 'undeliverable') THEN :why ELSE '' END,"
    " collected_at = CASE WHEN :status = 'collected' THEN CAST(:at AS timestamptz) END WHERE id = :id"
)


async def _wished(session: AsyncSession, row: Any, at: datetime) -> tuple[str, datetime | None]:
    """What its person wants to become of a notification at that moment, and until when it waits."""
    topic = topic_of(row.event)
    if row.role != Role.CUSTOMER or (topic is None and row.event != DIGEST_EVENT):
        return "sending", None
    wishes = await notification_wishes.of_customer(session, row.user_id)
    match wishes.email_of(topic) if topic else EmailChoice.AT_ONCE:
        case EmailChoice.OFF:
            return "unwanted", None
        case EmailChoice.DIGEST:
            return "collected", None
        case EmailChoice.AT_ONCE:
            disturbs = wishes.quiet is not None and not (topic and topic.urgent)
            until = wishes.quiet.until(at, wishes.where) if disturbs and wishes.quiet else None
            return ("waiting", until) if until else ("sending", None)


async def _deliverable(session: AsyncSession, row: Any) -> str:
    """The status that follows from whether its address takes mail from us (`models.tables.mail_events`)."""
    if row.event in PROVING_EVENTS:
        return "sending"
    match await mail_events.stopped(session, row.email):
        case None:
            return "sending"
        case Stop.UNSUBSCRIBE:
            return "sending" if row.required else "unwanted"
        case _:
            return "failed" if row.required else "undeliverable"


class NotificationSteps:
    """The one step of a notification."""

    def __init__(self, engine: AsyncEngine, email: EmailProvider, keyring: Keyring) -> None:
        self._engine = engine
        self._email = email
        self._keyring = keyring

    @activity.defn(name="notification.send")
    async def send(self, step: NotificationStep) -> bool | datetime:
        """Sends a notification by e-mail. True if this call did it, False if it was sent before or is not to be.

        A moment instead, where it has to wait until then and nothing was sent. Raises `Unavailable` where trying again
        may help, `MailRefused` and `WrongState` where it does not.
        """
        async with heartbeats():
            return await self._send(step)

    async def _send(self, step: NotificationStep) -> bool | datetime:
        row = await self._begin(step)
        if row is None:
            return False
        if isinstance(row, datetime):
            return row
        if isinstance(row, MailRefused):
            raise row
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
            await self._end(step, "failed", error.detail)
            raise
        except Unavailable as error:
            await self._end(step, "waiting", error.detail)
            raise
        await self._end(step, "sent")
        return True

    async def _begin(self, step: NotificationStep) -> Any:
        """The notification, now `sending`; None if there is nothing to send; the moment that it waits for; or a
        refusal, which is committed before it is raised."""
        async with transaction(self._engine) as session:
            row = (
                await session.execute(
                    text(
                        "SELECT n.id, n.event, n.subject, n.body, n.secret_sealed, n.status, n.doubts, n.reason,"
                        " n.created_at, n.user_id, n.required, coalesce(n.to_email, u.email) AS email, u.role"
                        " FROM notifications n JOIN users u ON u.id = n.user_id WHERE n.id = :id FOR UPDATE OF n"
                    ),
                    {"id": step.notification_id},
                )
            ).one()
            if row.status in _ENDED:
                return None
            if row.status == "failed":
                raise MailRefused(row.reason)
            if row.status == "waiting" and step.at is not None:
                status, until = await _wished(session, row, step.at)
                if status == "sending":
                    status = await _deliverable(session, row)
                if status != "sending":
                    values = {"id": row.id, "status": status, "until": until, "at": step.at, "why": NO_MAIL}
                    await session.execute(_PUT_OFF, values)
                    return MailRefused(NO_MAIL) if status == "failed" else until
            doubted = row.status == "sending" and not self._email.repeatable
            doubts = row.doubts + doubted
            given_up = row.status == "uncertain" or (doubted and not sent_again(row.event, doubts))
            if not given_up:
                begin = (
                    "UPDATE notifications SET status = 'sending', tries = tries + 1, doubts = :doubts WHERE id = :id"
                )
                await session.execute(text(begin), {"id": row.id, "doubts": doubts})
        if given_up:
            log.warning("notification.uncertain", notification_id=str(step.notification_id))
            await self._end(step, "uncertain", "It may have left; nobody knows")
            raise WrongState("The message may have left; a person has to look")
        return row

    async def _end(self, step: NotificationStep, status: str, reason: str = "") -> None:
        """Says how it ended. A secret is kept no longer than there is a message to put it in."""
        async with transaction(self._engine) as session:
            await session.execute(
                text(
                    "UPDATE notifications SET status = :status, reason = :reason,"
                    " sent_at = CASE WHEN :status = 'sent' THEN clock_timestamp() END,"
                    " secret_sealed = CASE WHEN :status = 'waiting' THEN secret_sealed END"
                    " WHERE id = :id AND status IN ('sending', 'uncertain')"
                ),
                {"id": step.notification_id, "status": status, "reason": reason},
            )

    def _body(self, row: Any) -> str:
        if row.secret_sealed is None:
            return str(row.body)
        context = FieldContext("notifications", "secret_sealed", row.id)
        return str(row.body).replace(HIDDEN, self._keyring.open(bytes(row.secret_sealed), context).decode())
