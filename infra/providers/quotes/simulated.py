"""The simulated exchange: sixty invented securities with prices of their own, told as of any moment (`walk`).

It is open when the New York Stock Exchange is, and every answer says that it is simulated.
"""

import csv
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from infra.providers.quotes.sessions import SessionBook
from infra.providers.quotes.walk import TICK, Day, Walk, price_at, price_of_minute
from models.market import Bar, Interval, Quote, Range, Security, Series, SymbolNotFound
from models.market.series import SESSIONS, adjusted, first_day, joined, one_of
from models.market.sessions import Session, Sessions

SOURCE: Final = "simulated"
EXCHANGE: Final = "Aurum simulated exchange"
CURRENCY: Final = "USD"
MOST_FOUND: Final = 20


@lru_cache(maxsize=1)
def listings() -> dict[str, Security]:
    """What is listed, by symbol."""
    with Path(__file__).with_name("listings.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["symbol"]: Security(
                symbol=row["symbol"],
                name=row["name"],
                asset_type=row["asset_type"],
                exchange=EXCHANGE,
                currency=CURRENCY,
                sector=row["sector"] or None,
                description="An invented security. Its prices are simulated and mean nothing outside Aurum.",
                source=SOURCE,
                simulated=True,
            )
            for row in csv.DictReader(file)
        }


