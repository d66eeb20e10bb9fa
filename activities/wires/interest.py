"""Booking the interest on blocked property for the months that are over."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from models.errors import AurumError, Unavailable
from models.tables.notifications import tell_operations
from models.tables.wires import blocked
from models.upkeep import InterestBooked, UpkeepStep
from models.wires.interest import month_ends

log = structlog.get_logger(__name__)

# Each is a transaction of some milliseconds, or some tens where years were missed.
PROPERTIES_A_CALL: Final = 100
# How many of those that failed a letter names.
_NAMED: Final = 20


class InterestSteps:
    """The step of `blocked-interest`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="blocked.book_interest")
    async def book(self, step: UpkeepStep) -> InterestBooked:
        """Books what property has earned in each month that was over at `step.at` (UTC) and is not booked, one entry
        for each, valued on the day after it; so that what was missed comes to the same as if it had been on time.

        One that cannot be booked keeps no other from it: operations are told, and the next run tries again. They are
        told as well, once a month, of currencies in which no rate was ever published; their property waits. Raises
        `Unavailable`.
        """
        month = step.at.date().replace(day=1)
        async with transaction(self._engine) as session:
            waiting = await blocked.due(session, month, PROPERTIES_A_CALL)
            without = await blocked.without_rate(session, month)
            for currency in without:
                await tell_operations(
                    session,
                    key=f"blocked-interest/{currency}/{month}",
                    event="operations.interest_without_rate",
                    subject=f"Blocked property in {currency} has no interest rate",
                    body="It has to be held at interest. Publish what other depositors are offered"
                    f" (interest-rate-publish {currency}); the next run books what was missed.\n",
                )
        failed = [wire_id for wire_id in waiting if not await self._booked(wire_id, month)]
        if failed:
            await self._tell_of(failed, step.at.date())
        return InterestBooked(
            properties=len(waiting) - len(failed),
            failed=len(failed),
            more=len(waiting) == PROPERTIES_A_CALL and not failed,
            without_rate=without,
        )

    async def _booked(self, wire_id: UUID, month: date) -> bool:
        try:
            async with transaction(self._engine) as session:
                _, counted = await blocked.book_interest(session, wire_id, partial(month_ends, last=month))
        except (Unavailable, OperationalError):
            raise
        except (AurumError, DBAPIError) as error:
            log.exception("blocked.interest_failed", wire_id=str(wire_id), kind=type(error).__name__)
            return False
        log.info("blocked.interest", wire_id=str(wire_id), months=len(counted))
        return True

    async def _tell_of(self, failed: Sequence[UUID], day: date) -> None:
        async with transaction(self._engine) as session:
            await tell_operations(
                session,
                key=f"blocked-interest-failed/{day}",
                event="operations.interest_failed",
                subject=f"Interest on {len(failed)} blocked properties could not be booked",
                body="The worker's log says why (blocked.interest_failed). Nothing was booked for them, and the next"
                f" run tries again. They are those of the wires {', '.join(map(str, failed[:_NAMED]))}.\n",
            )
