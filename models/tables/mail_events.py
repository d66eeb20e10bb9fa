"""What was told of our mail, and the addresses that get none, as they are kept (migration 0030)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.errors import NotFound, PermissionMissing, WrongState
from models.mail_events import MailEvent, Stop

_MOMENT: Final = DateTime(timezone=True)
_TAKE: Final = text("SELECT take_mail_event(:event_id, :notification_id, :kind, :address, :detail, :at, :stops, :lost)")


class ToldOfMail(SQLModel, table=True):
    """Something that happened to a letter, as it was told."""

    __tablename__ = "mail_events"

    id: UUID = Field(primary_key=True)
    notification_id: UUID | None
    event: str
    detail: str
    happened_at: datetime = Field(sa_type=_MOMENT)


class Suppression(SQLModel, table=True):
    """An address that gets no mail from us, until it is lifted."""

    __tablename__ = "mail_suppressions"

    id: UUID = Field(primary_key=True)
    address: str
    reason: str = Field(sa_type=Text)
    detail: str
    suppressed_at: datetime = Field(sa_type=_MOMENT)
    lifted_at: datetime | None = Field(sa_type=_MOMENT)
    lifted_by: UUID | None
    lift_reason: str | None


async def take(session: AsyncSession, events: Sequence[MailEvent]) -> int:
    """Keeps what was told, each once, with what follows from it. How many of it was new."""
    new = 0
    for event in events:
        values = event.model_dump(include={"event_id", "notification_id", "address", "detail", "at"})
        stops = event.stops.value if event.stops else None
        found = await session.execute(_TAKE, {**values, "kind": event.kind.value, "stops": stops, "lost": event.lost})
        new += bool(found.scalar_one())
    return new


async def stopped(session: AsyncSession, address: str) -> Stop | None:
    """Why that address gets no mail from us; None where it does."""
    found = await session.execute(
        select(Suppression.reason).where(
            Suppression.address == func.lower(address), col(Suppression.lifted_at).is_(None)
        )
    )
    reason = found.scalar_one_or_none()
    return None if reason is None else Stop(reason)


async def lift_proven(session: AsyncSession, address: str) -> None:
    """Writes to `address` again, whose mail somebody has just proved to read. For sign-in code."""
    await session.execute(text("SELECT lift_proven_address(:address)"), {"address": address})


def suppressions(*, lifted: bool) -> Select[Suppression]:
    """The addresses that get no mail, for a list; with `lifted` those too that get some again."""
    chosen = select(Suppression)
    return chosen if lifted else chosen.where(col(Suppression.lifted_at).is_(None))


async def lift(session: AsyncSession, suppression_id: UUID, reason: str) -> Suppression:
    """Writes to an address again, because an operator says so.

    Raises `PermissionMissing`, `NotFound`, and `WrongState` where it was lifted before.
    """
    outcome = await session.execute(
        text("SELECT staff_lift_suppression(:id, :reason)"), {"id": suppression_id, "reason": reason}
    )
    match outcome.scalar_one():
        case "right_missing":
            raise PermissionMissing("This needs the permission admin:system", permission="admin:system")
        case "not_found":
            raise NotFound("There is no such address")
        case "wrong_state":
            raise WrongState("This address gets mail again")
    query = select(Suppression).where(Suppression.id == suppression_id).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()


async def events_of(session: AsyncSession, notification_id: UUID) -> Sequence[ToldOfMail]:
    """What happened to a letter, oldest first."""
    found = await session.execute(
        select(ToldOfMail)
        .where(ToldOfMail.notification_id == notification_id)
        .order_by(col(ToldOfMail.happened_at), col(ToldOfMail.id))
    )
    return found.scalars().all()
