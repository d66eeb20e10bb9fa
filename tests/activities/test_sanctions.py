"""Lists are fetched when they are newer, wires wait when they are old, what two officers found is remembered, and what
is new is held against the wires in flight.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.rescreening import RescreeningSteps
from activities.sanctions import SanctionsSteps
from activities.wires import WireDesk
from infra.database import Principal, transaction
from infra.providers.bank import FolderChannel
from infra.providers.sanctions import Fetcher
from infra.settings import BankHours, Settings
from models.errors import Unavailable
from models.screening import Hit, Kind, ListedEntity, Verdict
from models.screening.lists import Imported, ListRefused, ListsStale, RefreshStep
from models.screening.sources import Format, ListSource
from models.tables import sanctions
from models.wires import WireState, WireStep
from tests.activities.test_wire_races import Bench
from tests.factories import lists
from tests.factories import wires as make
from tests.factories.counterparty import NOSTRO
from tests.factories.damage import damage
from tests.factories.publisher import Publisher, publisher


@pytest.fixture
def published() -> Iterator[Publisher]:
    """A publisher of lists."""
    with publisher() as running:
        yield running


class Refresher:
    """The steps of a refresh, with one list over HTTP."""

    def __init__(self, engine: AsyncEngine, published: Publisher, folder: Path, *, largest: int = 1 << 30) -> None:
        self.folder = folder
        source = ListSource(name="OFAC-SDN", format=Format.OFAC_XML, location=published.url)
        self.steps = SanctionsSteps(engine, (source,), Fetcher(folder, largest=largest))

    async def refresh(self) -> Imported:
        """What a refresh does."""
        await self.steps.sources()
        done: Imported = await ActivityEnvironment().run(self.steps.refresh, RefreshStep(list="OFAC-SDN"))
        return done


def _left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_list_is_fetched_only_when_it_is_newer(
    worker_engine: AsyncEngine, published: Publisher, tmp_path: Path
) -> None:
    refresher = Refresher(worker_engine, published, tmp_path)
    published.content = lists.sdn_xml(lists.filler(20)).encode()
    first = await refresher.refresh()
    assert (first.version, first.added) == ("2026-11-20", 23)
    assert (await refresher.refresh()).version is None
    assert published.answered == [200, 304]
    assert published.asked[1]["If-None-Match"] == '"1"'
    assert published.asked[1]["If-Modified-Since"] == "Fri, 20 Nov 2026 08:00:00 GMT"
    published.content, published.etag = lists.sdn_xml(lists.filler(21), day="11/21/2026").encode(), '"2"'
    assert (await refresher.refresh()).version == "2026-11-21"
    assert _left(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "raises"),
    [
        ({"status": 503}, Unavailable),
        ({"status": 404}, ListRefused),
        ({"cut": 300}, Unavailable),
        ({"content": lists.sdn_xml(lists.filler(20))[:-300].encode()}, ListRefused),
        ({"content": b"<html>maintenance</html>"}, ListRefused),
        ({"content": lists.sdn_xml(lists.filler(2)).encode()}, ListRefused),
    ],
)
async def test_the_version_before_stays_when_a_refresh_fails(
    worker_engine: AsyncEngine, published: Publisher, tmp_path: Path, change: dict[str, object], raises: type[Exception]
) -> None:
    refresher = Refresher(worker_engine, published, tmp_path)
    published.content = lists.sdn_xml(lists.filler(20)).encode()
    await refresher.refresh()
    published.etag = '"2"'
    for name, value in change.items():
        setattr(published, name, value)
    with pytest.raises(raises):
        await refresher.refresh()
    async with transaction(worker_engine) as session:
        (status,) = await sanctions.status(session)
        # It is asked for again, since what came was not taken.
        assert await sanctions.seen_at_source(session, "OFAC-SDN") == ('"1"', "Fri, 20 Nov 2026 08:00:00 GMT")
    assert (status.version, status.entries) == ("2026-11-20", 23)
    assert _left(tmp_path) == []


async def test_more_than_a_list_can_be_is_not_fetched(
    worker_engine: AsyncEngine, published: Publisher, tmp_path: Path
) -> None:
    published.content = lists.sdn_xml(lists.filler(20)).encode()
    with pytest.raises(ListRefused, match="more than 100 bytes"):
        await Refresher(worker_engine, published, tmp_path, largest=100).refresh()
    assert _left(tmp_path) == []


@pytest.fixture
async def bench(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Bench:
    """A desk without processes."""
    made = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    return made


async def test_old_lists_stop_a_release_and_operations_are_told_once(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    await make.approved(bench.api, bench.people, wire_id)
    step = WireStep(wire_id=wire_id, at=datetime.now(UTC))
    await damage(bench.owner, "UPDATE sanctions_lists SET checked_at = now() - interval '37 hours'")
    for _ in range(2):
        with pytest.raises(ListsStale) as stopped:
            await bench.payment.release(step)
    assert stopped.value.extra["retry_after"] == 60
    async with transaction(bench.owner) as session:
        told = await session.execute(text("SELECT event, user_id FROM notifications WHERE event = 'list.stale'"))
        assert [(row.event, row.user_id) for row in told] == [("list.stale", bench.people.operations)]
        await sanctions.confirmed(session, "AURUM-DEMO")
    assert (await bench.payment.release(step)).status == "released"


async def _remember(bench: Bench, field: str, subject: tuple[str, str]) -> None:
    """Two officers find that what screening found is somebody else."""
    rights = frozenset({"admin:compliance", "wires:read"})
    first, second = (Principal(user_id=officer, role="admin", permissions=rights) for officer in bench.people.officers)
    async with transaction(bench.api, first) as session:
        row = (await session.execute(text("SELECT * FROM wire_hits WHERE field = :field"), {"field": field})).one()
        hit = Hit(
            entry_id=row.entry_id,
            list=row.list,
            list_version=row.list_version,
            field=field,
            matched=row.matched,
            score=float(row.score),
            verdict=Verdict(row.verdict),
            entry_hash=row.entry_hash,
            subject_hash=row.subject_hash,
        )
        memory = await sanctions.propose(
            session,
            subject=subject,
            hit=hit,
            reason="another company",
            proposed_by=bench.people.officers[0],
            expires_at=datetime.now(UTC) + timedelta(days=30),
        )
    async with transaction(bench.api, second) as session:
        await sanctions.approve(session, memory.id, bench.people.officers[1])


async def _screened(bench: Bench, name: str) -> tuple[WireState, WireStep]:
    wire = await make.ordered(bench.api, bench.people, recipient_name=name)
    step = WireStep(wire_id=wire.id, at=datetime.now(UTC))
    return await bench.approval.screen(step), step


async def test_a_remembered_pair_does_not_hit_again_and_is_recorded(bench: Bench) -> None:
    state, _ = await _screened(bench, "Viktor Grimsholmm")
    assert state.compliance_status == "in_review"
    await _remember(bench, "creditor", ("counterparty", "TESTUS33/000123456789"))
    state, step = await _screened(bench, "Viktor Grimsholmm")
    assert state.compliance_status == "clear"
    async with transaction(bench.owner) as session:
        rows = await session.execute(
            text("SELECT known IS NOT NULL AS known, parts FROM wire_hits ORDER BY id"),
        )
        seen = rows.all()
    assert [row.known for row in seen] == [False, True]
    assert seen[0].parts["algorithm"] == "words"
    other, _ = await _screened(bench, "Viktor Grimsholm")
    assert other.status == "blocked"
    # The entry changes while the wire waits: what was remembered is void, and the wire is not released before the desk
    # has looked at it again.
    await bench.approval.route(step)
    await make.approved(bench.api, bench.people, step.wire_id)
    grimsholm = make.LISTED[0].model_copy(update={"aliases": ("Der Fischer",)})
    await make.sanctions_list(bench.owner, "2026-11-03", entries=(grimsholm, make.LISTED[1]))
    released = await bench.payment.release(step)
    assert (released.status, released.compliance_status) == ("approved", "in_review")
    await make.ruled(bench.api, bench.people, step.wire_id)
    assert (await bench.payment.release(step)).status == "released"


async def test_a_list_that_grows_elsewhere_does_not_stop_a_wire(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    await make.approved(bench.api, bench.people, wire_id)
    somebody = ListedEntity(id="AD-7", kind=Kind.PERSON, name="Somebody Else Entirely")
    await make.sanctions_list(bench.owner, "2026-11-02", more=(somebody,))
    step = WireStep(wire_id=wire_id, at=datetime.now(UTC))
    assert (await bench.payment.release(step)).status == "released"
    async with transaction(bench.owner) as session:
        version = await session.execute(text("SELECT list_version FROM wire_transfers"))
        assert version.scalar_one() == "AURUM-DEMO/2026-11-02"


async def test_how_old_lists_may_be_is_a_setting(worker_engine: AsyncEngine, tmp_path: Path) -> None:
    config = Settings(_env_file=None, bank_hours=BankHours.ALWAYS, nostro_accounts=NOSTRO, sanctions_stale_seconds=90)
    desk = WireDesk.of(config, worker_engine, FolderChannel(tmp_path / "out", tmp_path / "in"))
    assert desk.lists_fresh_for == timedelta(seconds=90)


GLOBEX = ListedEntity(id="AD-9", kind=Kind.ENTITY, name="Globex Trading")
LOOKBACK = timedelta(days=30)
LETTERS = "notifications WHERE event = 'wire.listed_after_release'"


class Flight(Bench):
    """A desk with the step that follows a change of the lists."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.rescreening = RescreeningSteps(self.approval._desk, LOOKBACK)

    async def count(self, what: str) -> int:
        """How many rows there are of `what` (a table, and a condition)."""
        async with transaction(self.owner) as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one())

    async def wakes(self, wire_id: UUID) -> int:
        """How often the wire's process was asked to look."""
        return await self.count(f"outbox WHERE workflow_id = 'wire/{wire_id}'")

    async def comes_onto_the_list(self) -> None:
        """The recipient of every wire here comes onto a list."""
        await make.sanctions_list(self.owner, "2026-11-02", more=(GLOBEX,))


