"""The step of monitoring: what was booked since the last run is held against the rules."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from models.monitoring import Monitored
from models.tables import monitoring

log = structlog.get_logger(__name__)

# Postings in a transaction: some tens of milliseconds to a second, and a worker that dies has lost no more.
BATCH: Final = 5_000


class MonitoringSteps:
    """Looks at what customers moved."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="monitoring.run")
    async def run(self) -> Monitored:
        """Looks at everything that no run has looked at, a batch in each transaction. Safe to repeat."""
        movements = alerts = 0
        while True:
            async with transaction(self._engine) as session:
                done = await monitoring.run(session, BATCH)
            movements, alerts = movements + done.movements, alerts + done.alerts
            if not done.more:
                break
            activity.heartbeat(movements)
        if alerts:
            log.info("monitoring.alerted", movements=movements, alerts=alerts)
        return Monitored(movements=movements, alerts=alerts)
