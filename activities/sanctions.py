"""The refresh of lists: fetch what is newer, take it in as a whole, and say what has become of it."""

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from infra.providers.sanctions import Fetcher, Known
from infra.watchlists import import_file
from models.screening.lists import Imported, RefreshFailure, RefreshStep
from models.screening.sources import ListSource
from models.tables import notifications, sanctions

log: Final = structlog.get_logger(__name__)


class SanctionsSteps:
    """Refreshes the lists of `sources`."""

    def __init__(self, engine: AsyncEngine, sources: tuple[ListSource, ...], fetcher: Fetcher) -> None:
        self._engine = engine
        self._sources = {source.name: source for source in sources}
        self._fetcher = fetcher

    @activity.defn(name="sanctions.sources")
    async def sources(self) -> list[str]:
        """The names of the lists to refresh; each is known to the database from here on."""
        async with transaction(self._engine) as session:
            for source in self._sources.values():
                await sanctions.register(session, source.name, source.purpose)
        return list(self._sources)

    @activity.defn(name="sanctions.refresh")
    async def refresh(self, step: RefreshStep) -> Imported:
        """Fetches one list and makes it the newest version, if its source has a newer one. Safe to repeat.

        Raises `ListRefused` (the version before stays) and `Unavailable` (worth trying again).
        """
        source = self._sources[step.list]
        async with transaction(self._engine) as session:
            known = Known(*await sanctions.seen_at_source(session, source.name))
        fetched = await self._fetcher.fetch(source, known, activity.heartbeat)
        if fetched is None:
            async with transaction(self._engine) as session:
                await sanctions.confirmed(session, source.name)
                return Imported(list=source.name, version=None, version_id=None, entries=0)
        try:
            async with transaction(self._engine) as session:
                done = await import_file(
                    session,
                    fetched.path,
                    list_name=source.name,
                    format_=source.format,
                    source=source.location,
                    loaded_by="sanctions-refresh",
                    progress=activity.heartbeat,
                )
                await sanctions.saw_at_source(session, source.name, fetched.known.etag, fetched.known.last_modified)
        finally:
            if fetched.temporary:
                await asyncio.to_thread(fetched.path.unlink, missing_ok=True)
        log.info("sanctions.refreshed", list=done.list, version=done.version, malformed=done.malformed)
        # What could not be read is with the version; a history is open to every operator.
        return done.model_copy(update={"problems": ()})

    @activity.defn(name="sanctions.note_failure")
    async def note_failure(self, failure: RefreshFailure) -> None:
        """Keeps why a refresh did not come about, and tells operations, once for each day and list."""
        log.error("sanctions.refresh_failed", list=failure.list, reason=failure.reason)
        async with transaction(self._engine) as session:
            await sanctions.failed(session, failure.list, failure.reason)
            await notifications.tell_operations(
                session,
                key=f"list/{failure.list}/failed/{failure.at:%Y-%m-%d}",
                event="list.failed",
                subject=f"The list {failure.list} could not be refreshed",
                body=f"{failure.reason}\n\nThe version before stays in use. Wires wait once it is too old.\n",
            )
