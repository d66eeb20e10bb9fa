"""Commands for a deployment: are the settings safe, is the database what the code needs, who may sign in to it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import psycopg
import typer
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.admin.reaching import reached
from infra.choices import Environment
from infra.database import MIGRATIONS, migrate, transaction
from infra.seed import seeded_addresses
from infra.settings import Settings, settings
from infra.settings.databases import API_ROLE, WORKER_ROLE
from infra.temporal import register_search_attributes

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
# What each login of the bank may not have: each of them would go around row level security.
_MIGHT: Final = sql.SQL(
    "SELECT rolsuper, rolbypassrls, rolcreaterole, (SELECT count(*) FROM pg_class c JOIN pg_namespace n"
    " ON n.oid = c.relnamespace AND n.nspname = 'public' WHERE c.relowner = r.oid) FROM pg_roles r"
    " WHERE rolname = current_user"
)


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def check_settings(
        offline: Annotated[bool, typer.Option("--offline", help="Do not ask the database.")] = False,
    ) -> None:
        """Say everything for which production would refuse these settings, and what of the database does not fit. Exit
        status 1 if there is anything."""
        told = list(_settings_refused())
        if not told and not offline:
            told = [*_logins_refused(settings()), *as_owner(_database_refused)]
        for one in told:
            typer.echo(one, err=True)
        if told:
            raise typer.Exit(1)
        typer.echo(f"Nothing is refused{' that can be seen without the database' * offline}.")

    @app.command("migrate")
    def migrate_() -> None:
        """Bring the database to the newest migration. Safe to repeat, and from several places at once: they wait for
        each other."""
        migrate(settings().database_url.get_secret_value())
        typer.echo(f"The database is at migration {as_owner(_migration)}.")

    @app.command()
    def temporal_prepare() -> None:
        """Make Temporal's namespace know our search attributes. Safe to repeat."""
        asyncio.run(_prepare_temporal())
        typer.echo(f"The namespace {settings().temporal_namespace} knows what processes are found by.")

    @app.command()
    def role_passwords() -> None:
        """Give the roles of the API and of the worker the passwords in AURUM_DATABASE_API_URL and _WORKER_URL."""
        config = settings()
        given = {API_ROLE: config.database_api_url, WORKER_ROLE: config.database_worker_url}
        with psycopg.connect(config.database_url.get_secret_value(), autocommit=True) as connection:
            for role, url in given.items():
                password = conninfo_to_dict(url.get_secret_value()).get("password")
                if password is None:
                    typer.echo(f"{role}: no password is given for it", err=True)
                    raise typer.Exit(1)
                # Hashed here, so that the password itself reaches no log of the server.
                hashed = connection.pgconn.encrypt_password(str(password).encode(), role.encode(), b"scram-sha-256")
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed.decode()))
                )
                typer.echo(f"{role}: has its password")


async def _prepare_temporal() -> None:
    async with reached(settings()) as client:
        await register_search_attributes(client)


def _settings_refused() -> Iterator[str]:
    try:
        # Whatever it is set to: what is refused in production is told all at once, before anything is production.
        config = Settings(environment=Environment.DEVELOPMENT)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            name = ".".join(str(part) for part in problem["loc"])
            yield f"AURUM_{name.upper()}: {problem['msg']}" if name else problem["msg"]
        return
    yield from config.refusals()
    files = {
        "AURUM_SIGNING_KEY_FILE": config.signing_key_file,
        "AURUM_TEMPORAL_TLS_CA_FILE": config.temporal_tls_ca_file,
        "AURUM_TEMPORAL_TLS_CERT_FILE": config.temporal_tls_cert_file,
        "AURUM_TEMPORAL_TLS_KEY_FILE": config.temporal_tls_key_file,
    }
    for name, path in files.items():
        if path is not None and not _readable(path):
            yield f"{name}: {path} cannot be read"


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _logins_refused(config: Settings) -> Iterator[str]:
    for name, url in (
        ("AURUM_DATABASE_API_URL", config.database_api_url),
        ("AURUM_DATABASE_WORKER_URL", config.database_worker_url),
    ):
        try:
            with psycopg.connect(url.get_secret_value(), connect_timeout=5) as connection:
                row = connection.execute(_MIGHT).fetchone()
        except psycopg.OperationalError as error:
            yield f"{name}: the database does not let it in: {str(error).strip().splitlines()[-1]}"
            continue
        assert row is not None
        superuser, bypasses, creates_roles, owned = row
        if superuser or bypasses or creates_roles or owned:
            yield f"{name}: its role goes around row level security (superuser, BYPASSRLS, CREATEROLE or owner)"


async def _database_refused(engine: AsyncEngine) -> list[str]:
    told = []
    present = await _migration(engine)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    needed = ScriptDirectory.from_config(config).get_current_head()
    if present != needed:
        told.append(
            f"The database is at migration {present}, the code needs {needed}: run `python -m infra.admin migrate`"
        )
    if present is not None and (people := await _seeded(engine)):
        told.append(f"{people} people of the embedded stack are in the database: their passwords are published")
    return told


async def _migration(engine: AsyncEngine) -> str | None:
    async with transaction(engine) as session:
        there = await session.execute(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
        if not there.scalar_one():
            return None
        return (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()


async def _seeded(engine: AsyncEngine) -> int:
    async with transaction(engine) as session:
        if not (await session.execute(text("SELECT to_regclass('public.users') IS NOT NULL"))).scalar_one():
            return 0
        counted = await session.execute(
            text("SELECT count(*) FROM users WHERE lower(email) = ANY(:known) AND deleted_at IS NULL"),
            {"known": seeded_addresses()},
        )
        return int(counted.scalar_one())
