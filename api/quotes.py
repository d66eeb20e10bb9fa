"""The way to prices for whoever answers a request: one of the two places of the API that reach a provider (design §2).

A price is asked for before the request's transaction is opened: a source may take seconds, and a connection to the
database is not kept waiting for it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.providers.quotes import open_quotes
from infra.settings import Settings
from models.market import Interval, Quote, Range, Security, Series
from models.market.sessions import MarketStatus


def _now() -> datetime:
    return datetime.now(UTC)


class Quotes:
    """Prices as of now."""

    def __init__(self, settings: Settings, engine: AsyncEngine, clock: Callable[[], datetime] = _now) -> None:
        """`clock`: the moment that is now, for whoever replays a session."""
        provider, book = open_quotes(settings, engine)
        self._provider: Final = provider
        self._book: Final = book
        self._clock: Final = clock

    async def quote(self, symbol: str) -> Quote:
        """See `QuoteProvider.quote`."""
        return await self._provider.quote(symbol, self._clock())

    async def known(self, symbols: Sequence[str]) -> list[Quote]:
        """See `QuoteProvider.known`."""
        return await self._provider.known(symbols, self._clock())

    async def security(self, symbol: str) -> Security:
        """See `QuoteProvider.security`."""
        return await self._provider.security(symbol, self._clock())

    async def search(self, words: str) -> list[Security]:
        """See `QuoteProvider.search`."""
        return await self._provider.search(words, self._clock())

    async def series(self, symbol: str, wanted: Range, interval: Interval) -> Series:
        """See `QuoteProvider.series`."""
        return await self._provider.series(symbol, wanted, interval, self._clock())

    async def status(self) -> MarketStatus:
        """Whether the market is open, and when it opens and closes next. Raises `CalendarEnds`."""
        return (await self._book.sessions()).status(self._clock())
