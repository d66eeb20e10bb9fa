"""Sessions as a list. What happens to one is in `models.tables.auth`."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, Select, Text, func, or_, select
from sqlmodel import Field, SQLModel, col

from models.auth import SESSION_LIFETIME

_MOMENT: Final = DateTime(timezone=True)


class SessionRow(SQLModel, table=True):
    """Somebody's stay, as they are shown it."""

    __tablename__ = "sessions"

    id: UUID = Field(primary_key=True)
    user_id: UUID
    created_at: datetime = Field(sa_column=Column(_MOMENT))
    last_seen_at: datetime = Field(sa_column=Column(_MOMENT))
    amr: list[str] = Field(sa_column=Column(ARRAY(Text)))
    ip_address: str | None
    user_agent: str | None
    revoked_at: datetime | None = Field(sa_column=Column(_MOMENT))


def open_sessions(user_id: UUID, current: UUID, *, idle_seconds: int) -> Select[SessionRow]:
    """The sessions of a person that can still be used: the `current` one, and those whose tokens were renewed less
    than `idle_seconds` ago."""
    recent = col(SessionRow.last_seen_at) > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, idle_seconds)
    return select(SessionRow).where(
        col(SessionRow.user_id) == user_id,
        col(SessionRow.revoked_at).is_(None),
        col(SessionRow.created_at) > func.now() - SESSION_LIFETIME,
        or_(recent, col(SessionRow.id) == current),
    )
