"""Alpha Vantage over HTTP, against a double: every shape and every error of reference/brokerage.md §2, both budgets
across processes, one question for many who ask, and what is old told with a flag."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from infra.database import transaction
from infra.providers.quotes import SessionBook
from infra.providers.quotes.alpha_vantage import SOURCE, AlphaVantage, AlphaVantageClient, Plan, refusals
from infra.providers.quotes.answers import Answers
from models.market import Interval, MarketDataUnavailable, Range, SymbolNotFound
from tests.factories import market
from tests.factories.alpha_vantage import KEY, Door, alpha_vantage

AT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
QUOTE = {
    "01. symbol": "XTEST",
    "02. open": "100.5000",
    "03. high": "103.0000",
    "04. low": "99.9000",
    "05. price": "102.2500",
    "06. volume": "3345678",
    "07. latest trading day": "2026-11-19",
    "08. previous close": "100.0000",
    "09. change": "2.2500",
    "10. change percent": "2.2500%",
}
OVERVIEW = {
    "Symbol": "XTEST",
    "AssetType": "Common Stock",
    "Name": "Test Works",
    "Exchange": "NYSE",
    "Currency": "USD",
    "Country": "USA",
    "Sector": "TECHNOLOGY",
    "Industry": "-",
    "Description": "None",
}
PREMIUM = {
    "Information": "Thank you for using Alpha Vantage! The outputsize=full parameter value is a premium feature for"
    " the TIME_SERIES_DAILY endpoint. You may subscribe to any of the premium plans"
}
BURST = {
    "Information": "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more"
    " sparingly (1 request per second). You may subscribe to lift the free key rate limit (25 requests per day)"
}
DAY = {"Information": f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day."}
ERRORS: list[tuple[Any, type[Exception]]] = [
    (
        {
            "Error Message": "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/"
            "documentation/) for TIME_SERIES_DAILY."
        },
        SymbolNotFound,
    ),
    (
        {"Error Message": "the parameter apikey is invalid or missing. Please claim your free API key"},
        refusals.KeyRefused,
    ),
    (
        {"Information": "Thank you for using Alpha Vantage! Our standard API rate limit is 25 requests per day."},
        refusals.QuotaExhausted,
    ),
    (DAY, refusals.QuotaExhausted),
    (PREMIUM, refusals.PremiumRequired),
    ({"Information": "Thank you for using Alpha Vantage! This is a premium endpoint."}, refusals.PremiumRequired),
    (
        {
            "Note": "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500"
            " calls per day."
        },
        refusals.TooFast,
    ),
    ({"Information": "Something that nobody has seen yet."}, refusals.NothingTold),
    ({"Meta Data": {}}, refusals.NothingTold),
    ({}, refusals.NothingTold),
    ("<html><body>Bad gateway</body></html>", refusals.SourceFailed),
    ("[]", refusals.SourceFailed),
]


@pytest.fixture
def door() -> Iterator[Door]:
    with alpha_vantage() as running:
        running.answers = {"GLOBAL_QUOTE": {"Global Quote": QUOTE}, "OVERVIEW": OVERVIEW}
        yield running


def _source(engine: AsyncEngine, door: Door, *, a_day: int | None = 25, pause: int = 0) -> AlphaVantage:
    plan = Plan(SecretStr(KEY), door.url, a_day, timedelta(milliseconds=pause))
    return AlphaVantage(AlphaVantageClient(engine, plan), Answers(engine, SOURCE, patience=2), SessionBook(engine))


@pytest.fixture
async def source(api_engine: AsyncEngine, owner_engine: AsyncEngine, door: Door) -> AlphaVantage:
    await market.opened(owner_engine)
    return _source(api_engine, door)


async def _age(owner: AsyncEngine) -> None:
    """Everything that was told is old now."""
    async with transaction(owner) as session:
        await session.execute(text("UPDATE market_answers SET fresh_until = '-infinity', asking_until = NULL"))


@pytest.mark.parametrize("name", ["Global Quote", "Global Quote - DATA DELAYED BY 15 MINUTES"])
async def test_a_quote_is_read_and_says_what_it_is(source: AlphaVantage, door: Door, name: str) -> None:
    door.answers["GLOBAL_QUOTE"] = {name: QUOTE}
    quote = await source.quote("XTEST", AT)
    assert (quote.last, quote.previous_close, quote.change_percent) == (
        Decimal("102.25"),
        Decimal(100),
        Decimal("2.25"),
    )
    assert (quote.delayed, quote.simulated, quote.stale, quote.source) == (True, False, False, "alpha_vantage")
    assert quote.as_of == datetime(2026, 11, 19, 21, 0, tzinfo=UTC)
    assert door.asked == [{"function": "GLOBAL_QUOTE", "symbol": "XTEST", "apikey": KEY}]


@pytest.mark.parametrize(("body", "error"), ERRORS, ids=range(len(ERRORS)))
async def test_every_error_is_its_own_class_and_tells_no_key(
    source: AlphaVantage, door: Door, body: Any, error: type[Exception]
) -> None:
    door.plan = [body] * 2
    with capture_logs() as logs, pytest.raises(error) as raised:
        await source.series("XTEST", Range.MONTH, Interval.DAY, AT)
    assert type(raised.value) is error
    assert KEY not in f"{raised.value!r} {raised.value} {raised.value.__cause__} {logs}"


async def test_a_status_of_theirs_and_a_door_that_is_shut_are_failures(
    source: AlphaVantage, api_engine: AsyncEngine, door: Door
) -> None:
    door.status = 502
    with pytest.raises(refusals.SourceFailed):
        await source.quote("XTEST", AT)
    shut = Door(url="http://127.0.0.1:9/query")
    with pytest.raises(refusals.SourceFailed) as raised:
        await _source(api_engine, shut).quote("XELSE", AT)
    assert KEY not in str(raised.value)


async def test_a_burst_is_tried_once_more(source: AlphaVantage, door: Door) -> None:
    door.plan = [BURST]
    assert (await source.quote("XTEST", AT)).last == Decimal("102.2500")
    assert len(door.asked) == 2


async def test_an_unknown_symbol_is_asked_for_once_a_day(source: AlphaVantage, door: Door) -> None:
    door.answers["GLOBAL_QUOTE"] = {"Global Quote": {}}
    for _ in range(3):
        with pytest.raises(SymbolNotFound):
            await source.quote("XNONE", AT)
    with pytest.raises(SymbolNotFound):
        await source.quote("not a symbol", AT)
    assert len(door.asked) == 1


async def test_a_spent_day_closes_the_source_for_every_process(
    source: AlphaVantage, worker_engine: AsyncEngine, door: Door
) -> None:
    door.plan = [DAY]
    for asking in (source, _source(worker_engine, door)):
        with pytest.raises(refusals.QuotaExhausted):
            await asking.quote("XTEST", AT)
        with pytest.raises(refusals.QuotaExhausted):
            await asking.security("XTEST", AT)
    assert len(door.asked) == 1


async def test_no_more_than_the_days_calls_leave_from_many_processes(
    source: AlphaVantage, api_engine: AsyncEngine, worker_engine: AsyncEngine, owner_engine: AsyncEngine, door: Door
) -> None:
    askers = [_source(engine, door) for engine in (api_engine, worker_engine, api_engine, worker_engine)]
    asking = [askers[number % 4].search(f"word {number}", AT) for number in range(40)]
    door.answers["SYMBOL_SEARCH"] = {"bestMatches": []}
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert len(door.asked) == 25
    assert sum(isinstance(one, refusals.QuotaExhausted) for one in told) == 15
    # A day later, by the calls' own times, there is room again.
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE market_calls SET at = at - interval '1 day'"))
    assert await source.search("a day later", AT) == []


async def test_a_pause_is_kept_between_the_calls_of_all_processes(
    source: AlphaVantage, api_engine: AsyncEngine, worker_engine: AsyncEngine, owner_engine: AsyncEngine, door: Door
) -> None:
    askers = [_source(engine, door, pause=100) for engine in (api_engine, worker_engine)]
    door.answers["SYMBOL_SEARCH"] = {"bestMatches": []}
    await asyncio.gather(*(askers[number % 2].search(f"word {number}", AT) for number in range(6)))
    async with transaction(owner_engine) as session:
        turns = list((await session.execute(text("SELECT at FROM market_calls ORDER BY at"))).scalars())
    assert len(turns) == 6
    assert all((after - one) >= timedelta(milliseconds=100) for one, after in pairwise(turns))
    slow = _source(api_engine, door, pause=10_000)
    await slow.search("first", AT)
    with pytest.raises(refusals.TooFast):
        await slow.search("second", AT)


async def test_one_asks_for_many(
    source: AlphaVantage, worker_engine: AsyncEngine, owner_engine: AsyncEngine, door: Door
) -> None:
    door.silence = threading.Event()
    others = [source, _source(worker_engine, door)]
    asking = [asyncio.create_task(others[number % 2].quote("XTEST", AT)) for number in range(8)]
    await asyncio.to_thread(door.heard.wait, 30)
    door.silence.set()
    quotes = await asyncio.gather(*asking)
    assert len(door.asked) == 1
    assert {quote.last for quote in quotes} == {Decimal("102.2500")}


async def test_what_is_old_is_told_with_a_flag(source: AlphaVantage, owner_engine: AsyncEngine, door: Door) -> None:
    assert not (await source.quote("XTEST", AT)).stale
    await _age(owner_engine)
    door.status = 500
    old = await source.quote("XTEST", AT)
    assert (old.stale, old.last) == (True, Decimal("102.2500"))
    with pytest.raises(MarketDataUnavailable):
        await source.quote("XELSE", AT)


async def test_somebody_who_asked_and_died_keeps_nobody_waiting_for_ever(
    source: AlphaVantage, owner_engine: AsyncEngine, door: Door
) -> None:
    async with transaction(owner_engine) as session:
        await session.execute(
            text("INSERT INTO market_answers (key, asking_until) VALUES (:key, now() + interval '300 ms')"),
            {"key": "alpha_vantage/quote/XTEST"},
        )
    assert (await source.quote("XTEST", AT)).last == Decimal("102.2500")


async def test_a_security_and_a_search(source: AlphaVantage, door: Door) -> None:
    one = await source.security("XTEST", AT)
    assert (one.name, one.sector, one.industry, one.description) == ("Test Works", "TECHNOLOGY", None, None)
    match = {"1. symbol": "XTEST", "2. name": "Test Works", "3. type": "Equity", "4. region": "United States",
             "5. marketOpen": "09:30", "6. marketClose": "16:00", "7. timezone": "UTC-04", "8. currency": "USD",
             "9. matchScore": "1.0000"}  # fmt: skip
    door.answers["SYMBOL_SEARCH"] = {"bestMatches": [{**match, "4. region": "Frankfurt"}, match]}
    assert [one.symbol for one in await source.search("test", AT)] == ["XTEST"]
    await source.search("TEST", AT)
    assert door.functions() == ["OVERVIEW", "SYMBOL_SEARCH"]
    door.answers["OVERVIEW"] = {}
    with pytest.raises(SymbolNotFound):
        await source.security("XNONE", AT)


def _daily(first: int, last: int, **more: str) -> dict[str, Any]:
    days = {}
    for number in range(first, last):
        day = datetime(2026, 11, 19, tzinfo=UTC) - timedelta(days=number)
        days[f"{day:%Y-%m-%d}"] = {"1. open": "10.0", "2. high": "12.0", "3. low": "9.0", "4. close": "11.0"} | (
            more or {"5. volume": "500"}
        )
    return {"Meta Data": {"1. Information": "Daily Prices"}, "Time Series (Daily)": days}


async def test_days_are_read_and_what_the_plan_lacks_is_remembered(source: AlphaVantage, door: Door) -> None:
    door.answers |= {"TIME_SERIES_DAILY": _daily(0, 100), "TIME_SERIES_DAILY_ADJUSTED": PREMIUM}
    year = await source.series("XTEST", Range.YEAR, Interval.DAY, AT)
    assert (year.complete, year.adjusted, len(year.bars)) == (False, False, 100)
    assert (year.bars[-1].volume, year.bars[-1].close) == (500, Decimal(11))
    door.answers["TIME_SERIES_DAILY"] = _daily(0, 100)
    await source.series("XELSE", Range.YEAR, Interval.DAY, AT)
    assert door.functions() == ["TIME_SERIES_DAILY_ADJUSTED", "TIME_SERIES_DAILY", "TIME_SERIES_DAILY"]


async def test_a_paid_plan_tells_splits_and_the_volume_in_sixth_place(source: AlphaVantage, door: Door) -> None:
    adjusted = {"5. adjusted close": "11.0", "6. volume": "900", "7. dividend amount": "0.0000"}
    told = _daily(0, 300, **adjusted, **{"8. split coefficient": "1.0"})
    told["Time Series (Daily)"]["2026-11-18"] |= {"8. split coefficient": "2.0", "7. dividend amount": "0.2500"}
    door.answers["TIME_SERIES_DAILY_ADJUSTED"] = told
    year = await source.series("XTEST", Range.YEAR, Interval.DAY, AT)
    assert (year.complete, year.adjusted, len(year.bars)) == (True, True, 300)
    assert [bar.close for bar in year.bars[-3:]] == [Decimal("5.50"), 11, 11]
    assert [bar.volume for bar in year.bars[-3:]] == [1800, 900, 900]
    assert (year.bars[-2].split, year.bars[-2].dividend) == (Decimal(2), Decimal("0.25"))
    assert door.functions() == ["TIME_SERIES_DAILY_ADJUSTED"]


async def test_minutes_are_in_the_exchanges_own_time(source: AlphaVantage, door: Door) -> None:
    row = {"1. open": "1", "2. high": "2", "3. low": "1", "4. close": "2", "5. volume": "7"}
    door.answers["TIME_SERIES_INTRADAY"] = {
        "Meta Data": {"6. Time Zone": "US/Eastern"},
        "Time Series (5min)": {"2026-11-19 15:55:00": row, "2026-11-19 09:30:00": row, "2026-10-30 09:30:00": row},
    }
    week = await source.series("XTEST", Range.WEEK, Interval.FIVE_MINUTES, AT)
    assert [bar.at.isoformat() for bar in week.bars] == [
        "2026-10-30T13:30:00+00:00",
        "2026-11-19T14:30:00+00:00",
        "2026-11-19T20:55:00+00:00",
    ]
    day = await source.series("XTEST", Range.DAY, Interval.FIVE_MINUTES, AT)
    assert len(day.bars) == 2
    assert len(door.asked) == 1
