"""Asks Alpha Vantage over HTTP, within both of its budgets, which every process takes from (migration 0023)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import httpx
import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.providers.quotes.alpha_vantage.refusals import (
    KeyRefused,
    QuotaExhausted,
    SourceFailed,
    TooFast,
    refuse,
)
from infra.providers.quotes.alpha_vantage.shapes import SOURCE
from models.tables import market

log = structlog.get_logger(__name__)

TIMEOUT: Final = httpx.Timeout(10, connect=5)
# Whoever would wait longer for their turn is told so instead.
PATIENCE: Final = timedelta(seconds=6)
_TRIES: Final = 2
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True)
class Plan:
    """What was bought: a key, so many calls in a day (None: as many as the pause allows), a pause between two."""

    key: SecretStr
    url: str
    a_day: int | None
    pause: timedelta


class AlphaVantageClient:
    """One question at a time, as the plan allows."""

    def __init__(self, engine: AsyncEngine, plan: Plan) -> None:
        self._engine = engine
        self._plan = plan

    async def ask(self, function: str, **parameters: str) -> dict[str, Any]:
        """The answer to a question. Raises `SymbolNotFound` and the classes of `refusals`.

        Too fast is tried once more after a pause; a spent day closes the source for everybody for an hour, since nobody
        says when their day begins.
        """
        for attempt in range(1, _TRIES + 1):
            await self._turn()
            try:
                return await self._get({"function": function, **parameters})
            except TooFast as error:
                if attempt == _TRIES or error.pause > _LONGEST_PAUSE:
                    await self._close(timedelta(seconds=error.pause))
                    raise
                await asyncio.sleep(error.pause)
            except QuotaExhausted:
                await self._close(timedelta(hours=1))
                raise
            except KeyRefused:
                log.error("market_data.key_refused", source=SOURCE)  # noqa: TRY400 # the error tells no more
                raise
        raise AssertionError("unreachable")

    async def _turn(self) -> None:
        async with transaction(self._engine) as session:
            wait = await market.ask(session, SOURCE, a_day=self._plan.a_day, pause=self._plan.pause, patience=PATIENCE)
        if wait == -1:
            raise QuotaExhausted("The source of prices answers no more today", retry_after=3600)
        if wait == -2:
            raise TooFast("Too many wait for the source of prices", PATIENCE.total_seconds())
        await asyncio.sleep(max(0.0, wait))

    async def _close(self, for_: timedelta) -> None:
        log.warning("market_data.closed", source=SOURCE, seconds=for_.total_seconds())
        async with transaction(self._engine) as session:
            await market.spent(session, SOURCE, datetime.now(UTC) + for_)

    async def _get(self, parameters: dict[str, str]) -> dict[str, Any]:
        query = {**parameters, "apikey": self._plan.key.get_secret_value()}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as client:
                answer = await client.get(self._plan.url, params=query)
            body = answer.json() if answer.status_code == HTTPStatus.OK else None
        # The error's own words would tell the address, and the key is in it.
        except (httpx.HTTPError, ValueError) as error:
            raise SourceFailed(f"The source of prices does not answer: {type(error).__name__}") from None
        if not isinstance(body, dict):
            raise SourceFailed(f"The source of prices answers {answer.status_code}")
        refuse(body)
        return body
