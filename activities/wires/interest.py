"""Booking the interest on blocked property for the months that are over."""

from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from models.tables.notifications import tell_operations
from models.tables.wires import blocked
from models.upkeep import InterestBooked, UpkeepStep
from models.wires.interest import month_ends

log = structlog.get_logger(__name__)

# Each is a transaction of some milliseconds, or some tens where years were missed.
PROPERTIES_A_CALL: Final = 100


class InterestSteps:
    """The step of `blocked-interest`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="blocked.book_interest")
    async def book(self, step: UpkeepStep) -> InterestBooked:
        """Books what property has earned in each month that was over at `step.at` (UTC) and is not booked, one entry
        for each, valued on the day after it; so that what was missed comes to the same as if it had been on time.

        Operations are told, once a month, of currencies in which no rate was ever published; their property waits.
        """
        month = step.at.date().replace(day=1)
        async with transaction(self._engine) as session:
            waiting = await blocked.due(session, month, PROPERTIES_A_CALL)
            without = await blocked.without_rate(session, month)
            for currency in without:
                await tell_operations(
                    session,
                    key=f"blocked-interest/{currency}/{month}",
                    event="blocked_interest_without_rate",
                    subject=f"Blocked property in {currency} has no interest rate",
                    body="It has to be held at interest. Publish what other depositors are offered"
                    f" (interest-rate-publish {currency}); the next run books what was missed.\n",
                )
        for wire_id in waiting:
            async with transaction(self._engine) as session:
                _, counted = await blocked.book_interest(session, wire_id, partial(month_ends, last=month))
            log.info("blocked.interest", wire_id=str(wire_id), months=len(counted))
        return InterestBooked(properties=len(waiting), more=len(waiting) == PROPERTIES_A_CALL, without_rate=without)
