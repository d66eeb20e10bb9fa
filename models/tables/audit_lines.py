"""Reading the audit log: its lines, newest first, by who, what and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome

# Values as text, so that a number in them is not made a float on the way; and no time, though somebody forged it, that
# cannot be read: it is `audit_walk` that has to name such a row, and a list that has to show it.
_LINE: Final = (
    "a.id, least(greatest(a.at, timestamptz '0001-01-01Z'), timestamptz '9999-12-31Z') AS at, a.user_id, a.actor_role,"
    " a.action, a.resource_type, a.resource_id, CAST(a.old_values AS text) AS old_values,"
    " CAST(a.new_values AS text) AS new_values, a.ip_address, a.user_agent, a.session_id, a.request_id, a.duration_ms,"
    " a.outcome, a.code, (SELECT s.chain_seq FROM audit_seals s WHERE s.audit_id = a.id) AS chain_seq"
)
_CONDITIONS: Final = {
    "user_id": "a.user_id = :user_id",
    "action": "a.action = :action",
    "resource_type": "a.resource_type = :resource_type",
    "resource_id": "a.resource_id = :resource_id",
    "outcome": "a.outcome = :outcome",
    "since": "a.at >= :since",
    "until": "a.at < :until",
}


# When a case of monitoring was closed, beside when somebody confirmed an explanation, tells what it came to.
_OF_SUSPICIONS: Final = "a.resource_type IS DISTINCT FROM 'monitoring_case'"


class LinesWanted(BaseModel):
    """Which lines. `since` is included, `until` is not; None does not choose."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


async def lines(
    session: AsyncSession,
    wanted: LinesWanted,
    *,
    suspicions: bool,
    limit: int,
    offset: int = 0,
    before: int | None = None,
) -> tuple[Sequence[Any], int]:
    """Rows of the wanted lines, newest first, from the `offset`th on or from below the id `before`; and how many
    there are in all. `suspicions`: whether their reader may know of suspicions, which the lines about cases of
    monitoring tell of. The chain is walked over all of them, whoever asks."""
    values: dict[str, Any] = wanted.model_dump(exclude_none=True)
    conditions = [_CONDITIONS[name] for name in values] + ([] if suspicions else [_OF_SUSPICIONS])
    total = await session.execute(text(f"SELECT count(*) FROM audit_logs a{_where(conditions)}"), values)
    if before is not None:
        conditions.append("a.id < :before")
        values["before"] = before
    rows = await session.execute(
        text(f"SELECT {_LINE} FROM audit_logs a{_where(conditions)} ORDER BY a.id DESC LIMIT :limit OFFSET :offset"),
        {**values, "limit": limit, "offset": offset},
    )
    return rows.all(), total.scalar_one()


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
