"""Alpha Vantage's answers as ours (reference/brokerage.md §2): every number is a string, names begin with numbers, and
"None" or "-" stand for nothing.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from infra.providers.quotes.alpha_vantage.refusals import NothingTold
from models.market import SYMBOL, Bar, Interval, Quote, Security, SymbolNotFound
from models.market.sessions import Sessions

SOURCE: Final = "alpha_vantage"
EASTERN: Final = ZoneInfo("America/New_York")
_REGION: Final = "United States"
_NOTHING: Final = {"", "None", "-"}


def _member(body: dict[str, Any], prefix: str) -> Any:
    """The member whose name begins so: with an entitlement, words are added to it."""
    for name, value in body.items():
        if name.startswith(prefix):
            return value
    raise NothingTold("The source of prices told nothing of it")


def _number(text: Any) -> Decimal:
    try:
        number = Decimal(str(text).rstrip("%"))
    except InvalidOperation:
        raise NothingTold("The source of prices told no number") from None
    if not number.is_finite():
        raise NothingTold("The source of prices told no number")
    return number


def quote_of(body: dict[str, Any], told_at: datetime, sessions: Sessions, *, stale: bool) -> Quote:
    """GLOBAL_QUOTE. It names a day and no moment: that of the close, or of the asking while the session runs.

    Raises `SymbolNotFound` for the empty quote that an unknown symbol gets, and `NothingTold`.
    """
    told = _member(body, "Global Quote")
    if not told:
        raise SymbolNotFound("There is no such security")
    try:
        day = date.fromisoformat(told["07. latest trading day"])
        prices = {name: _number(told[key]) for name, key in _QUOTED.items()}
        symbol, volume = str(told["01. symbol"]), int(_number(told["06. volume"]))
    except (KeyError, ValueError, TypeError):
        raise NothingTold("The source of prices told half a quote") from None
    closes_at = next((one.closes_at for one in sessions.days if one.day == day), told_at)
    return Quote(
        symbol=symbol,
        currency="USD",
        bid=None,
        ask=None,
        volume=volume,
        session_date=day,
        as_of=min(told_at, closes_at),
        source=SOURCE,
        # Without an entitlement that says otherwise.
        delayed=True,
        stale=stale,
        **prices,
    )


_QUOTED: Final = {
    "open": "02. open",
    "high": "03. high",
    "low": "04. low",
    "last": "05. price",
    "previous_close": "08. previous close",
}


def found_in(body: dict[str, Any], *, stale: bool) -> list[Security]:
    """SYMBOL_SEARCH, of the exchanges of the United States, the best first."""
    matches = _member(body, "bestMatches")
    return [
        Security(
            symbol=one["1. symbol"],
            name=one["2. name"],
            asset_type=one["3. type"].lower(),
            exchange=one["4. region"],
            currency=one["8. currency"],
            country=one["4. region"],
            source=SOURCE,
            stale=stale,
        )
        for one in matches
        if one.get("4. region") == _REGION and SYMBOL.match(one["1. symbol"])
    ]


def security_of(body: dict[str, Any], *, stale: bool) -> Security:
    """OVERVIEW. Raises `SymbolNotFound` for the empty one of an unknown symbol, and `NothingTold`."""
    if not body:
        raise SymbolNotFound("There is no such security")

    def said(name: str) -> str | None:
        value = str(body.get(name, ""))
        return None if value in _NOTHING else value

    symbol, name = said("Symbol"), said("Name")
    if symbol is None or name is None:
        raise NothingTold("The source of prices told half a security")
    return Security(
        symbol=symbol,
        name=name,
        asset_type=(said("AssetType") or "stock").lower(),
        exchange=said("Exchange") or "unknown",
        currency=said("Currency") or "USD",
        sector=said("Sector"),
        industry=said("Industry"),
        country=said("Country"),
        description=said("Description"),
        source=SOURCE,
        stale=stale,
    )


def daily_bars(body: dict[str, Any]) -> list[Bar]:
    """TIME_SERIES_DAILY (raw) or TIME_SERIES_DAILY_ADJUSTED (with dividends and splits), oldest first."""
    return _bars(_member(body, "Time Series (Daily)"), lambda key: _eastern(f"{key} 09:30:00"))


def intraday_bars(body: dict[str, Any], interval: Interval) -> list[Bar]:
    """TIME_SERIES_INTRADAY, oldest first, in New York's own time. The hour that comes twice in autumn is at night,
    when nothing is traded."""
    return _bars(_member(body, f"Time Series ({interval})"), _eastern)


def _eastern(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=EASTERN).astimezone(UTC)


def _bars(told: dict[str, dict[str, str]], moment: Callable[[str], datetime]) -> list[Bar]:
    try:
        return sorted((_bar(moment(key), row) for key, row in told.items()), key=lambda bar: bar.at)
    except (KeyError, ValueError, TypeError, AttributeError):
        raise NothingTold("The source of prices told half a bar") from None


def _bar(at: datetime, row: dict[str, str]) -> Bar:
    # An adjusted close in fifth place moves the volume to the sixth.
    split = _number(row.get("8. split coefficient", "1"))
    dividend = _number(row.get("7. dividend amount", "0"))
    return Bar(
        at=at,
        open=_number(row["1. open"]),
        high=_number(row["2. high"]),
        low=_number(row["3. low"]),
        close=_number(row["4. close"]),
        volume=int(_number(row["6. volume"] if "6. volume" in row else row["5. volume"])),
        dividend=dividend or None,
        split=None if split == 1 else split,
    )
