"""What a source of market data is for us."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from models.market import Interval, Quote, Range, Security, Series


class QuoteProvider(Protocol):
    """Somebody who tells prices. `at` is the moment that is asked about: now, but for whoever replays."""

    async def quote(self, symbol: str, at: datetime) -> Quote:
        """The present price. Raises `SymbolNotFound`, `MarketDataUnavailable`, `CalendarEnds`."""
        ...

    async def quotes(self, symbols: Sequence[str], at: datetime) -> list[Quote]:
        """The present prices of those that have one to tell; the others are left out. Raises `CalendarEnds`."""
        ...

    async def known(self, symbols: Sequence[str], at: datetime) -> list[Quote]:
        """The prices that can be told without asking anybody: no call of a plan is spent. Raises `CalendarEnds`."""
        ...

    async def security(self, symbol: str, at: datetime) -> Security:
        """What the symbol stands for. Raises as `quote` does."""
        ...

    async def search(self, words: str, at: datetime) -> list[Security]:
        """Securities by symbol or name, the best first, at most 20. Raises `MarketDataUnavailable`."""
        ...

    async def series(self, symbol: str, wanted: Range, interval: Interval, at: datetime) -> Series:
        """The bars of a chart. Raises as `quote` does."""
        ...
