"""The rules of monitoring in their versions: one officer proposes, another one publishes, and then they decide."""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import FourEyes, NotFound, WrongState
from models.monitoring import Rulebook

# What the database says of a version that came before the present one (0032_01_monitoring.sql).
_OVERTAKEN: Final = "AU201"

_ALL: Final = text("SELECT * FROM monitoring_rulebooks ORDER BY version DESC LIMIT :most")
_ONE: Final = text("SELECT * FROM monitoring_rulebooks WHERE version = :version")
_PROPOSE: Final = text(
    "INSERT INTO monitoring_rulebooks (rules, note, proposed_by) VALUES (CAST(:rules AS jsonb), :note, :officer)"
    " RETURNING version"
)
_PUBLISH: Final = text(
    "UPDATE monitoring_rulebooks SET published_by = :officer, published_at = clock_timestamp()"
    " WHERE version = :version AND published_at IS NULL RETURNING version"
)


async def rulebooks(session: AsyncSession, most: int) -> Sequence[Row[Any]]:
    """The newest versions, newest first; the first published one decides."""
    return (await session.execute(_ALL, {"most": most})).all()


async def find_rulebook(session: AsyncSession, version: int) -> Row[Any]:
    """A version. Raises `NotFound`."""
    row = (await session.execute(_ONE, {"version": version})).one_or_none()
    if row is None:
        raise NotFound("There is no such version of the rules")
    return row


async def propose(session: AsyncSession, rules: Rulebook, note: str, officer: UUID) -> Row[Any]:
    """Writes a version that another officer may publish."""
    values = {"rules": json.dumps(rules.stored()), "note": note, "officer": officer}
    return await find_rulebook(session, (await session.execute(_PROPOSE, values)).scalar_one())


async def publish(session: AsyncSession, version: int, officer: UUID) -> Row[Any]:
    """Makes a version the one that decides about what is looked at from then on.

    Raises `NotFound`, `FourEyes` for one's own, and `WrongState` for one that was published or overtaken.
    """
    row = await find_rulebook(session, version)
    if row.proposed_by == officer:
        raise FourEyes("You have proposed these rules; somebody else publishes them")
    try:
        moved = await session.execute(_PUBLISH, {"version": version, "officer": officer})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _OVERTAKEN:
            raise
        raise WrongState("A later version was published; propose these rules anew") from None
    if moved.scalar_one_or_none() is None:
        raise WrongState("This version was published")
    return await find_rulebook(session, version)
