"""The upkeep of calendars: the days of the years ahead are filled in long before anybody asks for them."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from infra.market_days import market_days
from models.calendars import CalendarsFilled
from models.tables import calendars, market
from models.upkeep import UpkeepStep

log = structlog.get_logger(__name__)

# A wire waits up to a year for its execution date, and its bank may close for a while after that.
LEAST_AHEAD: Final = timedelta(days=400)


class CalendarSteps:
    """Fills the calendars."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="calendars.top_up")
    async def top_up(self, step: UpkeepStep) -> CalendarsFilled:
        """Fills the years ahead, of banks and of the exchange, and warns of a calendar of banks whose days end all the
        same. Safe to repeat."""
        today = step.at.date()
        async with transaction(self._engine) as session:
            days_until = await calendars.top_up(session, today)
        sessions = await asyncio.to_thread(market_days, today)
        async with transaction(self._engine) as session:
            await market.fill(session, sessions)
        ending = {name: day for name, day in days_until.items() if day < today + LEAST_AHEAD}
        if ending:
            log.warning("calendars.end_near", calendars=sorted(ending), first=str(min(ending.values())))
        return CalendarsFilled(days_until=days_until, ending=tuple(sorted(ending)))
