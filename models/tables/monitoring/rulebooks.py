"""The rules of monitoring in their versions: one officer proposes, another one publishes, and then they decide."""

import json
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.monitoring import Rulebook
from models.tables.proposals import Versions, versions_table

RULEBOOKS: Final = Versions(table=versions_table("monitoring_rulebooks"), name="the rules")

_PROPOSE: Final = text(
    "INSERT INTO monitoring_rulebooks (rules, note, proposed_by) VALUES (CAST(:rules AS jsonb), :note, :officer)"
    " RETURNING version"
)


async def propose(session: AsyncSession, rules: Rulebook, note: str, officer: UUID) -> Row[Any]:
    """Writes a version that another officer may publish."""
    values = {"rules": json.dumps(rules.stored()), "note": note, "officer": officer}
    return await RULEBOOKS.find(session, (await session.execute(_PROPOSE, values)).scalar_one())