@pytest.fixture
async def flight(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Flight:
    """A desk without processes, whose wires were compared with the first version."""
    made = Flight(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    (first,) = await made.rescreening.rescreen()
    assert (first.version, first.woken, first.told) == ("2026-11-01", 0, 0)
    return made


async def test_each_version_is_looked_through_once_and_each_wire_by_where_it_stands(flight: Flight) -> None:
    waiting, left, ended = await flight.awaiting(), await flight.sent(), await flight.awaiting()
    await flight.cancel(ended)
    before = {wire: await flight.wakes(wire) for wire in (waiting, left, ended)}
    assert await flight.rescreening.rescreen() == []
    await flight.comes_onto_the_list()
    (done,) = await flight.rescreening.rescreen()
    assert (done.list, done.version, done.woken, done.told) == ("AURUM-DEMO", "2026-11-02", 1, 1)
    assert await flight.rescreening.rescreen() == []
    assert {wire: await flight.wakes(wire) - before[wire] for wire in before} == {waiting: 1, left: 0, ended: 0}
    assert await flight.count(LETTERS) == await flight.count(f"{LETTERS} AND body LIKE '%{left}/recall%'") == 3
    # Who is gone from a list, or stays as they were, concerns nobody.
    await make.sanctions_list(flight.owner, "2026-11-03", entries=(make.LISTED[0], GLOBEX))
    (gone,) = await flight.rescreening.rescreen()
    assert (gone.woken, gone.told) == (0, 0)


async def test_two_runs_at_once_tell_once(flight: Flight) -> None:
    await flight.sent()
    await flight.comes_onto_the_list()
    await asyncio.gather(flight.rescreening.rescreen(), flight.rescreening.rescreen())
    assert await flight.count(LETTERS) == 3
    assert await flight.count("sanctions_rescreenings") == 2


async def test_what_two_officers_cleared_before_the_wire_left_is_not_told_again(flight: Flight) -> None:
    wire_id = await flight.awaiting()
    await flight.approve(wire_id)
    await flight.comes_onto_the_list()
    step = WireStep(wire_id=wire_id, at=datetime.now(UTC))
    assert (await flight.payment.release(step)).status == "blocked"
    await make.ruled(flight.api, flight.people, wire_id)
    await flight.approval.route(step)
    assert (await flight.payment.release(step)).status == "released"
    (done,) = await flight.rescreening.rescreen()
    assert (done.woken, done.told) == (0, 0)
    assert await flight.count(LETTERS) == 0


@pytest.mark.parametrize("attempt", range(4))
async def test_a_release_a_version_and_the_look_at_what_is_in_flight_at_once(flight: Flight, attempt: int) -> None:
    """A wire that leaves before the version is told, one that does not is stopped; none slips between."""
    wire_id = await flight.awaiting()
    await flight.approve(wire_id)
    acts = [
        flight.payment.release(WireStep(wire_id=wire_id, at=datetime.now(UTC))),
        flight.comes_onto_the_list(),
        flight.rescreening.rescreen(),
    ]
    await asyncio.gather(*(acts[attempt % 3 :] + acts[: attempt % 3]))
    await flight.rescreening.rescreen()
    left = await flight.count("wire_transfers WHERE status = 'released'")
    assert left + await flight.count("wire_transfers WHERE status = 'blocked'") == 1
    assert await flight.count(LETTERS) == 3 * left
