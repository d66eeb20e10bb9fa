"""Wires in flight when a list has changed: those that still wait are screened again now, and of those that have left
compliance is told.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.heartbeats import heartbeats
from activities.wires.desk import WireDesk, tell_staff
from activities.wires.screening import as_written_and_sent
from infra.database import transaction
from infra.watchlists import concerned
from models.screening import Hit
from models.screening.lists import Rescreened
from models.tables import sanctions, wires
from models.tables.sanctions import News
from models.tables.wires import Wire
from models.tables.wires.waking import wake
from models.wires import WireStatus
from models.wires.compliance import REVIEWABLE

log: Final = structlog.get_logger(__name__)

_PAGE: Final = 500
_LEFT: Final = frozenset({WireStatus.RELEASED, WireStatus.ACKNOWLEDGED})


class RescreeningSteps:
    """The step that follows a change of the lists."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="sanctions.rescreen")
    async def rescreen(self) -> list[Rescreened]:
        """Compares the wires in flight with what is new on each list since they last were, whoever has taken it in.

        The process of a wire that waits is woken, and screens it against all lists. Each list is a transaction, which
        keeps that its version was looked through; again, it changes nothing. No version becomes the newest unseen: a
        wire is read after it, so that it was released before it or is screened against it (`wire.release`).
        """
        async with heartbeats():
            async with transaction(self._desk.engine) as session:
                changed = await sanctions.news(session, await sanctions.current(session))
            return [await self._compare(one) for one in changed]

    async def _compare(self, news: News) -> Rescreened:
        woken = told = 0
        async with transaction(self._desk.engine) as session:
            loaded = await self._desk.watchlists.of(session)
            matches = await concerned(
                session,
                list_name=news.list,
                label=news.label,
                before=news.before,
                after=news.after,
                vocabulary=loaded.index.vocabulary,
                customers=False,
                reading=as_written_and_sent,
            )
            hits = {match.party.id: match.hits for match in matches}
            ids = sorted(hits)
            for page in (ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)):
                known = await sanctions.found_before(session, page)
                for wire in await wires.with_ids(session, page):
                    if wire.status in REVIEWABLE:
                        await wake(session, wire, None)
                        woken += 1
                    elif wire.status in _LEFT and (unseen := _unseen(wire.id, hits[wire.id], known)):
                        await _tell_compliance(session, wire, news, unseen)
                        told += 1
            await sanctions.compared(session, news.after, woken=woken, told=told)
        log.info("sanctions.rescreened", list=news.list, version=news.label, woken=woken, told=told)
        return Rescreened(list=news.list, version=news.label, woken=woken, told=told)


def _unseen(wire_id: UUID, hits: Sequence[Hit], known: set[tuple[UUID, str, str, bytes]]) -> list[Hit]:
    """What was not found, and ruled about, before the wire left."""
    return [hit for hit in hits if (wire_id, hit.list, hit.entry_id, bytes(hit.entry_hash)) not in known]


async def _tell_compliance(session: AsyncSession, wire: Wire, news: News, hits: Sequence[Hit]) -> None:
    found = ", ".join(sorted({f"{hit.list}/{hit.entry_id} ({hit.field}, {hit.verdict})" for hit in hits}))
    await tell_staff(
        session,
        wire,
        permission="admin:compliance",
        event="wire.listed_after_release",
        subject="A wire that has left matches a new entry of a sanctions list",
        again=f"{news.list}/{news.label}",
        then=f"Found: {found}. It cannot be stopped here any more: ask for its money back by a recall"
        f" (POST /api/v1/wires/{wire.id}/recall). The wire",
    )
