"""What every test can ask for: a real PostgreSQL, an empty database in it, and an engine for each database
role.

The database is one for each xdist worker, and every test that asks for it finds it empty: taking the rows out
costs milliseconds, where a database of its own costs checkpoints. A module that needs one for itself makes a
fixture from `postgres.create()` and `postgres.drop()`.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import connect
from tests.databases import Database, Server, packed, server

# How long an example takes says how busy the machine is. Where a change has to pass, the same ones are tried each time.
hypothesis_settings.register_profile(
    "aurum", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("aurum")

_running = ExitStack()
_shared: list[Server] = []


# Files of few and slow tests, which would be left for one worker at the end of a run.
_FIRST = ("tests/journeys/", "tests/browser/", "tests/infra/", "tests/workflows/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes long: xdist gives files to its workers in this order (`--no-loadscope-reorder`)."""
    items.sort(key=lambda item: next((n for n, folder in enumerate(_FIRST) if folder in item.nodeid), len(_FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: who kills parts of a stack waits most of the time for what comes after."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With xdist the controller runs the server, since it is the one process that outlives all workers."""
    if not _shared:
        _shared.append(_running.enter_context(server()))
    node.workerinput["postgres"] = packed(_shared[0])


def pytest_unconfigure() -> None:
    """Ends the server that was started for xdist's workers."""
    _running.close()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The PostgreSQL server of this run; started on first use, or by xdist's controller."""
    workerinput: dict[str, Any] | None = getattr(request.config, "workerinput", None)
    if workerinput is not None:
        yield Server(**workerinput["postgres"])
        return
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def _session_database(postgres: Server) -> Iterator[tuple[Database, psycopg.Connection]]:
    created = postgres.create()
    with psycopg.connect(created.owner_url, autocommit=True) as owner:
        yield created, owner


@pytest.fixture
def database(_session_database: tuple[Database, psycopg.Connection]) -> Database:
    """A database with the newest schema and no more in it than the migrations put there.

    Its addresses by role.
    """
    shared, owner = _session_database
    shared.emptied(owner)
    return shared


@pytest.fixture
def database_url(database: Database) -> str:
    """The address of an empty database as its owner, who passes row level security."""
    return database.owner_url


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(url, pool_size=16, name="aurum-tests")
    try:
        yield engine
    finally:
        await engine.dispose()


@pytest.fixture(scope="session")
async def _engines(
    _session_database: tuple[Database, psycopg.Connection],
) -> AsyncIterator[dict[str, AsyncEngine]]:
    shared, _ = _session_database
    async with (
        _engine(shared.owner_url) as owner,
        _engine(shared.api_url) as api,
        _engine(shared.worker_url) as worker,
    ):
        yield {"owner": owner, "api": api, "worker": worker}


@pytest.fixture
def owner_engine(database: Database, _engines: dict[str, AsyncEngine]) -> AsyncEngine:
    """The owner of the schema: sees and changes all, except what triggers refuse to everybody."""
    return _engines["owner"]


@pytest.fixture
def api_engine(database: Database, _engines: dict[str, AsyncEngine]) -> AsyncEngine:
    """The API's role, under row level security: use `transaction(api_engine, principal)`."""
    return _engines["api"]


@pytest.fixture
def worker_engine(database: Database, _engines: dict[str, AsyncEngine]) -> AsyncEngine:
    """The worker's role, which acts for the bank."""
    return _engines["worker"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this suite."""
    parser.addoption(
        "--record-histories",
        action="store_true",
        help="Write the histories of the processes that run to tests/workflows/histories/, to be replayed.",
    )
