"""An API that listens, for clients of sockets."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from api.main import create_app
from infra.settings import Settings
from tests.databases import Database
from tests.factories.sockets import listening

ELSEWHERE = "https://app.aurum.example"


@pytest.fixture
async def sockets(api_settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    """An application of its own: its listener reads from the beginning of the test."""
    app = create_app(api_settings.model_copy(update={"cors_origins": (ELSEWHERE,)}))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def url(sockets: FastAPI) -> AsyncIterator[str]:
    """Where it listens."""
    async with listening(sockets) as address:
        yield address
