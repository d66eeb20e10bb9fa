"""Market data: what a security, a quote and a bar are, whoever tells them (contract §8, reference/brokerage.md §0.1).

Prices are `Decimal` in the currency of the security, per share. They are told, not booked: no amount of money comes of
them here. Every quote says when it was true, who said it, and whether it is delayed, stale or simulated.
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints

from models.errors import NotFound, RuleRefused, Unavailable

_SYMBOL: Final = r"^[A-Z][A-Z0-9]{0,9}([.-][A-Z0-9]{1,4})?$"
SYMBOL: Final = re.compile(_SYMBOL)
Symbol = Annotated[str, StringConstraints(pattern=_SYMBOL)]
_HUNDREDTH: Final = Decimal("0.01")
_PERCENT: Final = Decimal("0.0001")


class SymbolNotFound(NotFound):
    """No security has this symbol."""

    code = "symbol_not_found"
    title = "No such security"


class ChartRefused(RuleRefused):
    """That range is not told in that interval."""

    code = "chart_refused"
    title = "No such chart"


class MarketDataUnavailable(Unavailable):
    """Whoever tells prices does not, and nothing older is known."""

    code = "market_data_unavailable"
    title = "Market data is not available"


class Range(StrEnum):
    """How far back a chart goes."""

    DAY = "1D"
    WEEK = "5D"
    MONTH = "1M"
    HALF_YEAR = "6M"
    YEAR = "1Y"
    FIVE_YEARS = "5Y"
    ALL = "max"


class Interval(StrEnum):
    """How long each bar of a chart is."""

    MINUTE = "1min"
    FIVE_MINUTES = "5min"
    QUARTER = "15min"
    HALF_HOUR = "30min"
    HOUR = "60min"
    DAY = "1day"
    WEEK = "1week"
    MONTH = "1month"

    @property
    def minutes(self) -> int | None:
        """The minutes of a bar within a session; None from a day on."""
        return int(self.removesuffix("min")) if self.endswith("min") else None


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class Security(_Told):
    """What is traded under a symbol."""

    symbol: str
    name: str
    asset_type: str
    exchange: str
    currency: str
    sector: str | None = None
    industry: str | None = None
    country: str | None = None
    description: str | None = None
    source: str
    simulated: bool = False
    stale: bool = False


class Quote(_Told):
    """A price, and what it is to be believed for. `bid` and `ask` are None where the source does not tell them.

    `session_date` is the trading day that it belongs to; `split` how many shares one became on that day, 1 on most.
    """

    symbol: str
    currency: str
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    open: Decimal
    high: Decimal
    low: Decimal
    previous_close: Decimal
    volume: int
    session_date: date
    as_of: datetime
    split: Decimal = Decimal(1)
    source: str
    delayed: bool
    simulated: bool = False
    stale: bool = False

    @property
    def change(self) -> Decimal:
        """What the price has moved since the close before."""
        return self.last - self.previous_close

    @property
    def change_percent(self) -> Decimal:
        """The same in per cent, to four places; 0 where there was no price before."""
        if not self.previous_close:
            return Decimal(0)
        return (self.change * 100 / self.previous_close).quantize(_PERCENT, ROUND_HALF_EVEN)


class Bar(_Told):
    """What was traded between `at` and the next bar. `dividend` is per share, `split` the shares that one became, where
    the day was an ex-date."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int
    dividend: Decimal | None = None
    split: Decimal | None = None


class Series(_Told):
    """Bars, oldest first. `adjusted`: prices before a split are told in today's shares. `complete`: the whole range is
    there; a source may tell less."""

    symbol: str
    currency: str
    range: Range
    interval: Interval
    bars: tuple[Bar, ...]
    adjusted: bool
    complete: bool
    source: str
    simulated: bool = False
    stale: bool = False


def cents(price: Decimal) -> Decimal:
    """`price` to the cent, half to even."""
    return price.quantize(_HUNDREDTH, ROUND_HALF_EVEN)
