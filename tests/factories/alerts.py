"""Alerts, and prices for the sweep that a test says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.alerts import Firing
from models.market import Quote
from models.tables import alerts

# A Friday's noon in New York, in a session.
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def quote(price: str, *, at: datetime = NOON, symbol: str = "XALDE", before: str = "100", **more: Any) -> Quote:
    """A price at a moment; `before` is the close before."""
    known = {name: Decimal(price) for name in ("last", "open", "high", "low")}
    values = {"session_date": at.date(), "currency": "USD", "bid": None, "ask": None, "volume": 1, "source": "test"}
    return Quote(**known, **{**values, **more}, symbol=symbol, previous_close=Decimal(before), as_of=at, delayed=False)


async def alert(owner: AsyncEngine, user: UUID, condition: str, level: str, **changes: Any) -> UUID:
    """An alert that was set at a price of 100."""
    values: dict[str, Any] = {
        "symbol": "XALDE",
        "reference": Decimal(100),
        "repeat": False,
        "cooldown": timedelta(hours=1),
        "session_only": False,
        "expires_at": None,
    }
    async with transaction(owner) as session:
        made = await alerts.add(session, user, condition=condition, level=Decimal(level), **{**values, **changes})
        return made.id


async def swept(
    worker: AsyncEngine, *quotes: Quote, running: Sequence[bool] | None = None, at: datetime | None = None
) -> list[Firing]:
    """A sweep of `quotes`, in the worker's role."""
    async with transaction(worker) as session:
        told = list(running) if running is not None else [True] * len(quotes)
        return await alerts.sweep(session, quotes, told, at or max(one.as_of for one in quotes))
