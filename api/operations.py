"""What machines ask: is the process there, is it ready, what does it count, with which keys does it sign."""

import asyncio
from collections.abc import Awaitable
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.answers import answer
from api.errors import documented
from api.metrics import metrics_of
from api.origin import from_this_machine
from api.parts import parts_of
from infra.database import transaction
from infra.exposition import shows
from models.errors import NotAuthenticated, NotFound

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
    parts = parts_of(request.scope)
    asked = {"database": _database(parts.engine), "temporal": parts.temporal.check()}
    answers = await asyncio.gather(*(_answers(name, answering) for name, answering in asked.items()))
    up = dict(zip(asked, answers, strict=True))
    if all(up.values()):
        return answer({"status": "ready", "parts": up})
    missing = [name for name, there in up.items() if not there]
    return answer({"status": "not_ready", "parts": up, "missing": missing}, 503, {"Retry-After": "2"})


@router.get(
    "/metrics",
    summary="Counts and times for Prometheus",
    response_class=PlainTextResponse,
    responses=documented(401, 404),
)
async def metrics(request: Request) -> Response:
    """Text in Prometheus' exposition format, for whoever shows the token of the settings. Without one, for this machine
    alone: to anybody else there is nothing here."""
    settings = parts_of(request.scope).settings
    if settings.metrics_token is None:
        if not from_this_machine(request.scope, settings.trusted_proxies):
            raise NotFound("There is nothing at this address")
    elif not shows(settings.metrics_token, request.headers.get("authorization")):
        raise NotAuthenticated("This address wants the token of the metrics")
    return Response(generate_latest(metrics_of(request.app).registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@router.get("/.well-known/jwks.json", summary="The keys that access tokens are signed with")
async def jwks(request: Request) -> Response:
    """A JSON Web Key Set (RFC 7517), for whoever checks our tokens."""
    return answer(parts_of(request.scope).tokens.jwks(), headers={"Cache-Control": "public, max-age=300"})


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
