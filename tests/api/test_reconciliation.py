"""How the bank's books and ours stand, by HTTP: who sees it, and who explains a break with whom."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from activities.reconciliation import ReconciliationSteps
from infra.database import Principal, transaction
from infra.providers.bank import FolderChannel
from models.tables import calendars
from models.upkeep import RunStep
from tests.factories.auth import signed_in
from tests.factories.bank_statements import MONDAY, OPENING, booked, line, statement
from tests.factories.counterparty import NOSTRO
from tests.factories.users import Person, add_customer, add_officer

RECONCILIATION = "/api/v1/admin/reconciliation"
LARGE = 1_000_000


class Office:
    """Two of operations, and a bank whose statement has a small and a large entry that we do not know."""

    def __init__(self, app: FastAPI, client: AsyncClient, owner: AsyncEngine, people: list[Person]) -> None:
        self.app, self.client, self.owner, self.people = app, client, owner, people

    async def get(self, path: str = "", who: int = 0) -> Any:
        """What one of them reads."""
        answered = await self.client.get(
            RECONCILIATION + path, headers=await signed_in(self.app, self.owner, self.people[who])
        )
        assert answered.status_code == 200, answered.text
        told = answered.json()
        return told["data"] if path.startswith("/breaks") else told

    async def act(self, what: dict[str, Any], act: str, who: int = 0, **body: Any) -> Response:
        """What one of them does to a break."""
        return await self.client.post(
            f"{RECONCILIATION}/breaks/{what['id']}/{act}",
            json=body,
            headers=await signed_in(self.app, self.owner, self.people[who]),
        )

    async def banking_days_since(self, day: date) -> int:
        """How old what happened on `day` is."""
        async with transaction(self.owner) as session:
            hours = await calendars.rail_hours(session, "USD")
        today = hours.business_day(datetime.now(UTC))
        days = (day + timedelta(days=later) for later in range(1, (today - day).days + 1))
        return len([one for one in days if hours.is_business_day(one)])

    async def large(self) -> dict[str, Any]:
        """The large break, open."""
        found: dict[str, Any] = next(one for one in await self.get("/breaks") if one["two_people"])
        return found


@pytest.fixture
async def office(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Office:
    (tmp_path / "inbox").mkdir()
    await booked(owner_engine, -50)
    content = statement(line(-300), line(-LARGE), line(-50), closing=OPENING - LARGE - 350)
    (tmp_path / "inbox" / "a.xml").write_bytes(content)
    await BankInbox(worker_engine, FolderChannel(tmp_path / "outbox", tmp_path / "inbox")).read_waiting()
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE bank_statements SET received_at = '2026-11-20'"))
        await calendars.top_up(session, MONDAY)
    steps = ReconciliationSteps(worker_engine, NOSTRO, always_open=True)
    await steps.reconcile(RunStep(at=datetime(2026, 11, 23, 12, tzinfo=UTC), run="test"))
    everybody = [await add_officer(owner_engine, "operations") for _ in range(2)]
    return Office(app, client, owner_engine, everybody)


async def test_each_account_and_statement_with_its_breaks(office: Office) -> None:
    told = await office.get()
    (account,) = told["accounts"]
    assert account == {
        "account": NOSTRO["USD"],
        "currency": "USD",
        "day": str(MONDAY),
        "theirs": -3.5,
        "ours": -0.5,
        "not_in_ours": -10003.0,
        "not_in_theirs": 0.0,
        "open_breaks": 2,
    }
    (day,) = told["statements"]
    assert (day["entries"], day["matched"], day["open_breaks"], day["sequence"]) == (3, 1, 2, 1)
    assert told["open_breaks"] == 2
    assert (await office.get("?account=NL00NOWHERE"))["accounts"] == []


async def test_one_person_explains_a_small_break_and_it_is_over(office: Office) -> None:
    (small,) = [one for one in await office.get("/breaks") if not one["two_people"]]
    assert (small["kind"], small["theirs"], small["ours"]) == ("not_in_ours", -3.0, None)
    assert small["age"] == await office.banking_days_since(MONDAY)
    assert (await office.act(small, "explain", reason="x")).status_code == 422
    done = (await office.act(small, "explain", reason="Their fee")).json()
    assert (done["status"], done["reason"], done["confirmed_by"]) == ("explained", "Their fee", None)
    assert (await office.act(small, "explain", reason="Another one")).json()["code"] == "wrong_state"
    assert [one["status"] for one in await office.get("/breaks?status=explained")] == ["explained"]
    assert len(await office.get("/breaks?status=open&kind=not_in_ours&account=" + NOSTRO["USD"].lower())) == 1


async def test_a_large_one_takes_two_who_mean_the_same_explanation(office: Office) -> None:
    large = await office.large()
    assert (await office.act(large, "confirm", who=1, explanation=1)).json()["code"] == "wrong_state"
    proposed = (await office.act(large, "explain", reason="A guess")).json()
    assert (proposed["status"], proposed["explanation"]) == ("open", 1)
    assert (await office.act(large, "confirm", explanation=1)).json()["code"] == "four_eyes"
    await office.act(large, "explain", reason="Known better")
    assert (await office.act(large, "confirm", who=1, explanation=1)).json()["code"] == "explanation_changed"
    done = (await office.act(large, "confirm", who=1, explanation=2)).json()
    assert (done["status"], done["reason"]) == ("explained", "Known better")
    assert done["confirmed_by"] == str(office.people[1].id)
    assert (await office.act(large, "confirm", who=1, explanation=2)).json()["code"] == "wrong_state"
    async with transaction(office.owner) as session:
        lines = await session.execute(
            text("SELECT count(*) FROM audit_logs WHERE resource_type = 'reconciliation_break' AND outcome = 'done'")
        )
    assert lines.scalar_one() == 3


async def test_two_who_act_at_once_leave_one_that_is_right(office: Office) -> None:
    large = await office.large()
    await office.act(large, "explain", reason="First")
    answers = await asyncio.gather(
        office.act(large, "explain", who=0, reason="Second"),
        *(office.act(large, "confirm", who=1, explanation=1) for _ in range(3)),
    )
    (now,) = [one for one in await office.get("/breaks?status=open&status=explained") if one["id"] == large["id"]]
    assert {answer.status_code for answer in answers} <= {200, 409}
    # Either the first was confirmed and the second came too late, or the other way round.
    assert (now["status"], now["explanation"]) in {("explained", 1), ("open", 2)}
    assert sum(answer.status_code == 200 for answer in answers) == 1


async def test_the_database_holds_to_it_whoever_asks(office: Office, api_engine: AsyncEngine) -> None:
    large = await office.large()
    first, second = (person.id for person in office.people)
    mine = f"proposal = 1, reason = 'why', proposed_by = '{first}', proposed_at = now()"
    for change in (
        f"{mine}, status = 'explained', ended_at = now()",
        f"{mine}, status = 'explained', ended_at = now(), confirmed_by = '{first}'",
        mine.replace(str(first), str(second)),
        "status = 'closed', ended_at = now()",
        "two_people = false",
        "theirs_minor = 0",
    ):
        principal = Principal(user_id=first, role="admin", permissions=frozenset({"admin:system"}))
        with pytest.raises(DBAPIError):
            async with transaction(api_engine, principal) as session:
                await session.execute(
                    text(f"UPDATE reconciliation_breaks SET {change} WHERE id = :id"),
                    {"id": large["id"]},
                )
    assert (await office.large())["explanation"] == 0


async def test_who_sees_it_and_who_acts(office: Office) -> None:
    large = await office.large()
    office.people[0] = await add_officer(office.owner, "auditor")
    assert (await office.get())["open_breaks"] == 2
    assert (await office.act(large, "explain", reason="because")).status_code == 403
    for stranger in (await add_officer(office.owner, "compliance_officer"), await add_customer(office.owner)):
        headers = await signed_in(office.app, office.owner, stranger)
        for path in ("", "/breaks"):
            assert (await office.client.get(RECONCILIATION + path, headers=headers)).status_code == 403
    office.people[0] = office.people[1]
    assert (await office.act(large | {"id": "00000000-0000-7000-8000-000000000009"}, "explain", reason="why")).json()[
        "code"
    ] == "not_found"
