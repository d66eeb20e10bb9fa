"""A run of monitoring: what is new is looked at, what rules find goes into cases, all in one transaction."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.monitoring import TERM, Monitored

_RUN: Final = text("SELECT taken, alerted FROM monitoring_run(:batch, :term)")


async def run(session: AsyncSession, batch: int) -> Monitored:
    """Looks at about `batch` postings that no run has looked at; `more`: there were any. For the worker's role.

    Safe to repeat: what was looked at is written down with what was found. A second run at once leaves it to the first.
    """
    row = (await session.execute(_RUN, {"batch": batch, "term": TERM})).one()
    return Monitored(movements=row.taken, alerts=row.alerted, more=row.taken > 0)
