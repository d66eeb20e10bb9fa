"""Guessing passwords: slower and slower, in every process, for every address alike; and the owner still gets in."""

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.auth import AuthSteps
from api.parts import parts_of
from api.turns import LONGEST_QUEUE
from infra.database import AUTHENTICATOR, transaction
from models.backoff import BACKOFFS, PLACE_LIFETIME, TOLD_AT, Counted
from models.errors import RateLimited
from models.tables.backoff import claim as take
from models.tables.backoff import fail, forget, is_known, name_of, waiting
from models.upkeep import UpkeepStep
from tests.databases import Database
from tests.factories.auth import letters
from tests.factories.processes import api_process
from tests.factories.users import PASSWORD, add_customer

LOGIN = "/api/v1/auth/login"
FREE = BACKOFFS[Counted.ACCOUNT].free


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first delay is longer than a test takes on a slow machine."""
    for counted in (Counted.ACCOUNT, Counted.PLACE):
        monkeypatch.setitem(BACKOFFS, counted, BACKOFFS[counted].model_copy(update={"first": 120}))


def _from(app: FastAPI, address: str) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app, client=(address, 4711)), base_url="http://aurum.test")


async def _guess(client: AsyncClient, email: str, password: str = "a wrong password") -> httpx.Response:
    return await client.post(LOGIN, json={"email": email, "password": password})


async def _let_pass(owner: AsyncEngine, seconds: float) -> None:
    """Time goes by, for what is counted."""
    async with transaction(owner) as session:
        await session.execute(
            text(
                "UPDATE sign_in_failures SET failed_at = failed_at - make_interval(secs => :seconds),"
                " blocked_until = blocked_until - make_interval(secs => :seconds)"
            ),
            {"seconds": seconds},
        )


def test_the_delay_doubles_and_ends_somewhere() -> None:
    policy = BACKOFFS[Counted.ACCOUNT]
    assert [policy.delay(failures) for failures in range(FREE - 1, FREE + 5)] == [0, 1, 2, 4, 8, 16]
    assert policy.delay(10_000) == policy.longest == 900
    assert all(one.longest <= 15 * 60 for one in BACKOFFS.values()), "nobody is locked out for longer"


@pytest.mark.parametrize("known", [True, False])
async def test_after_a_few_wrong_passwords_the_next_guess_has_to_wait(
    client: AsyncClient, owner_engine: AsyncEngine, known: bool
) -> None:
    email = (await add_customer(owner_engine)).email if known else "nobody@people.example"
    answers = [await _guess(client, email) for _ in range(FREE)]
    assert {answer.status_code for answer in answers} == {401}
    refused = await _guess(client, email, PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "1"
    waits = []
    for _ in range(6):
        await _let_pass(owner_engine, int((await _guess(client, email)).headers["Retry-After"]))
        assert (await _guess(client, email)).status_code == 401
        waits.append(int((await _guess(client, email)).headers["Retry-After"]))
    assert waits == [2, 4, 8, 16, 32, 64]


async def test_insisting_makes_it_no_longer_and_waiting_lets_the_owner_in(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    for _ in range(FREE + 40):
        last = await _guess(client, person.email)
    assert (last.status_code, last.headers["Retry-After"]) == (429, "1")
    await _let_pass(owner_engine, 1)
    assert (await _guess(client, person.email, PASSWORD)).status_code == 200
    # A success makes it new.
    answers = [await _guess(client, person.email) for _ in range(FREE)]
    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.usefixtures("unhurried")
async def test_an_address_however_it_is_written_is_one_account(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    spellings = [person.email, person.email.upper(), person.email.title(), person.email.swapcase(), person.email]
    for spelling in spellings:
        assert (await _guess(client, spelling)).status_code == 401
    assert (await _guess(client, person.email.capitalize())).status_code == 429


@pytest.mark.usefixtures("unhurried")
async def test_strangers_slow_down_strangers_and_not_the_owner(app: FastAPI, owner_engine: AsyncEngine) -> None:
    person, other = await add_customer(owner_engine), await add_customer(owner_engine)
    async with _from(app, "192.0.2.1") as home, _from(app, "198.51.100.1") as thief, _from(app, "203.0.113.1") as cafe:
        assert (await _guess(home, person.email, PASSWORD)).status_code == 200
        for guesser in (thief, cafe, thief, cafe, thief):
            assert (await _guess(guesser, person.email)).status_code == 401
        assert (await _guess(thief, person.email)).status_code == 429
        assert (await _guess(cafe, person.email, PASSWORD)).status_code == 429
        assert (await _guess(home, person.email, PASSWORD)).status_code == 200
        # That the owner came in at home frees nobody elsewhere.
        assert (await _guess(thief, person.email)).status_code == 429
        # At home guesses are slowed down too.
        for _ in range(BACKOFFS[Counted.PLACE].free):
            assert (await _guess(home, person.email)).status_code == 401
        assert (await _guess(home, person.email, PASSWORD)).status_code == 429
        assert (await _guess(home, other.email, PASSWORD)).status_code == 200


async def test_one_password_tried_on_many_accounts_is_slowed_down_by_address(
    app: FastAPI, owner_engine: AsyncEngine
) -> None:
    free = BACKOFFS[Counted.ADDRESS].free
    person = await add_customer(owner_engine)
    async with _from(app, "198.51.100.1") as sprayer, _from(app, "192.0.2.1") as home:
        answers = await asyncio.gather(*(_guess(sprayer, f"nobody-{n}@people.example") for n in range(free)))
        assert {answer.status_code for answer in answers} == {401}
        assert (await _guess(sprayer, "nobody-at-all@people.example")).status_code == 429
        # An account of their own opens it for one guess at most.
        assert (await _guess(sprayer, person.email, PASSWORD)).status_code == 429
        await _let_pass(owner_engine, 1)
        assert (await _guess(sprayer, person.email, PASSWORD)).status_code == 200
        assert (await _guess(sprayer, "nobody-else@people.example")).status_code == 401
        assert (await _guess(sprayer, "nobody-else@people.example")).status_code == 429
        assert (await _guess(home, person.email, PASSWORD)).status_code == 200


async def test_a_hundred_guesses_at_once_are_a_few(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    began = time.monotonic()
    answers = await asyncio.gather(*(_guess(client, person.email) for _ in range(100)))
    took = time.monotonic() - began
    statuses = [answer.status_code for answer in answers]
    # Where a hundred take longer than the first delays, so many more come late enough.
    delays = accumulate(BACKOFFS[Counted.ACCOUNT].delay(failures) for failures in range(FREE, 100))
    waited = len([whole for whole in delays if whole <= took])
    assert FREE <= statuses.count(401) <= FREE + waited
    assert statuses.count(401) + statuses.count(429) == 100


async def test_the_owner_on_many_devices_at_once_is_let_in_on_all(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await _guess(client, person.email, PASSWORD)  # which renews the hash that tests are quick with
    answers = await asyncio.gather(*(_guess(client, person.email, PASSWORD) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}


async def test_an_attempt_that_broke_off_is_no_failure(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET email_verified_at = NULL"))
    for _ in range(FREE + 2):
        assert (await _guess(client, person.email, PASSWORD)).json()["code"] == "email_not_verified"


@pytest.mark.usefixtures("unhurried")
async def test_the_audit_log_tells_of_guesses_that_came_too_soon(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    for _ in range(FREE + 1):
        await _guess(client, person.email)
    async with transaction(owner_engine) as session:
        codes = await session.execute(text("SELECT code FROM audit_logs ORDER BY id"))
        assert codes.scalars().all() == ["bad_credentials"] * FREE + ["rate_limited"]


async def test_the_owner_is_told_once_when_it_is_no_typing_error_any_more(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    for number in range(TOLD_AT + 3):
        assert await letters(owner_engine) == ([("guessed_at", None)] if number >= TOLD_AT else [])
        for email in (person.email, "nobody@people.example"):
            assert (await _guess(client, email)).status_code == 401
        await _let_pass(owner_engine, 900)


async def test_no_name_stands_in_the_counters(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    await _guess(client, "mira@people.example")
    async with transaction(owner_engine) as session:
        rows = (await session.execute(text("SELECT f::text FROM sign_in_failures f"))).scalars().all()
    assert len(rows) == 2
    assert not [row for row in rows if "mira" in row or "127.0.0.1" in row]


async def test_of_two_attempts_in_two_processes_one_is_heard(api_engine: AsyncEngine) -> None:
    name = name_of(Counted.ACCOUNT, "mira")
    async with transaction(api_engine, AUTHENTICATOR) as session:
        for _ in range(FREE + 3):
            await fail(session, Counted.ACCOUNT, name)
        assert 7 < await waiting(session, [name]) <= 8
        await session.execute(text("UPDATE sign_in_failures SET blocked_until = clock_timestamp()"))

    async def attempt() -> bool:
        async with transaction(api_engine, AUTHENTICATOR) as session:
            return await waiting(session, [name]) <= 0 and await take(session, Counted.ACCOUNT, name)

    heard = await asyncio.gather(*(attempt() for _ in range(8)))
    assert heard.count(True) == 1


async def test_failures_long_ago_are_forgotten(api_engine: AsyncEngine, owner_engine: AsyncEngine) -> None:
    name = name_of(Counted.ACCOUNT, "mira")
    async with transaction(api_engine, AUTHENTICATOR) as session:
        for _ in range(FREE + 3):
            await fail(session, Counted.ACCOUNT, name)
    await _let_pass(owner_engine, BACKOFFS[Counted.ACCOUNT].forgotten)
    async with transaction(api_engine, AUTHENTICATOR) as session:
        assert await take(session, Counted.ACCOUNT, name)
        await fail(session, Counted.ACCOUNT, name)
        assert await waiting(session, [name]) <= 0
        await forget(session, name)
        assert not await is_known(session, name, PLACE_LIFETIME)


async def test_what_counts_no_longer_is_cleaned_away(
    client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await _guess(client, person.email, PASSWORD)
    await _guess(client, "nobody@people.example")
    steps, run = AuthSteps(worker_engine), ActivityEnvironment().run
    now = datetime.now(UTC)
    for days, removed in ((0, 0), (3, 2), (91, 1)):
        done = await run(steps.clean_up_sessions, UpkeepStep(at=now + timedelta(days=days)))
        assert (days, done.failures) == (days, removed)


async def test_a_queue_for_one_account_has_an_end(app: FastAPI) -> None:
    turns = parts_of({"app": app}).turns
    release = asyncio.Event()

    async def wait() -> None:
        async with turns.of(b"mira"):
            await release.wait()

    waiters = [asyncio.create_task(wait()) for _ in range(LONGEST_QUEUE)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        async with turns.of(b"mira"):
            pass
    async with turns.of(b"somebody else"):
        pass
    release.set()
    await asyncio.gather(*waiters)
    assert turns._queues == {}


async def test_two_processes_count_together_and_believe_no_header(
    tmp_path: Path, database: Database, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    guess = {"email": person.email, "password": "a wrong password"}
    statuses = []
    async with httpx.AsyncClient(timeout=30) as http:
        with ExitStack() as running:
            addresses = [running.enter_context(api_process(tmp_path / name, database)) for name in ("one", "two")]
            for number in range(FREE + 2):
                forged = {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
                answered = await http.post(f"{addresses[number % 2]}{LOGIN}", json=guess, headers=forged)
                statuses.append(answered.status_code)
                assert "server" not in answered.headers
    assert statuses == [401] * FREE + [429] * 2
    async with transaction(owner_engine) as session:
        seen = await session.execute(text("SELECT DISTINCT ip_address FROM audit_logs"))
        assert seen.scalars().all() == ["127.0.0.1"]
