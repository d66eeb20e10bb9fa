"""How customers want to be told, as they are kept (migration 0030). Who has said nothing has the defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.notifications import EmailChoice, Topic
from models.quiet_hours import DigestRhythm, QuietHours, zone
from models.tables.outbox import enqueue

DEFAULT_ZONE: Final = "Europe/Amsterdam"


@dataclass(frozen=True)
class Choice:
    """What a customer has chosen about a topic."""

    in_app: bool
    email: EmailChoice


@dataclass(frozen=True)
class Wishes:
    """When a customer is not to be disturbed, when a digest is due, and what they chose."""

    time_zone: str = DEFAULT_ZONE
    quiet: QuietHours | None = None
    digest: DigestRhythm = field(default_factory=DigestRhythm)
    choices: Mapping[str, Choice] = field(default_factory=dict)

    @property
    def where(self) -> ZoneInfo:
        """The customer's time zone."""
        return zone(self.time_zone)

    def email_of(self, topic: Topic) -> EmailChoice:
        """How `topic` comes by e-mail."""
        chosen = self.choices.get(topic.name)
        return topic.chosen(chosen.email if chosen else None)

    def shows(self, topic: Topic) -> bool:
        """Whether `topic` is in the customer's list."""
        chosen = self.choices.get(topic.name)
        return topic.required or chosen is None or chosen.in_app


_SETTINGS: Final = text(
    "SELECT time_zone, quiet_from, quiet_until, digest, digest_at, digest_on FROM notification_settings"
    " WHERE user_id = :user_id"
)
_RHYTHM: Final = text(
    "SELECT time_zone, digest, digest_at, digest_on, digested_at FROM notification_settings WHERE user_id = :user_id"
    " FOR UPDATE"
)
_COLLECTED: Final = text(
    "SELECT id, subject, body, created_at FROM notifications WHERE user_id = :user_id AND status = 'collected'"
    " AND collected_at < :due ORDER BY id FOR UPDATE"
)
_KEEP: Final = text(
    "INSERT INTO notification_settings (user_id, time_zone, quiet_from, quiet_until, digest, digest_at, digest_on)"
    " VALUES (:user_id, :time_zone, :quiet_from, :quiet_until, :digest, :digest_at, :digest_on)"
    " ON CONFLICT (user_id) DO UPDATE SET time_zone = excluded.time_zone, quiet_from = excluded.quiet_from,"
    " quiet_until = excluded.quiet_until, digest = excluded.digest, digest_at = excluded.digest_at,"
    " digest_on = excluded.digest_on"
)
_CHOOSE: Final = text(
    "INSERT INTO notification_choices (user_id, topic, in_app, email) VALUES (:user_id, :topic, :in_app, :email)"
    " ON CONFLICT (user_id, topic) DO UPDATE SET in_app = excluded.in_app, email = excluded.email"
)


def rhythm_of(row: Any) -> DigestRhythm:
    """When the digest of a row of settings is due."""
    return DigestRhythm(every=row.digest, at=row.digest_at, weekday=row.digest_on)


async def of_customer(session: AsyncSession, user_id: UUID) -> Wishes:
    """How that customer wants to be told."""
    chosen = await session.execute(
        text("SELECT topic, in_app, email FROM notification_choices WHERE user_id = :user_id"), {"user_id": user_id}
    )
    choices = {row.topic: Choice(row.in_app, EmailChoice(row.email)) for row in chosen}
    row = (await session.execute(_SETTINGS, {"user_id": user_id})).one_or_none()
    if row is None:
        return Wishes(choices=choices)
    quiet = None if row.quiet_from is None else QuietHours(starts=row.quiet_from, ends=row.quiet_until)
    return Wishes(time_zone=row.time_zone, quiet=quiet, digest=rhythm_of(row), choices=choices)


async def keep(session: AsyncSession, user_id: UUID, wishes: Wishes) -> None:
    """Keeps how a customer wants to be told, and wakes what waits for the end of their quiet hours: it looks again."""
    await session.execute(
        _KEEP,
        {
            "user_id": user_id,
            "time_zone": wishes.time_zone,
            "quiet_from": wishes.quiet.starts if wishes.quiet else None,
            "quiet_until": wishes.quiet.ends if wishes.quiet else None,
            "digest": wishes.digest.every.value,
            "digest_at": wishes.digest.at,
            "digest_on": wishes.digest.weekday,
        },
    )
    for topic, choice in wishes.choices.items():
        await session.execute(
            _CHOOSE, {"user_id": user_id, "topic": topic, "in_app": choice.in_app, "email": choice.email.value}
        )
    waiting = await session.execute(
        text(
            "SELECT id FROM notifications WHERE user_id = :user_id AND status = 'waiting' AND waits_until IS NOT NULL"
            " ORDER BY id"
        ),
        {"user_id": user_id},
    )
    for notification_id in waiting.scalars().all():
        await enqueue(
            session,
            workflow="notification",
            workflow_id=f"notification/{notification_id}",
            argument={"notification_id": str(notification_id)},
            summary="preferences changed",
        )


@dataclass(frozen=True)
class Collected:
    """Something that waits for a digest."""

    id: UUID
    subject: str
    body: str
    created_at: datetime


async def with_collected(session: AsyncSession, after: UUID | None, most: int) -> list[UUID]:
    """The next customers for whom something was collected, in the order of their ids."""
    rows = await session.execute(
        text(
            "SELECT DISTINCT user_id FROM notifications WHERE status = 'collected'"
            " AND (CAST(:after AS uuid) IS NULL OR user_id > :after) ORDER BY user_id LIMIT :most"
        ),
        {"after": after, "most": most},
    )
    return list(rows.scalars())


@dataclass(frozen=True)
class DueDigest:
    """What a digest holds that was due at `due`, by the clock of `where`."""

    due: datetime
    where: ZoneInfo
    collected: Sequence[Collected]


async def take_due(session: AsyncSession, user_id: UUID, at: datetime) -> DueDigest:
    """What was collected until the customer's digest was due last; nothing where that one was written.

    Nobody else takes it until the transaction ends.
    """
    row = (await session.execute(_RHYTHM, {"user_id": user_id})).one_or_none()
    wishes = Wishes() if row is None else Wishes(time_zone=row.time_zone, digest=rhythm_of(row))
    due = wishes.digest.due(at, wishes.where)
    if row is not None and row.digested_at is not None and row.digested_at >= due:
        return DueDigest(due, wishes.where, ())
    found = await session.execute(_COLLECTED, {"user_id": user_id, "due": due})
    return DueDigest(due, wishes.where, [Collected(*one) for one in found])


async def digested(
    session: AsyncSession, user_id: UUID, due: datetime, digest_id: UUID, collected: Sequence[Collected]
) -> None:
    """Says that these are in that digest."""
    await session.execute(
        text("UPDATE notifications SET status = 'digested', digest_id = :digest_id WHERE id = ANY(:ids)"),
        {"digest_id": digest_id, "ids": [one.id for one in collected]},
    )
    await session.execute(
        text("UPDATE notification_settings SET digested_at = :due WHERE user_id = :user_id"),
        {"due": due, "user_id": user_id},
    )
