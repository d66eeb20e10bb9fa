"""A bare FastAPI route over one indexed select: what a balance read is compared with (`tests.bench.balance`).

The same server, uvicorn, driver and pool as the bank's API; no token, session, row level security, limits or log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from fastapi import FastAPI, HTTPException
from sqlalchemy import text

from infra.database import connect
from infra.settings import settings

_ONE = text("SELECT id, currency, posted_minor, held_minor FROM accounts WHERE id = :id")


def create_app() -> FastAPI:
    """The application over the settings of the process."""
    config = settings()
    engine = connect(config.database_api_url.get_secret_value(), pool_size=config.database_pool_size)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether it serves."""
        return {"status": "ok"}

    @app.get("/api/v1/accounts/{account_id}/balance")
    async def balance(account_id: UUID) -> dict[str, Any]:
        """What is on an account, in minor units."""
        async with engine.connect() as connection:
            row = (await connection.execute(_ONE, {"id": account_id})).mappings().one_or_none()
        if row is None:
            raise HTTPException(404)
        return dict(row)

    return app
