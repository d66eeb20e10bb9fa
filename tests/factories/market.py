"""The exchange for tests: its sessions by rule, worked out once for a run."""

from datetime import date
from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.market_days import market_days
from models.market.sessions import Session
from models.tables import market


@lru_cache(maxsize=1)
def known_days() -> tuple[Session, ...]:
    """The sessions until the end of the second year from now."""
    return tuple(market_days(date.today()))  # noqa: DTZ011 # years matter here, not hours


async def opened(owner: AsyncEngine) -> None:
    """Fills the sessions in."""
    async with transaction(owner) as session:
        await market.fill(session, known_days())
