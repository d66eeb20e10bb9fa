"""Monitoring for tests: movements at moments of the past, and runs over them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import InternalPurpose
from models.monitoring import Monitored, Rulebook
from models.tables import ledger, monitoring
from tests.factories.ledger import entry

_AGED = "UPDATE postings SET created_at = :at WHERE transaction_id = :id"


async def moved(
    owner: AsyncEngine, account: UUID, minor: int, at: datetime, *, currency: str = "EUR", **changes: Any
) -> UUID:
    """Something came in (above zero) or went out, at a moment. The transaction's id."""
    async with transaction(owner) as session:
        other = await ledger.internal_account(session, InternalPurpose.OPENING, currency)
        source, target = (other, account) if minor > 0 else (account, other)
        posted = await ledger.post_one(session, entry(source, target, abs(minor), currency, **changes))
        # The journal is never changed; here its clock is somebody else's.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(_AGED), {"at": at, "id": posted.transaction_id})
        return posted.transaction_id


async def run(worker: AsyncEngine, batch: int = 1000) -> list[Monitored]:
    """Runs until nothing is new."""
    runs = []
    while True:
        async with transaction(worker) as session:
            runs.append(await monitoring.run(session, batch))
        if not runs[-1].more:
            return runs


async def alerts(owner: AsyncEngine, account: UUID | None = None) -> list[dict[str, Any]]:
    """The alerts that there are, of one account or of all, in the order of what they are about."""
    async with transaction(owner) as session:
        rows = await session.execute(
            text(
                "SELECT a.*, (SELECT count(*) FROM monitoring_evidence e WHERE e.alert_id = a.id) AS evidence"
                " FROM monitoring_alerts a WHERE CAST(:account AS uuid) IS NULL OR a.account_id = :account"
                " ORDER BY a.happened_at, a.rule, a.account_id"
            ),
            {"account": account},
        )
        return [dict(row) for row in rows.mappings()]


@asynccontextmanager
async def rules(owner: AsyncEngine, *chosen: Any) -> AsyncIterator[None]:
    """These rules decide, and afterwards those before."""
    async with transaction(owner) as session:
        made = await session.execute(
            text(
                "INSERT INTO monitoring_rulebooks (rules, note, published_at)"
                " VALUES (CAST(:rules AS jsonb), 'test', clock_timestamp()) RETURNING version"
            ),
            {"rules": json.dumps(Rulebook(rules=chosen).stored())},
        )
        version = made.scalar_one()
    try:
        yield
    finally:
        await forget_rules(owner, version)


async def forget_rules(owner: AsyncEngine, version: int) -> None:
    """Takes a version of the rules away, and those after it."""
    async with transaction(owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("DELETE FROM monitoring_rulebooks WHERE version >= :v"), {"v": version})
