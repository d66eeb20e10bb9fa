"""The lists in this process's memory: loaded on first use, and again when a version is another one.

Whoever asks while a newer version is being loaded waits for it: nothing is screened against a list that is known to be
old. Loading goes on by itself if whoever waited has given up, so that a long load is not begun again and again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from infra.database import transaction
from models.errors import Unavailable
from models.screening import Index, ListEntry, Purpose
from models.screening.lists import entity_of
from models.tables import sanctions
from models.tables.sanctions import Current

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Loaded:
    """An index, and the versions that it was made of."""

    current: Current
    index: Index


class Watchlists:
    """The indexes of one process, one for each purpose."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._loaded: dict[Purpose, Loaded] = {}
        self._loading: dict[Purpose, tuple[Current, asyncio.Task[Loaded]]] = {}

    async def of(self, session: AsyncSession, purpose: Purpose = Purpose.SANCTIONS) -> Loaded:
        """The index of the lists as `session` sees them now. Raises `Unavailable` when none is loaded: screening fails
        closed."""
        current = await sanctions.current(session, purpose)
        if not current.versions:
            raise Unavailable(f"no {purpose} list is loaded")
        known = self._loaded.get(purpose)
        if known is not None and known.current == current:
            return known
        loading = self._loading.get(purpose)
        if loading is None or loading[0] != current or loading[1].cancelled():
            loading = (current, asyncio.create_task(self._load(purpose, current)))
            self._loading[purpose] = loading
        try:
            return await asyncio.shield(loading[1])
        finally:
            if loading[1].done() and self._loading.get(purpose) is loading:
                del self._loading[purpose]

    async def _load(self, purpose: Purpose, current: Current) -> Loaded:
        entries: list[ListEntry] = []
        async with transaction(self._engine) as session:
            for name, version_id, label in current.versions:
                async for rows in sanctions.entries_of(session, version_id):
                    entries += await asyncio.to_thread(_entries, rows, name, label)
            countries = await sanctions.country_rules(session) if purpose is Purpose.SANCTIONS else []
        index = await asyncio.to_thread(Index, entries, countries=countries)
        loaded = Loaded(current, index)
        self._loaded[purpose] = loaded
        log.info("watchlists.loaded", purpose=purpose, versions=current.told, entries=len(index))
        return loaded


def _entries(rows: Sequence[Row[Any]], list_name: str, label: str) -> list[ListEntry]:
    return [
        ListEntry.of(entity_of(row.id, row.content), list_name=list_name, version=label, hash_=bytes(row.hash))
        for row in rows
    ]
