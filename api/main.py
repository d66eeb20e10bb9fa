"""The application: its parts, its routers, and what it opens and closes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import accounts, auth, documentation, errors, operations, users, verification, wires
from api.observation import Metrics, Observation
from api.operations import TemporalLink
from api.routing import PREFIX
from infra import log
from infra.database import connect
from infra.outbox import Dispatcher
from infra.passwords import Passwords
from infra.settings import Settings
from infra.settings import settings as process_settings
from infra.temporal import connect as connect_temporal
from infra.temporal import release_clients
from infra.tokens import Tokens

ROUTERS = (
    operations.router,
    documentation.router,
    auth.router,
    verification.router,
    users.router,
    accounts.router,
    wires.router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API as an ASGI application, over `settings` or those of the process. Nothing is opened before it starts."""
    chosen = settings or process_settings()
    log.configure(chosen.log_level)
    app = FastAPI(
        title="Aurum",
        version="0.1.0",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    app.state.settings = chosen
    app.state.tokens = Tokens(chosen)
    app.state.metrics = Metrics()
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app)
    documentation.describe(app)
    app.add_middleware(Observation, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    engine = connect(
        settings.database_api_url.get_secret_value(), pool_size=settings.database_pool_size, name="aurum-api"
    )
    temporal = TemporalLink(lambda: connect_temporal(settings))
    dispatcher = Dispatcher(engine, temporal.client, task_queue=settings.task_queue)
    passwords = Passwords()
    app.state.engine, app.state.temporal, app.state.dispatcher, app.state.passwords = (
        engine,
        temporal,
        dispatcher,
        passwords,
    )
    try:
        yield
    finally:
        await dispatcher.close()
        temporal.drop()
        passwords.close()
        await engine.dispose()
        release_clients()
