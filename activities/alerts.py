"""The sweep of price alerts: the prices of what has alerts are asked for, and compared with those swept before."""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from activities.heartbeats import heartbeats
from infra.database import transaction
from infra.providers.quotes import QuoteProvider, SessionBook
from models.alerts import Swept
from models.market import Quote
from models.market.sessions import Sessions
from models.tables import alerts
from models.upkeep import UpkeepStep

log = structlog.get_logger(__name__)

# Symbols in a transaction: its locks are short, and a worker that dies has lost little.
BATCH: Final = 500


class AlertSteps:
    """Sweeps alerts."""

    def __init__(self, engine: AsyncEngine, provider: QuoteProvider, book: SessionBook) -> None:
        self._engine = engine
        self._provider = provider
        self._book = book

    @activity.defn(name="alerts.sweep")
    async def sweep(self, step: UpkeepStep) -> Swept:
        """Fires the alerts that the prices of that moment have reached. Safe to repeat.

        Raises `CalendarEnds`. A symbol whose price nobody tells is left for the next sweep.
        """
        async with transaction(self._engine) as session:
            expired = await alerts.expire(session, step.at)
            symbols = await alerts.watched(session)
        sessions, priced, fired = await self._book.sessions(), 0, 0
        async with heartbeats():
            for first in range(0, len(symbols), BATCH):
                quotes = await self._provider.quotes(symbols[first : first + BATCH], step.at)
                # What is old was swept when it was new.
                quotes = [one for one in quotes if not one.stale]
                async with transaction(self._engine) as session:
                    fired += len(await alerts.sweep(session, quotes, _running(sessions, quotes), step.at))
                priced += len(quotes)
        done = Swept(symbols=len(symbols), priced=priced, fired=fired, expired=expired)
        log.info("alerts.swept", **done.model_dump())
        return done


def _running(sessions: Sessions, quotes: Sequence[Quote]) -> list[bool]:
    # The price of the close itself is of its session.
    return [sessions.latest(one.as_of).closes_at >= one.as_of for one in quotes]
