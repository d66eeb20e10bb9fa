"""Lines of an audit log for tests, sealed or not, and an owner of the database who means harm."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from activities.audit import AuditSteps
from infra.database import transaction
from models.audit_chain import Head, Verification
from models.tables.audit_walk import verify

_LINE = text(
    "INSERT INTO audit_logs (at, user_id, actor_role, action, resource_type, resource_id, old_values, new_values,"
    " ip_address, user_agent, session_id, request_id, duration_ms, outcome, code)"
    " VALUES (clock_timestamp() - :ago, uuidv7(), 'customer', 'accounts.update_account', 'account', 'a-1',"
    ' \'{"name": "H***"}\', \'{"name": "S***", "limit": 10.50}\', \'127.0.0.1\', \'a browser\', uuidv7(), :request,'
    " 12.345, 'done', NULL) RETURNING id"
)


async def add_line(session: AsyncSession, *, ago: timedelta = timedelta(0), request: str = "r-1") -> int:
    """Writes one line that says it was written `ago`. Its id."""
    return int((await session.execute(_LINE, {"ago": ago, "request": request})).scalar_one())


async def add_lines(owner: AsyncEngine, count: int, *, ago: timedelta = timedelta(0)) -> list[int]:
    """Writes `count` lines in one transaction. Their ids."""
    async with transaction(owner) as session:
        return [await add_line(session, ago=ago, request=f"r-{place}") for place in range(count)]


def sealer(worker: AsyncEngine, anchors: Path | None = None, **options: Any) -> AuditSteps:
    """The sealer, who does not wait for rows to age."""
    return AuditSteps(worker, anchors, **{"trailing": timedelta(0), **options})


async def verified(engine: AsyncEngine, *, anchors: Sequence[Head] = (), start: int = 1) -> Verification:
    """What a walk along the chain finds now."""
    async with transaction(engine) as session:
        return await verify(session, anchors=anchors, start=start)


@asynccontextmanager
async def tampering(owner: AsyncEngine) -> Any:
    """A transaction of an owner who has switched triggers and foreign keys off."""
    async with transaction(owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        yield session


async def tamper(owner: AsyncEngine, statement: str, **values: Any) -> None:
    """One statement of such an owner. It has to change something."""
    async with tampering(owner) as session:
        result: Any = await session.execute(text(statement), values)
        assert result.rowcount > 0, statement
