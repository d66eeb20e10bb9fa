"""The API as tests use it: the real application over a real database, spoken to in HTTP, without Temporal."""

import shutil
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.main import create_app
from infra.limits import Limits, Rates, RouteClass
from infra.settings import Settings
from models.limits import TierLimits
from models.wires import WIRE_LIMITS
from tests.databases import Database

# Nothing listens there: the API has to serve without Temporal.
NOWHERE = "127.0.0.1:9"
# As often as a test run likes.
OFTEN = Limits(
    **{route: Rates(user="100000/minute", address="100000/minute") for route in RouteClass}, recipient="100000/minute"
)
# As much as a test orders; that limits hold is `test_wire_limits`' matter.
MUCH = {**WIRE_LIMITS, "private": TierLimits(per_transfer=10**13, day=10**13, month=10**13)}


@pytest.fixture(scope="session")
def api_settings(_session_database: tuple[Database, Any], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings over this run's database."""
    shared, _ = _session_database
    # That answers are held is `test_privacy`'s matter, and would take the others' time; that floods are refused is
    # `test_limits`', and on a quick machine all tests together are one.
    url = SecretStr(shared.api_url)
    return Settings(
        database_api_url=url,
        temporal_address=NOWHERE,
        even_answer_seconds=0,
        limits=OFTEN,
        wire_limits=MUCH,
        store_dir=tmp_path_factory.mktemp("store"),
    )


@pytest.fixture(scope="session")
async def _application(api_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(api_settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def app(_application: FastAPI, api_settings: Settings, database: Database) -> FastAPI:
    """The running application over an empty database and an empty store."""
    for path in api_settings.store_dir.iterdir():
        shutil.rmtree(path)
    return _application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who speaks HTTP with `app`."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as spoken:
        yield spoken
