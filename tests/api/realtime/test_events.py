"""What is told of alerts, wires and reviews: of what is committed, once to each socket, to whom it may concern."""

import json
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.upkeep import UpkeepSteps
from api.answers import written_json
from api.realtime.shapes import told
from infra.bells import postgres
from infra.database import FAN_OUT, transaction
from models.auth import CUSTOMER_PERMISSIONS, permissions_of
from models.kyc.states import Restriction
from models.realtime import EVENTS_KEPT, EventKind, LiveEvent, Viewer
from models.tables import alerts, realtime, wires
from models.tables.kyc import life
from models.upkeep import UpkeepStep
from tests.databases import Database
from tests.factories import kyc
from tests.factories.alerts import NOON, alert, quote, swept
from tests.factories.auth import bearer
from tests.factories.sockets import Ear, ear, token_of
from tests.factories.users import Person, add_customer, add_officer
from tests.factories.wires import ordered, people

API = "/api/v1/events"


def as_person(user_id: UUID, role: str = "customer", preset: str | None = None) -> Person:
    """Somebody whose row a factory of another feature has made."""
    return Person(user_id, "somebody@people.example", "", role, preset)


async def _settled(client: Ear) -> None:
    # What is asked after something was told is answered after it: nothing is on its way any more.
    await client.ask("unsubscribe_quotes")


async def _fired(worker: AsyncEngine, price: str, minute: int) -> int:
    return len(await swept(worker, quote(price, at=NOON + timedelta(minutes=minute))))


