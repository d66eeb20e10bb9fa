"""The step of a standing order: on the day of its newest payment it makes the one after it."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.payments.desk import PaymentDesk
from infra.database import transaction
from models.calendars import Hours
from models.payments import StandingOrderState, StandingOrderStep, fee_of
from models.tables import payments
from models.tables.payments import StandingOrder

log = structlog.get_logger(__name__)

# The calendars are loaded for years; who forgets to load more is told every day, and no payment is made on a guess.
_CALENDAR_MISSING: Final = timedelta(days=1)


class StandingOrderSteps:
    """What a standing order does over time."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk

    @activity.defn(name="standing-order.advance")
    async def advance(self, step: StandingOrderStep) -> StandingOrderState:
        """Makes every payment of an active order whose predecessor is due by `step.at`; answers when to look again.

        After an outage all that were missed are made, each for its own day. After the last one the order has ended.
        """
        async with transaction(self._desk.engine) as session:
            standing = await payments.locked_standing(session, step.standing_order_id)
            hours = await self._desk.rail_hours(session, standing.currency)
            look_again_at: datetime | None = None
            try:
                look_again_at = await self._issue_due(session, standing, hours, step.at)
            except LookupError as missing:
                log.warning("standing_order.calendar_ends", standing_order_id=str(standing.id), error=str(missing))
                look_again_at = step.at + _CALENDAR_MISSING
            newest = await payments.newest_of(session, standing.id)
            return StandingOrderState(
                standing_order_id=standing.id,
                status=standing.status,
                frequency=standing.frequency,
                amount_minor=standing.amount_minor,
                currency=standing.currency,
                issued=standing.issued,
                upcoming_on=newest.due_on if standing.status == "active" else None,
                look_again_at=look_again_at,
            )

    async def _issue_due(
        self, session: AsyncSession, standing: StandingOrder, hours: Hours, at: datetime
    ) -> datetime | None:
        while standing.status == "active":
            newest = await payments.newest_of(session, standing.id)
            assert newest.due_on is not None
            due = hours.opening(newest.due_on)
            if due > at:
                return due
            await payments.issue_next(session, standing, fee_of(standing.currency, self._desk.fees), hours)
        return None