def _dollars(price: int) -> Decimal:
    return Decimal(price // TICK).scaleb(-2)


class SimulatedExchange:
    """Tells the prices of the simulated exchange. What was worked out for a symbol is remembered."""

    def __init__(self, book: SessionBook) -> None:
        self._book = book
        self._walked: dict[str, tuple[Sequence[Session], Walk, list[Day]]] = {}
        # The highest and the lowest of the minutes of a day, so far as they were looked at.
        self._reached: dict[str, tuple[Day, int, int, int]] = {}

    async def quote(self, symbol: str, at: datetime) -> Quote:
        """See `QuoteProvider.quote`."""
        await self.security(symbol, at)
        days, _ = await self._days(symbol, at)
        day = days[-1]
        return _quote(symbol, day, at, self._minutes_reached(symbol, day, at))

    async def quotes(self, symbols: Sequence[str], at: datetime) -> list[Quote]:
        """See `QuoteProvider.quotes`."""
        return [await self.quote(symbol, at) for symbol in symbols if symbol in listings()]

    async def known(self, symbols: Sequence[str], at: datetime) -> list[Quote]:
        """See `QuoteProvider.known`."""
        return await self.quotes(symbols, at)

    async def security(self, symbol: str, at: datetime) -> Security:  # noqa: ARG002 # what is listed stays listed
        """See `QuoteProvider.security`."""
        found = listings().get(symbol)
        if found is None:
            raise SymbolNotFound("There is no such security on the simulated exchange")
        return found

    async def search(self, words: str, at: datetime) -> list[Security]:  # noqa: ARG002 # what is listed stays listed
        """See `QuoteProvider.search`."""
        wanted = words.casefold()

        def rank(one: Security) -> int:
            symbol, name = one.symbol.casefold(), one.name.casefold()
            places = (symbol == wanted, symbol.startswith(wanted), name.startswith(wanted), wanted in name)
            return next((place for place, fits in enumerate(places) if fits), len(places))

        found = [(rank(one), one.symbol, one) for one in listings().values()]
        return [one for place, _, one in sorted(found, key=lambda each: each[:2]) if place < 4][:MOST_FOUND]

    async def series(self, symbol: str, wanted: Range, interval: Interval, at: datetime) -> Series:
        """See `QuoteProvider.series`."""
        await self.security(symbol, at)
        days, sessions = await self._days(symbol, at)
        if wanted in SESSIONS:
            chosen = days[-SESSIONS[wanted] :]
        else:
            since = first_day(wanted, sessions.latest(at).day)
            chosen = [day for day in days if day.session.day >= since]
        bars = [bar for day in chosen for bar in _bars(symbol, day, interval, at)]
        return Series(
            symbol=symbol,
            currency=CURRENCY,
            range=wanted,
            interval=interval,
            bars=tuple(joined(_in_todays_shares(bars, chosen, interval), interval)),
            adjusted=True,
            complete=True,
            source=SOURCE,
            simulated=True,
        )

    def _minutes_reached(self, symbol: str, day: Day, at: datetime) -> tuple[int, int] | None:
        """The highest and lowest price at the beginning of a minute until then; None after the close. Whoever asks
        every second has only the newest minute looked at."""
        now = int((at - day.session.opens_at).total_seconds()) // 60
        if now >= day.session.minutes:
            return None
        known = self._reached.get(symbol)
        if known is None or known[0] is not day or known[1] > now:
            known = (day, -1, day.open, day.open)
        _, looked_at, high, low = known
        for minute in range(looked_at + 1, now + 1):
            price = price_of_minute(symbol, day, minute)
            high, low = max(high, price), min(low, price)
        self._reached[symbol] = (day, now, high, low)
        return high, low

    async def _days(self, symbol: str, at: datetime) -> tuple[list[Day], Sessions]:
        sessions = await self._book.sessions()
        begun = sessions.begun(at)
        known = self._walked.get(symbol)
        if known is None or known[0] is not sessions.days:
            known = self._walked[symbol] = (sessions.days, Walk(symbol), [])
        _, walk, days = known
        if len(days) < begun:
            # Seven years of arithmetic the first time, later what is new.
            days += walk.days(sessions.days[len(days) : begun])
        return days[:begun], sessions


def _so_far(symbol: str, day: Day, at: datetime, reached: tuple[int, int] | None = None) -> tuple[int, int, int, int]:
    """Price, highest, lowest and shares until then. `reached`: the extremes of the minutes until then, if known."""
    seconds = int((at - day.session.opens_at).total_seconds())
    if seconds >= day.session.minutes * 60:
        return day.close, day.high, day.low, day.volume
    price = price_at(symbol, day, seconds)
    minutes = reached or [price_of_minute(symbol, day, minute) for minute in range(seconds // 60 + 1)]
    seen = [price, *minutes]
    return price, max(seen), min(seen), day.volume * seconds // (day.session.minutes * 60)


def _quote(symbol: str, day: Day, at: datetime, reached: tuple[int, int] | None) -> Quote:
    price, high, low, volume = _so_far(symbol, day, at, reached)
    spread = max(TICK, price * 4 // 10_000 // TICK * TICK)
    bid = max(TICK, price - spread // 2 // TICK * TICK)
    return Quote(
        symbol=symbol,
        currency=CURRENCY,
        last=_dollars(price),
        bid=_dollars(bid),
        ask=_dollars(bid + spread),
        open=_dollars(day.open),
        high=_dollars(high),
        low=_dollars(low),
        previous_close=_dollars(day.previous_close),
        volume=volume,
        session_date=day.session.day,
        as_of=min(at, day.session.closes_at),
        split=Decimal(day.split[0]) / day.split[1],
        source=SOURCE,
        delayed=False,
        simulated=True,
    )


def _in_todays_shares(bars: list[Bar], days: list[Day], interval: Interval) -> list[Bar]:
    if interval.minutes is None:
        return adjusted(bars)
    # Within sessions the split is before the first bar of its day.
    first = {day.session.opens_at: Decimal(day.split[0]) / day.split[1] for day in days if day.split != (1, 1)}
    return adjusted([bar.model_copy(update={"split": first[bar.at]}) if bar.at in first else bar for bar in bars])


def _bars(symbol: str, day: Day, interval: Interval, at: datetime) -> list[Bar]:
    if interval.minutes is None:
        price, high, low, volume = _so_far(symbol, day, at)
        return [
            Bar(
                at=day.session.opens_at,
                open=_dollars(day.open),
                high=_dollars(high),
                low=_dollars(low),
                close=_dollars(price),
                volume=volume,
                dividend=_dollars(day.dividend) if day.dividend else None,
                split=None if day.split == (1, 1) else Decimal(day.split[0]) / day.split[1],
            )
        ]
    gone = min(day.session.minutes, int((at - day.session.opens_at).total_seconds()) // 60 + 1)
    minutes = [_minute(symbol, day, minute, at) for minute in range(gone)]
    return [one_of(minutes[first : first + interval.minutes]) for first in range(0, gone, interval.minutes)]


def _minute(symbol: str, day: Day, minute: int, at: datetime) -> Bar:
    seconds = min(60, int((at - day.session.opens_at).total_seconds()) - minute * 60)
    opened, closed = price_of_minute(symbol, day, minute), price_at(symbol, day, minute * 60 + seconds)
    total, length = day.volume, day.session.minutes * 60
    before, after = total * minute * 60 // length, total * (minute * 60 + seconds) // length
    return Bar(
        at=datetime.fromtimestamp(int(day.session.opens_at.timestamp()) + minute * 60, day.session.opens_at.tzinfo),
        open=_dollars(opened),
        high=_dollars(max(opened, closed)),
        low=_dollars(min(opened, closed)),
        close=_dollars(closed),
        volume=after - before,
    )
