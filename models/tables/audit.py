"""The audit log: appended in the transaction of the change it tells of, and never changed."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome, masked
from models.correlation import correlation


class AuditEntry(BaseModel):
    """One line. `old_values` and `new_values` are masked when they are written, not by whoever fills them in."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID | None
    actor_role: str
    action: str
    resource_type: str = ""
    resource_id: str = ""
    old_values: dict[str, Any] | None = None
    new_values: dict[str, Any] | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    session_id: UUID | None = None
    request_id: str | None = None
    duration_ms: float | None = None
    outcome: Outcome
    code: str | None = None


_INSERT: Final = text(
    "INSERT INTO audit_logs (user_id, actor_role, action, resource_type, resource_id, old_values, new_values,"
    " ip_address, user_agent, session_id, request_id, duration_ms, outcome, code)"
    " VALUES (:user_id, :actor_role, :action, :resource_type, :resource_id, CAST(:old_values AS jsonb),"
    " CAST(:new_values AS jsonb), :ip_address, :user_agent, :session_id, :request_id,"
    " CAST(:duration_ms AS numeric(12, 3)), :outcome, :code)"
)


async def append(session: AsyncSession, entry: AuditEntry) -> None:
    """Adds `entry`. The API's role may write in its own person's name only. One that names no request is marked with
    the request that the work of this moment belongs to."""
    values = entry.model_dump()
    values["request_id"] = entry.request_id or correlation().request_id
    values["outcome"] = entry.outcome.value
    values["old_values"] = _json(entry.old_values)
    values["new_values"] = _json(entry.new_values)
    await session.execute(_INSERT, values)


def _json(values: dict[str, Any] | None) -> str | None:
    return None if values is None else orjson.dumps(masked(values), default=_text).decode()


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
