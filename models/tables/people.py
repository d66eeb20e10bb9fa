"""What the bank's staff see of people and do to them (contract §12).

Each act is a function of the database that looks at the right of whoever asks; what is here words its refusals.
"""

from datetime import datetime
from typing import Final, NoReturn
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from models.errors import FourEyes, NotFound, PermissionMissing
from models.tables.users import User

# More people than that are not looked through: whoever searches writes another letter.
MOST_FOUND: Final = 500


class Security(BaseModel):
    """How somebody signs in."""

    model_config = ConfigDict(frozen=True)

    two_factor: bool
    open_sessions: int
    last_seen_at: datetime | None


class PeopleWanted(BaseModel):
    """Which people are meant. Empty: all who were not deleted."""

    model_config = ConfigDict(frozen=True)

    words: str = ""
    role: str | None = None
    status: str | None = None
    kyc_status: str | None = None
    risk_level: str | None = None
    tier: str | None = None


async def people(session: AsyncSession, wanted: PeopleWanted) -> Select[User]:
    """The people that `wanted` says, for a list; `words` are part of a name or an address, or an account number."""
    chosen = select(User).where(col(User.deleted_at).is_(None))
    for name in ("role", "status", "kyc_status", "risk_level", "tier"):
        if (value := getattr(wanted, name)) is not None:
            chosen = chosen.where(getattr(User, name) == value)
    if wanted.words:
        found = await session.execute(
            text("SELECT id FROM staff_find_users(:words, :most)"), {"words": wanted.words, "most": MOST_FOUND}
        )
        chosen = chosen.where(col(User.id).in_(found.scalars().all()))
    return chosen


async def security_of(session: AsyncSession, user_id: UUID) -> Security:
    """How that person signs in. Raises `PermissionMissing`."""
    row = (await session.execute(text("SELECT * FROM staff_user_security(:id)"), {"id": user_id})).mappings().first()
    if row is None:
        _refuse("right_missing")
    return Security.model_validate(dict(row))


async def freeze_user(session: AsyncSession, user_id: UUID, *, frozen: bool) -> bool:
    """Freezes somebody, or lets them go on: no money leaves the accounts of a frozen customer, and frozen staff are
    signed out. Returns whether that changed anything. Raises `NotFound`, `PermissionMissing` and `FourEyes`."""
    return await _act(session, "staff_freeze_user(:id, :frozen)", id=user_id, frozen=frozen) != "unchanged"


async def end_user_sessions(session: AsyncSession, user_id: UUID) -> int:
    """Signs somebody out everywhere. Returns of how many sessions. Raises as `freeze_user`."""
    return int(await _act(session, "staff_end_sessions(:id)", id=user_id))


async def reset_factors(session: AsyncSession, user_id: UUID) -> bool:
    """Takes somebody's second factor away and signs them out. False if there was none. Raises as `freeze_user`."""
    return await _act(session, "staff_reset_factors(:id)", id=user_id) != "unchanged"


async def _act(session: AsyncSession, call: str, **values: object) -> str:
    outcome = str((await session.execute(text(f"SELECT {call}"), values)).scalar_one())
    if outcome in ("not_found", "self", "right_missing"):
        _refuse(outcome)
    return outcome


def _refuse(outcome: str) -> NoReturn:
    if outcome == "not_found":
        raise NotFound("There is no such person")
    if outcome == "self":
        raise FourEyes("Nobody does this to themselves; ask a colleague")
    raise PermissionMissing("You may not do this to that person", permission="admin:users")
