"""What a source has told, shared by every process through the database: nobody asks twice, and what is old is told with
a flag where the source does not answer (reference/brokerage.md §2).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.market import MarketDataUnavailable, SymbolNotFound
from models.tables import market

# Somebody who asks has answered by then, or died.
LEASE: Final = timedelta(seconds=30)
# How long the others wait for them before they take what is old.
PATIENCE_SECONDS: Final = 8.0
_LOOK_SECONDS: Final = 0.05
# A source that failed is left alone for so long.
_PAUSE: Final = timedelta(seconds=2)
_UNKNOWN_FOR: Final = timedelta(days=1)
# What is kept of a symbol that the source does not know.
UNKNOWN: Final = {"aurum": "symbol_not_found"}


@dataclass(frozen=True)
class Told:
    """An answer. `stale`: it is older than it should be."""

    answer: Any
    at: datetime
    stale: bool


class Answers:
    """The answers of one source. `engine` has the role of whoever asks; no connection is kept while a source is."""

    def __init__(self, engine: AsyncEngine, source: str, *, patience: float = PATIENCE_SECONDS) -> None:
        self._engine = engine
        self._source = source
        self._patience = patience

    async def of(self, key: str, ask: Callable[[], Awaitable[Any]], fresh_for: timedelta) -> Told:
        """What is known under `key`, or else what `ask` brings, which counts as fresh for so long.

        One asks, whoever else wants the same waits for it. An unknown symbol is remembered for a day. Raises
        `SymbolNotFound`, and `MarketDataUnavailable` where there is nothing older either.
        """
        name, ends = f"{self._source}/{key}", monotonic() + self._patience
        while True:
            async with transaction(self._engine) as session:
                kept = await market.told(session, name)
                if kept is not None and kept[2]:
                    return _known(kept[0], kept[1], stale=False)
                mine = await market.claim(session, name, LEASE)
            if mine:
                return await self._asked(name, ask, fresh_for, kept)
            if monotonic() >= ends:
                return _old(kept, MarketDataUnavailable("Somebody asks for it already; try again in a moment"))
            await asyncio.sleep(_LOOK_SECONDS)

    async def kept(self, keys: Sequence[str]) -> list[Told]:
        """What was told under these `keys`, in any order; what was never told, or is no security, is left out."""
        async with transaction(self._engine) as session:
            rows = await market.told_of(session, [f"{self._source}/{key}" for key in keys])
        return [Told(answer, at, stale=not fresh) for answer, at, fresh in rows if answer != UNKNOWN]

    async def _asked(
        self,
        name: str,
        ask: Callable[[], Awaitable[Any]],
        fresh_for: timedelta,
        kept: tuple[Any, datetime, bool] | None,
    ) -> Told:
        try:
            answer = await ask()
        except SymbolNotFound:
            answer, fresh_for = UNKNOWN, _UNKNOWN_FOR
        except MarketDataUnavailable as error:
            await self._give_up(name)
            return _old(kept, error)
        except BaseException:
            # A caller who hangs up too: the next one need not wait for the lease to end.
            await asyncio.shield(self._give_up(name))
            raise
        async with transaction(self._engine) as session:
            await market.keep(session, name, answer, datetime.now(UTC) + fresh_for)
        return _known(answer, datetime.now(UTC), stale=False)

    async def keep(self, key: str, answer: Any, fresh_for: timedelta) -> None:
        """Keeps what was told on the way to something else."""
        async with transaction(self._engine) as session:
            await market.keep(session, f"{self._source}/{key}", answer, datetime.now(UTC) + fresh_for)

    async def _give_up(self, name: str) -> None:
        async with transaction(self._engine) as session:
            await market.give_up(session, name, _PAUSE)


def _known(answer: Any, at: datetime, *, stale: bool) -> Told:
    if answer == UNKNOWN:
        raise SymbolNotFound("There is no such security")
    return Told(answer, at, stale)


def _old(kept: tuple[Any, datetime, bool] | None, error: MarketDataUnavailable) -> Told:
    if kept is None:
        raise error
    return _known(kept[0], kept[1], stale=True)
