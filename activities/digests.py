"""Putting what can wait together into one letter for each customer, when it is due by their clock."""

from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from models.digests import Told, letter
from models.notifications import DIGEST_EVENT, DigestsWritten
from models.tables import notification_wishes
from models.tables.notifications import tell
from models.upkeep import UpkeepStep

log = structlog.get_logger(__name__)

_CUSTOMERS_AT_ONCE: Final = 200


class DigestSteps:
    """Writes digests."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="notification.digest")
    async def write(self, step: UpkeepStep) -> DigestsWritten:
        """Writes the digests that are due at `step.at`: each notification is in one of them, and none is empty.

        Safe to repeat, and at once: a digest is a transaction of its own.
        """
        written, after = DigestsWritten(), None
        while True:
            async with transaction(self._engine) as session:
                customers = await notification_wishes.with_collected(session, after, _CUSTOMERS_AT_ONCE)
            for customer in customers:
                count = await self._write(customer, step)
                written = DigestsWritten(
                    digests=written.digests + bool(count), notifications=written.notifications + count
                )
                activity.heartbeat(str(customer))
            if len(customers) < _CUSTOMERS_AT_ONCE:
                log.info("digests.written", **written.model_dump())
                return written
            after = customers[-1]

    async def _write(self, customer: UUID, step: UpkeepStep) -> int:
        """How many notifications the customer's digest holds; 0 where none is due."""
        async with transaction(self._engine) as session:
            found = await notification_wishes.take_due(session, customer, step.at)
            if not found.collected:
                return 0
            told = letter([Told(one.subject, one.body, one.created_at) for one in found.collected], found.where)
            digest_id = await tell(
                session,
                user_id=customer,
                # The first of them: each is in one digest.
                key=f"digest/{found.collected[0].id}",
                event=DIGEST_EVENT,
                subject=told.subject,
                body=told.body,
                in_app=False,
            )
            await notification_wishes.digested(session, customer, found.due, digest_id, found.collected)
        return len(found.collected)
