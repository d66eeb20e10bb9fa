"""Prices over sockets: the newest wins, nobody is sent more than they take, and nobody waits for a slow reader."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from api.realtime import audience, board, line
from infra.providers.quotes.answers import Answers
from infra.providers.quotes.sessions import SessionBook
from infra.providers.quotes.simulated import SimulatedExchange, listings
from infra.settings import Settings
from models.errors import BadToken
from models.market import Interval, Range
from models.realtime import SocketLimits
from tests.factories.alerts import alert, quote, swept
from tests.factories.market import opened
from tests.factories.sockets import ear, listening, raw, sockets_of, token_of, until
from tests.factories.users import add_customer

OPEN = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


class Clock:
    """A moment in a session; each second that is added is another price."""

    def __init__(self) -> None:
        self.now = OPEN

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: int = 1) -> None:
        """Lets so much time go by at the exchange."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def exchange(
    api_settings: Settings, owner_engine: AsyncEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FastAPI]:
    """An application whose exchange is open, and which asks it often."""
    monkeypatch.setattr(board, "ROUND_SECONDS", 0.02)
    await opened(owner_engine)
    app = create_app(api_settings.model_copy(update={"sockets": SocketLimits(symbols=3)}), clock=clock)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def address(exchange: FastAPI) -> AsyncIterator[str]:
    async with listening(exchange) as url:
        yield url


@pytest.fixture
async def token(exchange: FastAPI, owner_engine: AsyncEngine) -> str:
    return await token_of(exchange, owner_engine, await add_customer(owner_engine))


async def _told(app: FastAPI, symbol: str) -> dict[str, Any]:
    """What the exchange tells at this moment."""
    found = await app.state.parts.quotes.quote(symbol)
    return {"symbol": symbol, "last": float(found.last), "volume": found.volume}


def _same(update: dict[str, Any], told: dict[str, Any]) -> bool:
    return {name: update[name] for name in told} == told


async def test_prices_of_what_is_followed_come_and_no_others(
    exchange: FastAPI, address: str, token: str, clock: Clock
) -> None:
    async with ear(address, token) as client:
        told = await client.ask("subscribe_quotes", ["xalde", "XAMBE", "NOSUCH", "XALDE"])
        assert told["subscribed"] == ["XALDE", "XAMBE"]
        assert [(one["symbol"], one["code"]) for one in told["rejected"]] == [("NOSUCH", "symbol_not_found")]
        assert told["limit"] == 3
        first = {(await client.hear("quote_update"))["symbol"] for _ in range(2)}
        assert first == {"XALDE", "XAMBE"}
        for _ in range(5):
            clock.tick()
            for _ in first:
                update = await client.hear("quote_update")
                assert _same(update, await _told(exchange, update["symbol"]))
        assert set(update) >= {"bid", "ask", "change", "change_percent", "as_of", "delayed", "stale", "simulated"}
        assert (await client.ask("unsubscribe_quotes", ["XALDE"]))["subscribed"] == ["XAMBE"]
        client.heard("quote_update")
        clock.tick()
        assert (await client.hear("quote_update"))["symbol"] == "XAMBE"
        assert (await client.ask("unsubscribe_quotes"))["subscribed"] == []


async def test_nobody_who_is_gone_is_followed_for(
    exchange: FastAPI, address: str, token: str, owner_engine: AsyncEngine
) -> None:
    followed = exchange.state.realtime._board._followers
    async with ear(address, token) as goes:
        await goes.ask("subscribe_quotes", ["XALDE"])
        async with ear(address, await token_of(exchange, owner_engine, await add_customer(owner_engine))) as ended:
            await ended.ask("subscribe_quotes", ["XALDE", "XAMBE"])
            assert {symbol: len(who) for symbol, who in followed.items()} == {"XALDE": 2, "XAMBE": 1}
            here = sockets_of(exchange)
            here.end(next(one for one in here if len(one.symbols) == 2), BadToken("Over"))
            await ended.ended()
        assert {symbol: len(who) for symbol, who in followed.items()} == {"XALDE": 1}
    await until(lambda: not followed)


async def test_a_socket_follows_so_many(address: str, token: str) -> None:
    symbols = list(listings())[:5]
    async with ear(address, token) as client:
        told = await client.ask("subscribe_quotes", symbols)
        assert told["subscribed"] == sorted(symbols[:3])
        assert [(one["symbol"], one["code"]) for one in told["rejected"]] == [
            (symbol, "too_many_symbols") for symbol in symbols[3:]
        ]


async def test_prices_come_together_where_that_is_wished(
    exchange: FastAPI, address: str, token: str, clock: Clock
) -> None:
    symbols = list(listings())[:3]
    async with ear(address, token) as client:
        await client.ask("subscribe_quotes", {"symbols": symbols, "together": True})
        async with asyncio.timeout(30):
            while {one["symbol"] for one in await client.hear("quote_update")} != set(symbols):
                clock.tick()


