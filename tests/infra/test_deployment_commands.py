"""What is run before a deployment serves anybody: the settings told whole, migrations, passwords of the roles."""

import asyncio
import secrets
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.crypto import Keyring
from infra.database import connect
from infra.seed import seed
from tests.databases import Database, Server
from tests.factories.commands import admin
from tests.factories.production import environment
from tests.factories.sealed import fresh_key


def _here(database: Database) -> dict[str, str]:
    return {
        "AURUM_DATABASE_URL": database.owner_url,
        "AURUM_DATABASE_API_URL": database.api_url,
        "AURUM_DATABASE_WORKER_URL": database.worker_url,
    }


async def test_everything_that_is_refused_is_told_at_once(database: Database) -> None:
    status, _, told = await admin(database, "check-settings")
    assert status == 1
    for name in ("AURUM_TOKEN_SECRET", "AURUM_FIELD_KEYS", "AURUM_PUBLIC_URL", "AURUM_SCANNER", "AURUM_BANK_BIC"):
        assert name in told
    status, _, told = await admin(database, "check-settings", AURUM_WIRE_SLA_SECONDS="soon", AURUM_BANK_HOURS="never")
    assert status == 1
    assert "AURUM_WIRE_SLA_SECONDS: " in told
    assert "AURUM_BANK_HOURS: " in told
    status, _, told = await admin(database, "audit-verify", AURUM_ENVIRONMENT="production")
    assert (status, told) == (1, "The settings are refused: `python -m infra.admin check-settings` says why.\n")


async def test_settings_that_may_serve_pass_with_and_without_the_database(database: Database, tmp_path: Path) -> None:
    given = environment(tmp_path)
    assert await admin(database, "check-settings", "--offline", **given) == (
        0,
        "Nothing is refused that can be seen without the database.\n",
        "",
    )
    assert await admin(database, "check-settings", **{**given, **_here(database)}) == (0, "Nothing is refused.\n", "")


async def test_what_of_the_database_does_not_fit_is_told(database: Database, postgres: Server, tmp_path: Path) -> None:
    given = {**environment(tmp_path), **_here(database)}
    key = fresh_key()
    await asyncio.to_thread(seed, database.owner_url, Keyring.of({"1": key}, "1"))
    status, _, told = await admin(database, "check-settings", **given)
    assert status == 1
    assert "people of the embedded stack are in the database" in told
    empty = f"empty_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(empty)))
    given["AURUM_DATABASE_URL"] = postgres.url(empty)
    status, _, told = await admin(database, "check-settings", **given)
    assert (status, "The database is at migration None" in told) == (1, True)
    status, told, _ = await admin(database, "migrate", AURUM_DATABASE_URL=postgres.url(empty))
    assert (status, told.startswith("The database is at migration 0")) == (0, True)
    given["AURUM_DATABASE_WORKER_URL"] = given["AURUM_DATABASE_WORKER_URL"].replace("aurum_worker:", "aurum_worker:x")
    status, _, told = await admin(database, "check-settings", **given)
    assert (status, "AURUM_DATABASE_WORKER_URL: the database does not let it in" in told) == (1, True)


async def test_the_roles_are_given_the_passwords_of_the_settings(database: Database, owner_engine: AsyncEngine) -> None:
    # The same passwords again: other tests of this server sign in with them.
    status, told, _ = await admin(database, "role-passwords", **_here(database))
    assert (status, told) == (0, "aurum_api: has its password\naurum_worker: has its password\n")
    engine = connect(database.api_url, pool_size=1)
    async with engine.connect():
        pass
    await engine.dispose()
    here = {**_here(database), "AURUM_DATABASE_API_URL": "postgresql://aurum_api@127.0.0.1/aurum"}
    assert (await admin(database, "role-passwords", **here))[0] == 1
