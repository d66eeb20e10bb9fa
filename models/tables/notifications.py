"""What people are told. A notification is stored with the change that it tells of, and sent by a process of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.auth import Permission
from models.notifications import required, topic_of
from models.tables.outbox import enqueue
from models.tables.users import staff_with

_TELL: Final = text(
    "INSERT INTO notifications (id, user_id, key, event, subject, body, to_email, secret_sealed, in_app, required)"
    " VALUES (:id, :user_id, :key, :event, :subject, :body, :to_email, :secret_sealed, :in_app AND coalesce((SELECT"
    " c.in_app FROM notification_choices c WHERE c.user_id = :user_id AND c.topic = :topic), true), :required)"
    " ON CONFLICT DO NOTHING"
)


async def tell(
    session: AsyncSession,
    *,
    user_id: UUID,
    key: str,
    event: str,
    subject: str,
    body: str,
    to_email: str | None = None,
    seal: Callable[[UUID], bytes] | None = None,
    in_app: bool = True,
) -> UUID:
    """Tells `user_id` once for each `key`: stores the notification and asks for its process.

    It goes to the person's own address unless `to_email` names another. A secret is told by `seal`, which seals it for
    the notification with that id: `body` says `models.notifications.HIDDEN` in its place, and what is stored is sealed.
    It is never shown in the application then; what is told there too is not with `in_app` false, or where the person
    has switched its topic off. Returns its id, which nothing has if it was told before.
    """
    notification_id = uuid7()
    stored: CursorResult[tuple[()]] = await session.execute(  # type: ignore[assignment] # an INSERT gives a cursor
        _TELL,
        {
            "id": notification_id,
            "user_id": user_id,
            "key": key,
            "event": event,
            "subject": subject,
            "body": body,
            "to_email": to_email,
            "secret_sealed": seal(notification_id) if seal else None,
            "in_app": in_app and seal is None,
            "topic": _topic(event),
            "required": required(event),
        },
    )
    if stored.rowcount:
        await enqueue(
            session,
            workflow="notification",
            workflow_id=f"notification/{notification_id}",
            argument={"notification_id": str(notification_id)},
            summary=event,
        )
    return notification_id


def _topic(event: str) -> str:
    topic = topic_of(event)
    return topic.name if topic else ""


@dataclass(frozen=True, slots=True)
class Message:
    """What one person is told, once for its key."""

    user_id: UUID
    key: str
    event: str
    subject: str
    body: str


_TELL_MANY: Final = text(
    "WITH told AS (INSERT INTO notifications (id, user_id, key, event, subject, body, in_app, required)"
    " SELECT n.id, n.user_id, n.key, n.event, n.subject, n.body, coalesce(c.in_app, true), n.required FROM unnest("
    "CAST(:ids AS uuid[]), CAST(:users AS uuid[]), CAST(:keys AS text[]), CAST(:events AS text[]),"
    " CAST(:subjects AS text[]), CAST(:bodies AS text[]), CAST(:topics AS text[]), CAST(:required AS boolean[]))"
    " AS n (id, user_id, key, event, subject, body, topic, required)"
    " LEFT JOIN notification_choices c ON c.user_id = n.user_id AND c.topic = n.topic"
    " ON CONFLICT DO NOTHING RETURNING id, event)"
    " INSERT INTO outbox (workflow, workflow_id, argument, summary) SELECT 'notification', 'notification/' || id,"
    " jsonb_build_object('notification_id', id), event FROM told"
)


async def tell_many(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Tells each of `messages` as `tell` does, in one statement. For roles that act for the bank."""
    if messages:
        await session.execute(
            _TELL_MANY,
            {
                "ids": [uuid7() for _ in messages],
                "users": [one.user_id for one in messages],
                "keys": [one.key for one in messages],
                "events": [one.event for one in messages],
                "subjects": [one.subject for one in messages],
                "bodies": [one.body for one in messages],
                "topics": [_topic(one.event) for one in messages],
                "required": [required(one.event) for one in messages],
            },
        )


async def tell_operations(session: AsyncSession, *, key: str, event: str, subject: str, body: str) -> int:
    """Tells everybody who keeps the system running (the permission admin:system), each once for each `key`.

    How many they are. For the roles of the worker and of the owner.
    """
    told = await staff_with(session, Permission.ADMIN_SYSTEM)
    for user_id in told:
        await tell(session, user_id=user_id, key=f"{key}/{user_id}", event=event, subject=subject, body=body)
    return len(told)