async def test_that_a_price_is_the_same_is_not_told(exchange: FastAPI, address: str, token: str, clock: Clock) -> None:
    async with ear(address, token) as client:
        await client.ask("subscribe_quotes", ["XALDE"])
        await client.hear("quote_update")
        # Asked again and again at the same moment.
        quotes = exchange.state.parts.quotes
        rounds = exchange.state.realtime._board
        number = rounds._numbers
        for _ in range(3):
            rounds._put(await quotes.quote("XALDE"))
        assert rounds._numbers == number
        assert client.heard("quote_update") == []
        clock.tick()
        assert _same(await client.hear("quote_update"), await _told(exchange, "XALDE"))


async def test_a_slow_reader_gets_the_newest_and_holds_up_nobody(
    exchange: FastAPI,
    address: str,
    token: str,
    clock: Clock,
    owner_engine: AsyncEngine,
) -> None:
    quick = await token_of(exchange, owner_engine, await add_customer(owner_engine))
    async with raw(address, token) as slow, ear(address, quick) as reader:
        await slow.send_str('420["subscribe_quotes",["XALDE","XAMBE","XASHG"]]')
        await until(lambda: any(len(one.symbols) == 3 for one in sockets_of(exchange)))
        stuck = next(one for one in sockets_of(exchange) if len(one.symbols) == 3)
        await reader.ask("subscribe_quotes", ["XALDE"])
        await reader.hear("quote_update")
        # Nothing more is read of the slow one, whose side of the connection fills up.
        _reading(slow).pause_reading()
        ticks = 0
        while not sockets_of(exchange).waiting(stuck):
            clock.tick()
            ticks += 1
            assert _same(await reader.hear("quote_update"), await _told(exchange, "XALDE"))
        most = sockets_of(exchange).waiting(stuck)
        for _ in range(20):
            clock.tick()
            assert _same(await reader.hear("quote_update"), await _told(exchange, "XALDE"))
            # Not one more waits for it.
            assert sockets_of(exchange).waiting(stuck) <= most
        _reading(slow).resume_reading()
        newest = await _told(exchange, "XALDE")
        received = 0
        async with asyncio.timeout(30):
            while True:
                message = await slow.receive_str()
                if message == "2":
                    await slow.send_str("3")
                elif message.startswith('42["quote_update"'):
                    update = json.loads(message[2:])[1]
                    received += update["symbol"] == "XALDE"
                    if update["symbol"] == "XALDE" and _same(update, newest):
                        break
        # It was told of fewer prices than there were, and of the newest one.
        assert received < ticks + 20


def _reading(opened: Any) -> Any:
    transport = opened._response.connection.transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return transport


async def test_who_never_reads_what_may_not_be_lost_is_ended(
    exchange: FastAPI,
    address: str,
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audience, "MOST_WAITING", 8)
    monkeypatch.setattr(line, "SEND_SECONDS", 0.5)
    person = await add_customer(owner_engine)
    await alert(owner_engine, person.id, "crosses", "104.5", repeat=True, cooldown=timedelta(0))
    token = await token_of(exchange, owner_engine, person)
    async with raw(address, token) as deaf, ear(address, token) as reader:
        await deaf.send_str('420["subscribe_alerts"]')
        await reader.ask("subscribe_alerts")
        await until(lambda: sum(one.alerts for one in sockets_of(exchange)) == 2)
        _reading(deaf).pause_reading()
        fired = 0
        while len(sockets_of(exchange)) == 2:
            fired += 1
            at = OPEN + timedelta(seconds=fired)
            assert len(await swept(worker_engine, quote("104" if fired % 2 else "106", at=at))) in {0, 1}
            if fired > 1:
                assert (await reader.hear("alert_triggered"))["number"] >= 1
        assert await reader.ask("unsubscribe_alerts") == {"subscribed": False}
        await until(lambda: len(exchange.state.realtime._server.eio.sockets) == 1)


async def test_quotes_of_a_source_are_told_without_asking_it(
    owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    answers = Answers(api_engine, "somebody")

    async def ask() -> Any:
        return {"price": "1"}

    await answers.of("quote/ONE", ask, timedelta(hours=1))
    await answers.of("quote/TWO", ask, timedelta(seconds=-1))
    kept = await answers.kept(["quote/ONE", "quote/TWO", "quote/THREE"])
    assert sorted(told.stale for told in kept) == [False, True]


async def test_the_extremes_of_a_day_are_the_same_whoever_asked_before(owner_engine: AsyncEngine) -> None:
    await opened(owner_engine)
    asked_often = SimulatedExchange(SessionBook(owner_engine))
    moments = [OPEN + timedelta(seconds=seconds) for seconds in (0, 1, 61, 3600, 90, 86_400, 3601, 23_000, 80_000)]
    for at in moments:
        fresh = await SimulatedExchange(SessionBook(owner_engine)).quote("XALDE", at)
        assert await asked_often.quote("XALDE", at) == fresh
        (bar,) = (await asked_often.series("XALDE", Range.DAY, Interval.DAY, at)).bars
        assert (bar.high, bar.low, bar.close) == (fresh.high, fresh.low, fresh.last)
