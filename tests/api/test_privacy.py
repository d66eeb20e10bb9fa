"""Whether an address has an account is told by nothing: not by text, by code, by headers, nor by time.

Times are compared by their medians over rounds in which every kind is asked once, in an order that changes, so that a
machine that is busy for a while is busy for all kinds alike.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import bcrypt
import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.timing import HELD
from infra.database import transaction
from infra.passwords import Passwords
from infra.settings import Settings
from tests.api.test_limits import serving
from tests.factories.users import PASSWORD, add_customer

AUTH = "/api/v1/auth"
EVENLY = 0.4
ROUNDS = 10
# The kinds of address that must not be told from each other, by route.
ROUTES = ("login", "register", "forgot-password")
KINDS = ("nobody", "somebody", "unverified", "legacy")


@dataclass
class People:
    """Addresses of each kind, a new one each time: the same one would be slowed down, or be known already."""

    owner: AsyncEngine
    argon2: str
    bcrypt: str

    async def address(self, kind: str) -> str:
        """An address of that kind."""
        if kind == "nobody":
            return f"nobody-{uuid4().hex[:12]}@people.example"
        stored = self.bcrypt if kind == "legacy" else self.argon2
        person = await add_customer(self.owner, password_hash=stored)
        if kind == "unverified":
            async with transaction(self.owner) as session:
                await session.execute(
                    text("UPDATE users SET email_verified_at = NULL WHERE id = :id"), {"id": person.id}
                )
        return person.email


@pytest.fixture
def people(owner_engine: AsyncEngine) -> People:
    """People whose passwords are kept as in production: it is the time of these hashes that is asked about."""
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode()
    return People(owner_engine, Argon2Hasher().hash(PASSWORD), old)


@pytest.fixture
async def even(api_settings: Settings, owner_engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    """An application whose answers leave at even moments."""
    async with serving(api_settings.model_copy(update={"even_answer_seconds": EVENLY})) as (app, _):
        yield app


@pytest.fixture
async def plain(api_settings: Settings, owner_engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    """An application whose answers leave at once."""
    async with serving(api_settings.model_copy(update={"even_answer_seconds": 0})) as (app, _):
        yield app


def _body(route: str, email: str) -> dict[str, str]:
    if route == "forgot-password":
        return {"email": email}
    return {"email": email, "password": "quite another password" if route == "login" else PASSWORD}


async def _ask(app: FastAPI, route: str, email: str) -> tuple[httpx.Response, float]:
    """Asks from an address of its own, and says how long it took, in seconds."""
    somewhere = f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    transport = ASGITransport(app=app, client=(somewhere, 4711))
    async with AsyncClient(transport=transport, base_url="http://aurum.test") as client:
        began = time.perf_counter()
        answered = await client.post(f"{AUTH}/{route}", json=_body(route, email))
        return answered, time.perf_counter() - began


@pytest.mark.parametrize("route", ROUTES)
async def test_answers_are_the_same_to_the_letter(plain: FastAPI, people: People, route: str) -> None:
    told = []
    for kind in KINDS:
        email = await people.address(kind)
        answered, _ = await _ask(plain, route, email)
        headers = {
            name: value
            for name, value in answered.headers.items()
            if name not in ("x-request-id", "ratelimit", "content-length")
        }
        body = answered.json()
        body.pop("request_id", None)
        told.append((answered.status_code, headers, str(body).replace(email, "")))
    assert [one for one in told if one != told[0]] == []


def test_every_answer_that_could_tell_is_held() -> None:
    expected = {f"{AUTH}/login": {401}, f"{AUTH}/register": {201}, f"{AUTH}/forgot-password": {202}}
    assert expected == HELD


@pytest.mark.parametrize("route", ROUTES)
async def test_the_time_of_an_answer_tells_nothing(even: FastAPI, people: People, route: str) -> None:
    late: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(ROUNDS):
        kinds = random.sample(KINDS, len(KINDS))
        emails = [await people.address(kind) for kind in kinds]
        answers = await asyncio.gather(*(_ask(even, route, email) for email in emails))
        for kind, (_, taken) in zip(kinds, answers, strict=True):
            assert taken >= EVENLY
            # On a busy machine any of them may miss its moment and leave at the next one.
            late[kind].append(taken % EVENLY)
    medians = {kind: statistics.median(times) for kind, times in late.items()}
    assert max(medians.values()) - min(medians.values()) < 0.02, medians


@pytest.mark.parametrize("route", ["login", "register"])
async def test_the_work_is_nearly_the_same_before_it_is_held(plain: FastAPI, people: People, route: str) -> None:
    kinds = ("nobody", "somebody", "unverified")
    worked: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(ROUNDS + 1):
        for kind in random.sample(kinds, len(kinds)):
            email = await people.address(kind)
            # Of this process alone, however busy the machine is.
            began = time.process_time()
            await _ask(plain, route, email)
            if number:
                worked[kind].append(time.process_time() - began)
    medians = {kind: statistics.median(times) for kind, times in worked.items()}
    assert max(medians.values()) < 1.25 * min(medians.values()), medians


def test_the_slowest_hash_is_well_within_the_moment_that_answers_are_held_to(people: People) -> None:
    passwords = Passwords()
    began = time.process_time()
    passwords._verify("quite another password", people.bcrypt)
    taken = time.process_time() - began
    passwords.close()
    assert taken < Settings().even_answer_seconds * 0.8


async def test_an_answer_that_says_something_anyway_is_not_held(even: FastAPI, people: People) -> None:
    email = await people.address("somebody")
    transport = ASGITransport(app=even)
    async with AsyncClient(transport=transport, base_url="http://aurum.test") as client:
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            assert (await client.post(f"{AUTH}/login", json={"email": "nobody"})).status_code == 422
            taken.append(time.perf_counter() - began)
        assert min(taken) < EVENLY
        entered = await client.post(f"{AUTH}/login", json={"email": email, "password": PASSWORD})
        assert entered.status_code == 200
