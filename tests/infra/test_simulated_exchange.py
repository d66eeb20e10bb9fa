"""The simulated exchange: the same everywhere, true to the calendar, and whole: minutes add up to days."""

import asyncio
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from infra.providers.quotes.sessions import SessionBook
from infra.providers.quotes.simulated import SimulatedExchange, listings
from infra.providers.quotes.walk import Walk
from models.market import SYMBOL, Interval, Range, SymbolNotFound
from models.market.sessions import CalendarEnds, Sessions
from tests.factories.market import known_days

AT = datetime(2026, 11, 20, 16, 3, 20, tzinfo=UTC)


class _Book(SessionBook):
    """The sessions by rule, without a table."""

    def __init__(self) -> None:
        self.known = Sessions(known_days())

    async def sessions(self) -> Sessions:
        return self.known


@pytest.fixture(scope="module")
def exchange() -> SimulatedExchange:
    return SimulatedExchange(_Book())


def test_sixty_invented_securities_are_listed() -> None:
    assert len(listings()) == 60
    assert all(SYMBOL.match(symbol) and symbol[0] == "X" and one.simulated for symbol, one in listings().items())
    assert len({one.name for one in listings().values()}) == 60


async def test_every_answer_says_that_it_is_simulated(exchange: SimulatedExchange) -> None:
    quote = await exchange.quote("XALDE", AT)
    series = await exchange.series("XALDE", Range.DAY, Interval.FIVE_MINUTES, AT)
    assert [quote.simulated, series.simulated, (await exchange.search("xald", AT))[0].simulated] == [True] * 3
    assert quote.source == series.source == "simulated"


async def test_another_process_tells_the_same_prices(exchange: SimulatedExchange) -> None:
    program = (
        "from tests.factories.market import known_days\n"
        "from infra.providers.quotes.walk import Walk, price_at\n"
        "day = Walk('XALDE').days(known_days()[:1700])[-1]\n"
        "print(day.open, day.close, day.volume, price_at('XALDE', day, 5000))"
    )
    ran = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], capture_output=True, check=True)
    told = ran.stdout.decode().split()
    quote_of_day = Walk("XALDE").days(known_days()[:1700])[-1]
    assert [int(word) for word in told[:3]] == [quote_of_day.open, quote_of_day.close, quote_of_day.volume]
    at = quote_of_day.session.opens_at + timedelta(seconds=5000)
    assert (await exchange.quote("XALDE", at)).last == Decimal(told[3]) / 10_000


async def test_what_was_told_of_a_day_stays_when_days_are_added() -> None:
    walk = Walk("XKEST")
    parts = [*walk.days(known_days()[:300]), *walk.days(known_days()[300:900])]
    assert parts == Walk("XKEST").days(known_days()[:900])


async def test_bid_and_ask_stand_around_the_price(exchange: SimulatedExchange) -> None:
    for quote in await exchange.quotes(list(listings()), AT):
        assert quote.bid is not None
        assert quote.ask is not None
        assert 0 < quote.bid <= quote.last <= quote.ask
        assert quote.low <= min(quote.open, quote.last) <= max(quote.open, quote.last) <= quote.high
        assert quote.as_of == AT


async def test_nothing_moves_after_the_close_and_the_close_is_early_on_some_days(exchange: SimulatedExchange) -> None:
    thanksgiving_friday = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    at_close = await exchange.quote("XKEST", thanksgiving_friday)
    later = await exchange.quote("XKEST", thanksgiving_friday + timedelta(hours=30))
    assert at_close == later
    assert later.as_of == thanksgiving_friday
    before = await exchange.quote("XKEST", thanksgiving_friday - timedelta(minutes=1))
    assert before.volume < later.volume


async def test_minutes_add_up_to_their_day(exchange: SimulatedExchange) -> None:
    evening = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    for symbol in ("XALDE", "XBARR", "XAUR6"):
        minutes = (await exchange.series(symbol, Range.DAY, Interval.MINUTE, evening)).bars
        day = (await exchange.series(symbol, Range.WEEK, Interval.DAY, evening)).bars[-1]
        assert len(minutes) == 390
        assert (minutes[0].open, minutes[-1].close) == (day.open, day.close)
        assert (max(bar.high for bar in minutes), min(bar.low for bar in minutes)) == (day.high, day.low)
        assert sum(bar.volume for bar in minutes) == day.volume
        assert all(one.close == after.open for one, after in pairwise(minutes))
        halves = (await exchange.series(symbol, Range.DAY, Interval.HALF_HOUR, evening)).bars
        assert len(halves) == 13
        assert sum(bar.volume for bar in halves) == day.volume


async def test_a_day_that_runs_is_told_as_far_as_it_has_come(exchange: SimulatedExchange) -> None:
    quote = await exchange.quote("XALDE", AT)
    bars = (await exchange.series("XALDE", Range.DAY, Interval.FIVE_MINUTES, AT)).bars
    assert bars[-1].close == quote.last
    assert bars[-1].at <= AT
    assert (max(bar.high for bar in bars), min(bar.low for bar in bars)) == (quote.high, quote.low)
    opening = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    first = (await exchange.series("XALDE", Range.DAY, Interval.MINUTE, opening)).bars
    assert [(bar.open, bar.close) for bar in first] == [(first[0].open, first[0].open)]


async def test_five_years_hold_splits_and_dividends_and_are_told_in_todays_shares(
    exchange: SimulatedExchange,
) -> None:
    splits, dividends = 0, 0
    for symbol in listings():
        bars = (await exchange.series(symbol, Range.FIVE_YEARS, Interval.DAY, AT)).bars
        assert len(bars) >= 1255
        assert bars[0].at.date() <= date(2021, 11, 22)
        splits += sum(bar.split is not None for bar in bars)
        dividends += sum(bar.dividend is not None for bar in bars)
        # A split of two would look like a fall by half.
        assert all(Decimal("0.7") < after.open / bar.close < Decimal("1.4") for bar, after in pairwise(bars)), symbol
    assert splits >= 5
    assert dividends >= 300


async def test_weeks_and_months_are_put_together_from_days(exchange: SimulatedExchange) -> None:
    days = (await exchange.series("XALDE", Range.ALL, Interval.DAY, AT)).bars
    for interval in (Interval.WEEK, Interval.MONTH):
        bars = (await exchange.series("XALDE", Range.ALL, interval, AT)).bars
        assert sum(bar.volume for bar in bars) == sum(bar.volume for bar in days)
        assert (bars[0].open, bars[-1].close) == (days[0].open, days[-1].close)
        assert max(bar.high for bar in bars) == max(bar.high for bar in days)


async def test_what_is_not_listed_or_not_in_the_calendar_is_refused(exchange: SimulatedExchange) -> None:
    with pytest.raises(SymbolNotFound):
        await exchange.quote("XNONE", AT)
    assert await exchange.quotes(["XNONE", "XALDE"], AT) == [await exchange.quote("XALDE", AT)]
    for at in (datetime(2019, 12, 31, tzinfo=UTC), known_days()[-1].closes_at):
        with pytest.raises(CalendarEnds):
            await exchange.quote("XALDE", at)


async def test_search_puts_the_best_first(exchange: SimulatedExchange) -> None:
    assert [one.symbol for one in await exchange.search("XALDE", AT)] == ["XALDE"]
    assert (await exchange.search("kestrel", AT))[0].name == "Kestrelway Air"
    assert [one.name for one in await exchange.search("bank", AT)] == ["Harrowgate Bank"]
    assert await exchange.search("nothing of this", AT) == []
    assert len(await exchange.search("x", AT)) == 20
