"""The application: its parts, its routers, and what it opens and closes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Final

from fastapi import FastAPI

from api import (
    account_history,
    accounts,
    admin,
    alerts,
    auth,
    codec,
    console,
    devices,
    documentation,
    errors,
    factors,
    identities,
    kyc,
    market,
    notification_preferences,
    notifications,
    operations,
    passwords,
    reports,
    statements,
    transactions,
    users,
    verification,
    watchlists,
    webhooks,
    wires,
)
from api.external import ExternalDoor
from api.limits import RateLimits
from api.metrics import metrics_of
from api.observation import Observation
from api.parts import Parts, provide
from api.protection import CrossOrigin, Protection
from api.quotes import Quotes
from api.realtime import routes as sockets
from api.realtime.server import Realtime
from api.routing import PREFIX
from api.temporal import TemporalLink
from api.timing import EvenAnswers
from api.uploads import Uploads
from infra import log
from infra.database import connect
from infra.identity import external_tokens
from infra.limits import Limiter
from infra.outbox import Dispatcher
from infra.passwords import Passwords
from infra.settings import Settings
from infra.settings import settings as process_settings
from infra.temporal import release_clients
from infra.tokens import Tokens
from infra.watching import watched

ROUTERS: Final = (
    auth.router,
    factors.router,
    devices.router,
    identities.router,
    accounts.router,
    statements.router,
    *reports.routers,
    account_history.router,
    transactions.router,
    wires.router,
    *kyc.routers,
    market.router,
    watchlists.router,
    alerts.router,
    sockets.router,
    # Before the notifications, whose addresses end in any id.
    notification_preferences.router,
    notifications.router,
    webhooks.router,
    admin.router,
    codec.router,
    # Under several addresses: what comes this far is compared with each of their routes.
    users.router,
    passwords.router,
    verification.router,
    operations.router,
    documentation.router,
    console.router,
)


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] | None = None) -> FastAPI:
    """The API as an ASGI application, over `settings` or those of the process. Nothing is opened before it starts.

    `clock`: the moment whose prices are told, for whoever replays a session of the exchange; now, unless it is given.

    Raises `ValueError` and `OSError` for a signing key that cannot be used.
    """
    chosen = settings or process_settings()
    log.configure(chosen.log_level)
    app = FastAPI(
        title="Aurum",
        version="0.1.0",
        lifespan=_lifespan(chosen, Tokens(chosen), clock),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_url=f"{PREFIX}/openapi.json",
        # Its own tells what was sent and why it failed, and takes up anybody's trace; ours is `api.observation`.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes += [console.STATIC, sockets.SOCKETS]
    errors.install(app)
    documentation.describe(app)
    _surround(app, chosen)
    return app


def _surround(app: FastAPI, settings: Settings) -> None:
    # The last one is the outermost.
    app.add_middleware(RateLimits)
    app.add_middleware(
        CrossOrigin, origins=settings.cors_origins, codec=codec.PREFIX, ui_origin=codec.ui_origin(settings)
    )
    app.add_middleware(Observation, protection=Protection(settings.public_url), proxies=settings.trusted_proxies)
    app.add_middleware(EvenAnswers, seconds=settings.even_answer_seconds)


def _lifespan(
    settings: Settings, tokens: Tokens, clock: Callable[[], datetime] | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with watched(settings, "api"):
            async with _opened(app, settings, tokens, clock):
                yield

    return lifespan


@asynccontextmanager
async def _opened(
    app: FastAPI, settings: Settings, tokens: Tokens, clock: Callable[[], datetime] | None
) -> AsyncIterator[None]:
    url = settings.database_api_url.get_secret_value()
    engine = connect(url, pool_size=settings.database_pool_size, name="aurum-api")
    temporal = TemporalLink(settings)
    dispatcher = Dispatcher(engine, temporal.client, task_queue=settings.task_queue, public_url=settings.public_url)
    passwords = Passwords()
    limiter = Limiter(settings.limits, settings.redis_url.get_secret_value() if settings.redis_url else None)
    provider = external_tokens(settings)
    external = ExternalDoor(provider) if provider else None
    quotes = Quotes(settings, engine) if clock is None else Quotes(settings, engine, clock)
    parts = Parts(
        settings, tokens, engine, temporal, dispatcher, passwords, limiter, Uploads(settings), quotes, external
    )
    provide(app, parts)
    realtime = Realtime(app, parts)
    sockets.provide(app, realtime)
    try:
        with metrics_of(app).told_of(engine):
            yield
    finally:
        await realtime.close()
        await dispatcher.close()
        temporal.drop()
        passwords.close()
        await limiter.close()
        if provider is not None:
            await provider.close()
        await engine.dispose()
        release_clients()
