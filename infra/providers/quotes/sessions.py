"""The sessions of the exchange, read from their table and kept for a while: they change once in a year."""

from time import monotonic
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.market.sessions import Sessions
from models.tables import market

_SECONDS: Final = 60.0


class SessionBook:
    """The sessions as they stood at most a minute ago."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known = Sessions(())
        self._until = 0.0

    async def sessions(self) -> Sessions:
        """Every session that is known."""
        if monotonic() >= self._until or not self._known.days:
            async with transaction(self._engine) as session:
                found = await market.sessions(session)
            if found.days != self._known.days:
                self._known = found
            self._until = monotonic() + _SECONDS
        return self._known
