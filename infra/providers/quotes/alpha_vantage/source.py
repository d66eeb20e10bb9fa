"""Alpha Vantage as a source of prices: what was told is shared, kept as long as it is true, and then told with a flag.

Whether the market is open is never asked there: it names 16:15 as the close. What our plan does not include is
remembered for a day, and the answer that it does include given instead.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from infra.providers.quotes.alpha_vantage.client import AlphaVantageClient
from infra.providers.quotes.alpha_vantage.refusals import NothingTold, PremiumRequired
from infra.providers.quotes.alpha_vantage.shapes import (
    EASTERN,
    SOURCE,
    daily_bars,
    found_in,
    intraday_bars,
    quote_of,
    security_of,
)
from infra.providers.quotes.answers import Answers, Told
from infra.providers.quotes.sessions import SessionBook
from models.market import SYMBOL, Interval, MarketDataUnavailable, Quote, Range, Security, Series, SymbolNotFound
from models.market.series import SESSIONS, adjusted, first_day, joined

QUOTE_FRESH: Final = timedelta(seconds=15)
OVERVIEW_FRESH: Final = timedelta(days=1)
SEARCH_FRESH: Final = timedelta(days=7)
INTRADAY_FRESH: Final = timedelta(minutes=1)
# `compact` has this many points; the rest is in plans that are paid for.
_COMPACT: Final = 100
_MOST_FOUND: Final = 20
_NO_PLAN: Final = {"aurum": "not_in_plan"}


class AlphaVantage:
    """Tells what Alpha Vantage tells."""

    def __init__(self, client: AlphaVantageClient, answers: Answers, book: SessionBook) -> None:
        self._client = client
        self._answers = answers
        self._book = book

    async def quote(self, symbol: str, at: datetime) -> Quote:
        """See `QuoteProvider.quote`."""
        _check(symbol)
        sessions = await self._book.sessions()
        status = sessions.status(at)
        fresh_for = QUOTE_FRESH if status.is_open else status.next_open - at

        async def ask() -> Any:
            body = await self._client.ask("GLOBAL_QUOTE", symbol=symbol)
            # Before it is kept: half a quote is none.
            quote_of(body, at, sessions, stale=False)
            return body

        told = await self._answers.of(f"quote/{symbol}", ask, fresh_for)
        return quote_of(told.answer, told.at, sessions, stale=told.stale)

    async def quotes(self, symbols: Sequence[str], at: datetime) -> list[Quote]:
        """See `QuoteProvider.quotes`. One after another: quotes in bulk are in paid plans alone."""
        found = []
        for symbol in symbols:
            try:
                found.append(await self.quote(symbol, at))
            except (SymbolNotFound, MarketDataUnavailable):
                continue
        return found

    async def known(self, symbols: Sequence[str], at: datetime) -> list[Quote]:  # noqa: ARG002 # what is kept is of now
        """See `QuoteProvider.known`: what requests and sweeps have brought."""
        sessions = await self._book.sessions()
        kept = await self._answers.kept([f"quote/{symbol}" for symbol in symbols])
        return [quote_of(told.answer, told.at, sessions, stale=told.stale) for told in kept]

    async def security(self, symbol: str, at: datetime) -> Security:  # noqa: ARG002 # a security is of no moment
        """See `QuoteProvider.security`."""
        _check(symbol)

        async def ask() -> Any:
            body = await self._client.ask("OVERVIEW", symbol=symbol)
            security_of(body, stale=False)
            return body

        told = await self._answers.of(f"overview/{symbol}", ask, OVERVIEW_FRESH)
        return security_of(told.answer, stale=told.stale)

    async def search(self, words: str, at: datetime) -> list[Security]:  # noqa: ARG002 # a security is of no moment
        """See `QuoteProvider.search`."""

        async def ask() -> Any:
            body = await self._client.ask("SYMBOL_SEARCH", keywords=words)
            found_in(body, stale=False)
            return body

        told = await self._answers.of(f"search/{words.casefold()}", ask, SEARCH_FRESH)
        return found_in(told.answer, stale=told.stale)[:_MOST_FOUND]

    async def series(self, symbol: str, wanted: Range, interval: Interval, at: datetime) -> Series:
        """See `QuoteProvider.series`."""
        _check(symbol)
        sessions = await self._book.sessions()
        status = sessions.status(at)
        complete, split_told = True, False
        if interval.minutes is not None:
            told = await self._intraday(symbol, interval, INTRADAY_FRESH if status.is_open else status.next_open - at)
            bars = intraday_bars(told.answer, interval)
        else:
            told, split_told, complete = await self._daily(symbol, wanted, status.next_close - at)
            bars = adjusted(daily_bars(told.answer)) if split_told else daily_bars(told.answer)
        if wanted in SESSIONS:
            days = sorted({bar.at.astimezone(EASTERN).date() for bar in bars})[-SESSIONS[wanted] :]
            since = days[0] if days else first_day(Range.MONTH, at.date())
        else:
            since = first_day(wanted, sessions.latest(at).day)
        return Series(
            symbol=symbol,
            currency="USD",
            range=wanted,
            interval=interval,
            bars=tuple(joined([bar for bar in bars if bar.at.astimezone(EASTERN).date() >= since], interval)),
            adjusted=split_told,
            complete=complete,
            source=SOURCE,
            stale=told.stale,
        )

    async def _intraday(self, symbol: str, interval: Interval, fresh_for: timedelta) -> Told:
        async def ask() -> Any:
            body = await self._client.ask(
                "TIME_SERIES_INTRADAY",
                symbol=symbol,
                interval=interval.value,
                extended_hours="false",
                outputsize="compact",
            )
            intraday_bars(body, interval)
            return body

        return await self._answers.of(f"intraday/{symbol}/{interval}", ask, fresh_for)

    async def _daily(self, symbol: str, wanted: Range, fresh_for: timedelta) -> tuple[Told, bool, bool]:
        """Days with their splits where the plan has them, else the last hundred as they were traded; whether splits are
        told, and whether that is the whole range."""
        short = wanted in {Range.WEEK, Range.MONTH}
        if not short and await self._has_full_days(symbol, fresh_for):
            kept = await self._answers.of(
                f"full/{symbol}", lambda: self._days(symbol, "TIME_SERIES_DAILY_ADJUSTED", "full"), fresh_for
            )
            return kept, True, True
        told = await self._answers.of(
            f"daily/{symbol}", lambda: self._days(symbol, "TIME_SERIES_DAILY", "compact"), fresh_for
        )
        return told, False, short or len(daily_bars(told.answer)) < _COMPACT

    async def _has_full_days(self, symbol: str, fresh_for: timedelta) -> bool:
        async def ask() -> Any:
            try:
                body = await self._days(symbol, "TIME_SERIES_DAILY_ADJUSTED", "full")
            except PremiumRequired:
                return _NO_PLAN
            # What it brought is kept where it belongs, or it would be asked for twice.
            await self._answers.keep(f"full/{symbol}", body, fresh_for)
            return {}

        told = await self._answers.of("plan/full", ask, OVERVIEW_FRESH)
        return bool(told.answer != _NO_PLAN)

    async def _days(self, symbol: str, function: str, outputsize: str) -> Any:
        body = await self._client.ask(function, symbol=symbol, outputsize=outputsize)
        if not daily_bars(body):
            raise NothingTold("The source of prices told no day")
        return body


def _check(symbol: str) -> None:
    # Nothing of what is asked for in vain counts as little as this.
    if not SYMBOL.match(symbol):
        raise SymbolNotFound("There is no such security")
