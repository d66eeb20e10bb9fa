"""What machines ask: is the process there, is it ready, what does it count, with which keys does it sign."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.answers import answer
from infra.database import transaction

log = structlog.get_logger(__name__)
router = APIRouter(tags=["operations"])

READY_SECONDS: Final = 2.0


@router.get("/health", summary="Whether the process lives")
async def health() -> dict[str, str]:
    """Says so without asking anybody else."""
    return {"status": "ok"}


@router.get(
    "/ready", summary="Whether everything it needs answers", responses={503: {"description": "Which part does not"}}
)
async def ready(request: Request) -> Response:
    """Asks the database and Temporal, each with a short patience."""
    state = request.app.state
    parts = {"database": _database(state.engine), "temporal": state.temporal.check()}
    answers = await asyncio.gather(*(_answers(name, asked) for name, asked in parts.items()))
    up = dict(zip(parts, answers, strict=True))
    if all(up.values()):
        return answer({"status": "ready", "parts": up})
    missing = [name for name, there in up.items() if not there]
    return answer({"status": "not_ready", "parts": up, "missing": missing}, 503, {"Retry-After": "2"})


@router.get("/metrics", summary="Counts and times for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Text in Prometheus' exposition format."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/.well-known/jwks.json", summary="The keys that access tokens are signed with")
async def jwks(request: Request) -> Response:
    """A JSON Web Key Set (RFC 7517), for whoever checks our tokens."""
    keys: dict[str, Any] = request.app.state.tokens.jwks()
    return answer(keys, headers={"Cache-Control": "public, max-age=300"})


async def _database(engine: AsyncEngine) -> None:
    async with transaction(engine) as session:
        await session.execute(text("SELECT 1"))


async def _answers(name: str, asked: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await asked
    except Exception as error:  # noqa: BLE001 # any reason not to answer is the same to who asks
        log.warning("part.not_ready", part=name, kind=type(error).__name__)
        return False
    return True


class TemporalLink:
    """The way to Temporal, made when it is first needed: the API starts and serves without it."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._client: Any = None
        self._connecting = asyncio.Lock()

    async def client(self) -> Any:
        """A client, connected once."""
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    async def check(self) -> None:
        """Raises when Temporal does not answer."""
        client = await self.client()
        await client.service_client.check_health()

    def drop(self) -> None:
        """Forgets the client."""
        self._client = None
