"""Lists as they are kept: versions by ranges, refusals, what was known when, what a change concerns, what is
remembered."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import Principal, transaction
from infra.watchlists import Watchlists, concerned, import_file
from models.errors import FourEyes, Unavailable, WrongState
from models.screening import Hit, Kind, ListedEntity, Subject
from models.screening.lists import Imported, ListRefused
from models.screening.sources import Format
from models.tables import sanctions
from tests.factories import lists
from tests.factories import wires as make
from tests.factories.damage import damage

NEW = ListedEntity(id="AD-9", kind=Kind.ENTITY, name="Globex Trading")


def company(number: int, name: str = "Cinderholt Works") -> ListedEntity:
    """An invented company."""
    return ListedEntity(id=f"C-{number}", kind=Kind.ENTITY, name=f"{name} {number}")


async def take(engine: AsyncEngine, path: Path, *, accept_drop: bool = False) -> Imported:
    """An SDN.XML becomes the newest version of a list."""
    async with transaction(engine) as session:
        await sanctions.register(session, "OFAC-SDN")
        return await import_file(
            session,
            path,
            list_name="OFAC-SDN",
            format_=Format.OFAC_XML,
            source="tests",
            loaded_by="tests",
            accept_drop=accept_drop,
        )


def sdn(folder: Path, content: str) -> Path:
    """SDN.XML with that content."""
    path = folder / "SDN.XML"
    path.write_text(content, encoding="utf-8")
    return path


async def test_each_version_can_be_asked_for_again(worker_engine: AsyncEngine, tmp_path: Path) -> None:
    first = await take(worker_engine, sdn(tmp_path, lists.sdn_xml(lists.filler(20))))
    assert (first.version, first.added, first.entries) == ("2026-11-20", 23, 23)
    changed = (
        lists.sdn_xml(lists.filler(20)).replace("OBSIDIAN TERN", "GILDED HERON").replace("<uid>1003<", "<uid>2003<")
    )
    second = await take(worker_engine, sdn(tmp_path, changed))
    assert (second.version, second.added, second.changed, second.removed) == ("2026-11-20.2", 1, 1, 1)
    again = await take(worker_engine, sdn(tmp_path, changed))
    assert (again.version, again.entries) == (None, 23)
    async with transaction(worker_engine) as session:
        names = {}
        for version in (first.version_id, second.version_id):
            assert version is not None
            names[version] = {
                row.id: row.content["name"] async for rows in sanctions.entries_of(session, version) for row in rows
            }
        assert [names[version]["103"] for version in names] == ["OBSIDIAN TERN", "GILDED HERON"]
        assert [("1003" in names[v], "2003" in names[v], len(names[v])) for v in names] == [
            (True, False, 23),
            (False, True, 23),
        ]
        rows = await session.execute(text("SELECT count(*) FROM sanctions_entries"))
        assert rows.scalar_one() == 25  # the second version cost two rows, not twenty-three
        changes = await sanctions.changes(session, first.version_id, second.version_id or 0)
        assert [(one.entity.id, one.change) for one in changes] == [
            ("1003", "removed"),
            ("103", "changed"),
            ("2003", "added"),
        ]
        loaded = (await session.execute(text("SELECT min(loaded_at) FROM sanctions_versions"))).scalar_one()
        assert await sanctions.version_at(session, "OFAC-SDN", loaded) == first.version_id
        assert await sanctions.version_at(session, "OFAC-SDN", loaded - timedelta(seconds=1)) is None
        assert await sanctions.version_at(session, "OFAC-SDN", datetime.now(UTC)) == second.version_id


async def test_a_list_that_shrinks_is_taken_when_an_operator_says_so(
    worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    await take(worker_engine, sdn(tmp_path, lists.sdn_xml(lists.filler(20))))
    less = sdn(tmp_path, lists.sdn_xml(lists.filler(14)))
    with pytest.raises(ListRefused, match="6 of 23 entries would be gone"):
        await take(worker_engine, less)
    with pytest.raises(ListRefused):
        await take(worker_engine, sdn(tmp_path, lists.sdn_xml(lists.filler(20))[:-400]))
    with pytest.raises(ListRefused, match="3 of 6 records malformed"):
        await take(worker_engine, sdn(tmp_path, lists.sdn_xml(lists.BAD_ENTRY * 3)))
    async with transaction(worker_engine) as session:
        (status,) = await sanctions.status(session)
        assert (status.version, status.entries) == ("2026-11-20", 23)
    less = sdn(tmp_path, lists.sdn_xml(lists.filler(14)))
    assert (await take(worker_engine, less, accept_drop=True)).removed == 6


async def test_an_id_that_comes_twice_is_named(worker_engine: AsyncEngine, tmp_path: Path) -> None:
    twice = lists.sdn_xml(lists.filler(40) + lists.filler(1))
    done = await take(worker_engine, sdn(tmp_path, twice))
    assert (done.entries, done.malformed) == (43, 1)
    assert [(one.record, one.reason) for one in done.problems] == [("1000", "listed twice")]


async def test_two_imports_at_once_make_two_versions(worker_engine: AsyncEngine, tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(sdn(folder, lists.sdn_xml(lists.filler(20 + number))))
    done = await asyncio.gather(*(take(worker_engine, path) for path in paths))
    assert len({one.version_id for one in done}) == 3
    async with transaction(worker_engine) as session:
        rows = await session.execute(
            text("SELECT count(*), count(DISTINCT id) FROM sanctions_entries WHERE until IS NULL")
        )
        now, distinct = rows.one()
        (status,) = await sanctions.status(session)
    assert now == distinct == status.entries


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE sanctions_entries SET content = \'{"name": "x", "kind": "person"}\'',
        "UPDATE sanctions_entries SET until = NULL",
        "DELETE FROM sanctions_entries",
        "UPDATE sanctions_versions SET loaded_at = now()",
        "DELETE FROM sanctions_versions",
    ],
)
async def test_the_past_is_not_rewritten_by_anybody(owner_engine: AsyncEngine, statement: str) -> None:
    await make.sanctions_list(owner_engine)
    await make.sanctions_list(owner_engine, more=(NEW,))
    with pytest.raises(DBAPIError):
        async with transaction(owner_engine) as session:
            await session.execute(text(statement))


async def test_the_index_follows_the_lists(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    watchlists = Watchlists(worker_engine)
    globex = [Subject("creditor", "Globex Trading Ltd")]
    async with transaction(worker_engine) as session:
        with pytest.raises(Unavailable, match="no sanctions list is loaded"):
            await watchlists.of(session)
    await make.sanctions_list(owner_engine)
    async with transaction(worker_engine) as session:
        before = await watchlists.of(session)
        assert await watchlists.of(session) is before
        assert before.index.screen(globex) == []
        assert await sanctions.version(session) == before.current.told == "AURUM-DEMO/2026-11-01"
    await make.sanctions_list(owner_engine, "2026-11-02", more=(NEW,))
    async with transaction(worker_engine) as session:
        after = await watchlists.of(session)
        (hit,) = after.index.screen(globex)
        assert (hit.list, hit.entry_id, hit.list_version) == ("AURUM-DEMO", "AD-9", "2026-11-02")
        assert hit.entry_hash == NEW.hash


async def test_what_is_new_is_matched_against_what_is_in_flight(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    people = await make.people(owner_engine)
    hit = await make.ordered(api_engine, people, recipient_name="Globex Trading Ltd")
    await make.ordered(api_engine, people, recipient_name="Brightwater Dental")
    newest = await make.sanctions_list(
        owner_engine, "2026-11-02", more=(NEW, ListedEntity(id="AD-8", kind=Kind.PERSON, name="Clara Fontaine"))
    )
    assert newest.version_id is not None
    async with transaction(worker_engine) as session:
        loaded = await Watchlists(worker_engine).of(session)
        before = await sanctions.version_at(session, "AURUM-DEMO", datetime(2000, 1, 1, tzinfo=UTC))
        versions = (await session.execute(text("SELECT id FROM sanctions_versions ORDER BY id"))).scalars().all()
        found = await concerned(
            session,
            list_name="AURUM-DEMO",
            label="2026-11-02",
            before=versions[0],
            after=newest.version_id,
            vocabulary=loaded.index.vocabulary,
        )
        assert before is None
        nothing = await concerned(
            session,
            list_name="AURUM-DEMO",
            label="2026-11-02",
            before=newest.version_id,
            after=newest.version_id,
            vocabulary=loaded.index.vocabulary,
        )
    assert nothing == []
    by_party = {(one.party.kind, one.party.id): {h.entry_id for h in one.hits} for one in found}
    assert by_party[("wire", hit.id)] == {"AD-8", "AD-9"}
    assert by_party[("customer", people.customer)] == {"AD-8"}
    assert sorted(kind for kind, _ in by_party) == ["customer", "wire", "wire"]  # the debtor is new in both wires


async def remembered(api: AsyncEngine, people: make.People, hit: Hit, *, days: int = 30) -> sanctions.FalsePositive:
    """A proposal of the first officer."""
    async with transaction(api, compliance(people, 0)) as session:
        return await sanctions.propose(
            session,
            subject=("customer", str(people.customer)),
            hit=hit,
            reason="born in another century",
            proposed_by=people.officers[0],
            expires_at=datetime.now(UTC) + timedelta(days=days),
        )


def compliance(people: make.People, which: int) -> Principal:
    """An officer with the right to it."""
    return Principal(user_id=people.officers[which], role="admin", permissions=frozenset({"admin:compliance"}))


async def _hit(worker: AsyncEngine, name: str = "Viktor Grimsholm") -> Hit:
    async with transaction(worker) as session:
        loaded = await Watchlists(worker).of(session)
    return loaded.index.screen([Subject("debtor", name)])[0]


async def _covered(worker: AsyncEngine, people: make.People, hit: Hit) -> bool:
    async with transaction(worker) as session:
        return bool(await sanctions.known(session, [hit], {"debtor": ("customer", str(people.customer))}))


async def test_a_false_positive_takes_two_people_and_holds_while_nothing_changes(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    people = await make.people(owner_engine)
    hit = await _hit(worker_engine)
    proposal = await remembered(api_engine, people, hit)
    assert not await _covered(worker_engine, people, hit)
    with pytest.raises(FourEyes):
        async with transaction(api_engine, compliance(people, 0)) as session:
            await sanctions.approve(session, proposal.id, people.officers[0])
    with pytest.raises(DBAPIError, match="one's own name"):
        async with transaction(api_engine, compliance(people, 0)) as session:
            await sanctions.approve(session, proposal.id, people.officers[1])
    with pytest.raises(DBAPIError, match="four_eyes"):
        await _by_owner(
            owner_engine, "UPDATE sanctions_false_positives SET approved_by = proposed_by, approved_at = now()"
        )
    async with transaction(api_engine, compliance(people, 1)) as session:
        await sanctions.approve(session, proposal.id, people.officers[1])
    assert await _covered(worker_engine, people, hit)
    with pytest.raises(WrongState):
        await remembered(api_engine, people, hit)
    # Another spelling of the customer, another entry, another customer: nobody has looked at that.
    assert not await _covered(worker_engine, people, await _hit(worker_engine, "Viktor Grimsholmm"))
    async with transaction(worker_engine) as session:
        assert not await sanctions.known(session, [hit], {"debtor": ("customer", str(people.senior))})
    with pytest.raises(DBAPIError, match="not rewritten"):
        await _by_owner(owner_engine, "UPDATE sanctions_false_positives SET reason = 'because I say so'")


async def _by_owner(owner: AsyncEngine, statement: str) -> None:
    async with transaction(owner) as session:
        await session.execute(text(statement))


async def test_a_false_positive_is_void_when_the_entry_changes_or_its_time_is_over(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    people = await make.people(owner_engine)
    hit = await _hit(worker_engine)
    proposal = await remembered(api_engine, people, hit)
    async with transaction(api_engine, compliance(people, 1)) as session:
        await sanctions.approve(session, proposal.id, people.officers[1])
    await damage(owner_engine, "UPDATE sanctions_false_positives SET expires_at = now()")
    assert not await _covered(worker_engine, people, hit)
    await damage(owner_engine, "UPDATE sanctions_false_positives SET expires_at = now() + interval '1 day'")
    assert await _covered(worker_engine, people, hit)
    grimsholm = make.LISTED[0].model_copy(update={"aliases": ("Der Fischer",)})
    await make.sanctions_list(owner_engine, "2026-11-03", entries=(grimsholm, make.LISTED[1]))
    assert not await _covered(worker_engine, people, await _hit(worker_engine))
    async with transaction(owner_engine) as session:
        row = (await session.execute(text("SELECT voided_by, void_reason FROM sanctions_false_positives"))).one()
    assert (row.voided_by, row.void_reason) == (None, "the listed entry has changed")
    again = await remembered(api_engine, people, await _hit(worker_engine))
    async with transaction(api_engine, compliance(people, 0)) as session:
        await sanctions.void(session, again.id, by=people.officers[0], reason="not sure")
    with pytest.raises(WrongState):
        async with transaction(api_engine, compliance(people, 1)) as session:
            await sanctions.approve(session, again.id, people.officers[1])


async def test_neither_a_customer_nor_operations_see_what_was_found(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    people = await make.people(owner_engine)
    await remembered(api_engine, people, await _hit(worker_engine))
    operations = Principal(user_id=people.operations, role="admin", permissions=frozenset({"admin:system"}))
    for principal in (people.as_customer(), operations):
        async with transaction(api_engine, principal) as session:
            rows = await session.execute(text("SELECT count(*) FROM sanctions_false_positives"))
            assert rows.scalar_one() == 0