async def test_an_alert_is_pushed_once_each_time_it_fires(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person, other = await add_customer(owner_engine), await add_customer(owner_engine)
    once = await alert(owner_engine, person.id, "above", "105")
    often = await alert(owner_engine, person.id, "crosses", "104.5", repeat=True, cooldown=timedelta(minutes=1))
    theirs = await alert(owner_engine, other.id, "above", "105")
    async with (
        ear(url, await token_of(sockets, owner_engine, person)) as one,
        ear(url, await token_of(sockets, owner_engine, person)) as two,
        ear(url, await token_of(sockets, owner_engine, person)) as silent,
        ear(url, await token_of(sockets, owner_engine, other)) as stranger,
    ):
        for client in (one, two, stranger):
            assert await client.ask("subscribe_alerts") == {"subscribed": True}
        for minute, price in enumerate(("106", "106", "104", "107")):
            await _fired(worker_engine, price, minute)
        expected = {(str(once), 1, 106.0), (str(often), 1, 106.0), (str(often), 2, 104.0), (str(often), 3, 107.0)}
        for client in (one, two):
            told = [await client.hear("alert_triggered") for _ in expected]
            assert {(each["alert_id"], each["number"], each["price"]) for each in told} == expected
            assert len({each["event_id"] for each in told}) == 4
            first = next(each for each in told if each["alert_id"] == str(once))
            assert first == first | {
                "symbol": "XALDE",
                "condition": "above",
                "level": 105.0,
                "as_of": "2026-11-20T17:00:00Z",
            }
            assert set(first) == {
                "event_id",
                "alert_id",
                "number",
                "symbol",
                "condition",
                "level",
                "price",
                "as_of",
                "at",
            }
        assert (await stranger.hear("alert_triggered"))["alert_id"] == str(theirs)
        for client in (one, two, silent, stranger):
            await _settled(client)
            assert client.heard("alert_triggered") == []


async def test_an_alert_that_was_rolled_back_is_not_told(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await alert(owner_engine, person.id, "above", "105")
    async with ear(url, await token_of(sockets, owner_engine, person)) as client:
        await client.ask("subscribe_alerts")
        with pytest.raises(ZeroDivisionError):
            await _swept_in_vain(worker_engine, "106")
        assert await _fired(worker_engine, "107", 1) == 1
        assert (await client.hear("alert_triggered"))["price"] == 107.0
        await _settled(client)
        assert client.heard("alert_triggered") == []


async def _swept_in_vain(worker: AsyncEngine, price: str) -> None:
    async with transaction(worker) as session:
        assert len(await alerts.sweep(session, [quote(price)], [True], NOON)) == 1
        raise ZeroDivisionError


async def test_a_wire_is_told_to_its_customer_and_to_officers(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    everybody = await people(owner_engine)
    mine = as_person(everybody.customer)
    officer, operations = await add_officer(owner_engine), await add_officer(owner_engine, "operations")
    nobody = as_person(everybody.operations, "admin")
    async with (
        ear(url, await token_of(sockets, owner_engine, mine)) as customer,
        ear(url, await token_of(sockets, owner_engine, officer)) as desk,
        ear(url, await token_of(sockets, owner_engine, operations)) as reader,
        ear(url, await token_of(sockets, owner_engine, await add_customer(owner_engine))) as stranger,
        ear(url, await token_of(sockets, owner_engine, nobody, permissions={"admin:system"})) as unconcerned,
    ):
        wire = await ordered(api_engine, everybody)
        steps = ("pending", "clear"), ("cancelled", "clear")
        async with transaction(worker_engine) as session:
            await session.execute(text("UPDATE wire_transfers SET compliance_status = 'clear'"))
        async with transaction(api_engine, everybody.as_customer()) as session:
            await wires.cancel(session, wire.id, everybody.customer)
        for client in (desk, reader):
            told = [await client.hear("case_update") for _ in range(3)]
            assert [(each["status"], each["compliance_status"]) for each in told] == [("pending", "pending"), *steps]
            assert {(each["case"], each["id"], each["reference"]) for each in told} == {
                ("wire", str(wire.id), wire.end_to_end_id)
            }
        # What screening found, and that it found nothing, is not told to the customer.
        told = [await customer.hear("case_update") for _ in range(2)]
        assert [each["status"] for each in told] == ["pending", "cancelled"]
        assert all(set(each) == {"event_id", "case", "id", "status", "reference", "at"} for each in told)
        for client in (customer, desk, reader, stranger, unconcerned):
            await _settled(client)
            assert client.heard("case_update") == []


async def test_a_review_is_told_to_its_customer_and_to_officers(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    applicant = await kyc.applicant(owner_engine)
    await kyc.document(owner_engine, applicant)
    await kyc.document(owner_engine, applicant, "proof_of_address")
    officer, auditor = await add_officer(owner_engine), await add_officer(owner_engine, "auditor")
    async with (
        ear(url, await token_of(sockets, owner_engine, as_person(applicant))) as customer,
        ear(url, await token_of(sockets, owner_engine, officer)) as desk,
        ear(url, await token_of(sockets, owner_engine, auditor)) as unconcerned,
    ):
        case = await kyc.submitted(api_engine, applicant)
        await kyc.withdrawn(api_engine, case)
        for client in (customer, desk):
            told = [await client.hear("case_update") for _ in range(2)]
            assert [(each["case"], each["status"], each["number"]) for each in told] == [
                ("kyc", "submitted", 1),
                ("kyc", "expired", 1),
            ]
            assert {each["id"] for each in told} == {str(case.id)}
        await _settled(unconcerned)
        assert unconcerned.heard("case_update") == []


async def test_a_review_that_the_bank_holds_by_itself_is_told_to_officers_alone(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person, officer = await add_customer(owner_engine), await add_officer(owner_engine)
    async with (
        ear(url, await token_of(sockets, owner_engine, person)) as customer,
        ear(url, await token_of(sockets, owner_engine, officer)) as desk,
    ):
        async with transaction(worker_engine) as session:
            assert await life.open_for_hits(session, [person.id], Restriction.NONE) == 1
        assert (await desk.hear("case_update"))["case"] == "kyc"
        await _settled(customer)
        assert customer.heard("case_update") == []


async def _add(owner: AsyncEngine, kind: EventKind, user_id: UUID, *, told: bool = True) -> int:
    data = {"status": "pending", "compliance_status": "pending", "reference": "R", "number": 1}
    async with transaction(owner) as session:
        added = await session.execute(
            text(
                "INSERT INTO live_events (kind, user_id, told, subject_id, data)"
                " VALUES (:kind, :user_id, :told, uuidv7(), CAST(:data AS jsonb)) RETURNING id"
            ),
            {"kind": kind, "user_id": user_id, "told": told, "data": json.dumps(data)},
        )
        return int(added.scalar_one())


async def test_rows_and_sockets_show_the_same_to_everybody(owner_engine: AsyncEngine, api_engine: AsyncEngine) -> None:
    persons = [
        await add_customer(owner_engine),
        *[
            await add_officer(owner_engine, preset)
            for preset in ("compliance_officer", "operations", "auditor", "super_admin")
        ],
    ]
    added = {
        await _add(owner_engine, kind, person.id, told=told)
        for kind in EventKind
        for person in persons
        for told in (True, False)
    }
    async with transaction(api_engine, FAN_OUT) as session:
        position = realtime.Position(0)
        events, _ = await realtime.read(session, position, people=(), kinds=tuple(EventKind))
        tables = await session.execute(text("SELECT count(*) FROM users UNION ALL SELECT count(*) FROM sessions"))
        assert list(tables.scalars()) == [0, 0]
    assert {event.id for event in events} == added
    for person in persons:
        async with transaction(api_engine, person.principal) as session:
            shown, _ = await realtime.missed(session, after=None, cursor=realtime.Cursor(), limit=1000)
        viewer = Viewer(id=person.id, role=person.role, permissions=permissions_of(person.role, person.preset))
        assert {event.id for event in shown} == {event.id for event in events if viewer.may_see(event)}


async def test_what_commits_late_is_neither_lost_nor_told_twice(
    database: Database, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    row = (
        "INSERT INTO live_events (kind, user_id, told, subject_id, data)"
        " VALUES ('kyc', %s, true, uuidv7(), '{}') RETURNING id"
    )
    heard: list[int] = []
    with psycopg.connect(database.owner_url) as slow, psycopg.connect(database.owner_url) as quick:
        async with transaction(api_engine, FAN_OUT) as session:
            position = await realtime.begin(session)

        async def look() -> list[int]:
            nonlocal position
            async with transaction(api_engine, FAN_OUT) as reading:
                events, position = await realtime.read(reading, position, people=[person.id], kinds=())
            heard.extend(event.id for event in events)
            return [event.id for event in events]

        def write(connection: psycopg.Connection) -> int:
            found = connection.execute(row, (person.id,)).fetchone()
            assert found is not None
            return int(found[0])

        late, early = write(slow), write(quick)
        assert late < early
        assert await look() == []
        quick.commit()
        assert await look() == [early]
        assert await look() == []
        more = write(quick)
        quick.commit()
        slow.commit()
        assert set(await look()) == {late, more}
        assert await look() == []
        assert len(heard) == len(set(heard)) == 3
        # Whoever heard of the early one last can read all that came to be seen after it.
        async with transaction(api_engine, person.principal) as session:
            missed, _ = await realtime.missed(session, after=early, cursor=realtime.Cursor(), limit=10)
        assert {event.id for event in missed} == {late, more}


async def test_a_long_transaction_of_events_is_read_in_pages(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "BATCH", 7)
    person = await add_customer(owner_engine)
    async with transaction(api_engine, FAN_OUT) as session:
        position = await realtime.begin(session)
    async with transaction(owner_engine) as session:
        await session.execute(
            text(
                "INSERT INTO live_events (kind, user_id, told, subject_id, data)"
                " SELECT 'kyc', :id, true, uuidv7(), jsonb_build_object('n', n) FROM generate_series(1, 50) n"
            ),
            {"id": person.id},
        )
    async with transaction(api_engine, FAN_OUT) as session:
        events, position = await realtime.read(session, position, people=[person.id], kinds=())
        assert [event.data["n"] for event in events] == list(range(1, 51))
        assert (await realtime.read(session, position, people=[person.id], kinds=()))[0] == []
    pages, cursor = [], realtime.Cursor()
    while True:
        async with transaction(api_engine, person.principal) as session:
            page, more = await realtime.missed(session, after=events[9].id, cursor=cursor, limit=15)
        pages.append([event.data["n"] for event in page])
        if more is None:
            break
        cursor = more
    assert [len(page) for page in pages] == [15, 15, 10]
    assert [number for page in pages for number in page] == list(range(11, 51))


async def test_what_was_missed_is_read_by_the_api(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await alert(owner_engine, person.id, "crosses", "104.5", repeat=True, cooldown=timedelta(minutes=1))
    token = await token_of(sockets, owner_engine, person)
    async with ear(url, token) as client:
        await client.ask("subscribe_alerts")
        assert await _fired(worker_engine, "106", 0) == 1
        last = await client.hear("alert_triggered")
    for minute, price in enumerate(("104", "106", "104"), start=2):
        assert await _fired(worker_engine, price, 2 * minute) == 1
    async with AsyncClient(base_url=url, headers=bearer(token)) as http:
        answered = await http.get(API, params={"after": last["event_id"], "limit": 2})
        first = answered.json()
        assert (answered.status_code, first["complete"]) == (200, True)
        assert [(one["event"], one["number"]) for one in first["data"]] == [
            ("alert_triggered", 2),
            ("alert_triggered", 3),
        ]
        rest = (
            await http.get(API, params={"after": last["event_id"], "limit": 2, "cursor": first["next_cursor"]})
        ).json()
        assert ([one["number"] for one in rest["data"]], rest["next_cursor"]) == ([4], None)
        everything = (await http.get(API)).json()
        assert [one["number"] for one in everything["data"]] == [1, 2, 3, 4]
        assert {key: value for key, value in everything["data"][0].items() if key != "event"} == last
        unknown = (await http.get(API, params={"after": last["event_id"] + 1_000_000})).json()
        assert (unknown["complete"], len(unknown["data"])) == (False, 4)
        for wrong in ({"after": "x"}, {"after": -1}, {"cursor": "1"}, {"cursor": "9" * 40 + "-1"}, {"limit": 0}):
            assert (await http.get(API, params=wrong)).status_code == 422
    stranger = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with AsyncClient(base_url=url) as http:
        assert (await http.get(API)).status_code == 401
        assert (await http.get(API, headers=bearer(stranger))).json()["data"] == []


async def test_events_are_forgotten_after_a_week(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    await _add(owner_engine, EventKind.KYC, person.id)
    async with transaction(owner_engine) as session:
        written = (await session.execute(text("SELECT at FROM live_events"))).scalar_one()
    steps, run = UpkeepSteps(worker_engine), ActivityEnvironment().run
    for after, removed in ((EVENTS_KEPT, 0), (EVENTS_KEPT + timedelta(seconds=1), 1)):
        assert (await run(steps.clean_up_data, UpkeepStep(at=written + after))).events == removed


async def test_a_lost_listener_comes_back_and_catches_up(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, worker_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that no look after a silence helps.
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 3600)
    person = await add_customer(owner_engine)
    await alert(owner_engine, person.id, "crosses", "104.5", repeat=True, cooldown=timedelta(minutes=1))
    async with ear(url, await token_of(sockets, owner_engine, person)) as client:
        await client.ask("subscribe_alerts")
        for turn, price in enumerate(("106", "104", "106", "104")):
            async with transaction(owner_engine) as session:
                killed = await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'aurum-api-bell' AND datname = current_database()"
                    )
                )
                assert list(killed.scalars()) == [True] or turn
            # Fired while nobody listens, as like as not.
            assert await _fired(worker_engine, price, 2 * turn) == 1
            assert (await client.hear("alert_triggered"))["number"] == turn + 1
        await _settled(client)
        assert client.heard("alert_triggered") == []


async def test_a_frozen_person_is_found_without_a_bell(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SILENCE_SECONDS", 0.2)
    person = await add_customer(owner_engine)
    async with ear(url, await token_of(sockets, owner_engine, person)) as client:
        async with transaction(owner_engine) as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(text("UPDATE users SET status = 'frozen' WHERE id = :id"), {"id": person.id})
        assert (await client.hear("closing"))["code"] == "customer_frozen"
        await client.ended()


def test_amounts_of_prices_are_told_exactly() -> None:
    event = LiveEvent.model_validate(
        {
            "id": 1,
            "at": NOON,
            "kind": "alert",
            "user_id": UUID(int=1),
            "told": True,
            "subject_id": UUID(int=2),
            "data": {
                "number": 1,
                "symbol": "XALDE",
                "condition": "above",
                "level": "105.000000",
                "price": "105.123400",
                "as_of": NOON.isoformat(),
            },
        }
    )
    viewer = Viewer(id=UUID(int=1), role="customer", permissions=CUSTOMER_PERMISSIONS)
    assert b'"level":105.00,"price":105.1234,' in written_json(told(event, viewer))
