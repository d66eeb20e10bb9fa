"""What handlers reach besides their arguments: the parts of the running application, and the work of one request."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import structlog
from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.requests import HTTPConnection
from starlette.types import Scope

from api.external import ExternalDoor
from api.quotes import Quotes
from api.temporal import TemporalLink
from api.turns import Turns
from api.uploads import Uploads
from infra.database import transaction
from infra.limits import Limiter
from infra.outbox import Dispatcher
from infra.passwords import Passwords
from infra.settings import Settings
from infra.tokens import Tokens
from models.errors import Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application opens when it starts and closes when it ends."""

    settings: Settings
    tokens: Tokens
    engine: AsyncEngine
    temporal: TemporalLink
    dispatcher: Dispatcher
    passwords: Passwords
    limiter: Limiter
    uploads: Uploads
    quotes: Quotes
    external: ExternalDoor | None = None
    turns: Turns = field(default_factory=Turns)


@dataclass(slots=True)
class Work:
    """What one request does in the database: at most one transaction, which `stack` ends."""

    engine: AsyncEngine
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    session: AsyncSession | None = None
    idempotency_key: str | None = None
    # What was done outside the database and has to be taken back where this request's transaction is not committed.
    on_failure: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    # Whether the end of the transaction has begun: from then on a failure need not mean that nothing was committed.
    ending: bool = False

    async def opened(self) -> AsyncSession:
        """The request's transaction, opened on first use. No connection is taken before its first statement."""
        if self.session is None:
            self.session = await self.stack.enter_async_context(transaction(self.engine))
        return self.session

    async def take_back(self, error: BaseException) -> None:
        """Takes back what stands outside the database, unless the transaction may have been committed after all: then
        it stays until the sweep that compares both. What cannot be taken back stays for that too."""
        if self.ending and not isinstance(error, IntegrityError):
            return
        for act in self.on_failure:
            try:
                await act()
            except Unavailable:
                log.warning("request.not_taken_back")


def provide(app: FastAPI, parts: Parts) -> None:
    """Makes `parts` those of `app`."""
    app.state.parts = parts


def parts_of(scope: Scope) -> Parts:
    """The parts of the application that serves `scope`."""
    parts = scope["app"].state.parts
    assert isinstance(parts, Parts)
    return parts


def begin_work(request: HTTPConnection) -> Work:
    """Makes a new `Work` the one of this request."""
    work = Work(parts_of(request.scope).engine)
    request.state.work = work
    return work


def work_of(request: HTTPConnection) -> Work:
    """The work of this request."""
    work = request.state.work
    assert isinstance(work, Work)
    return work
