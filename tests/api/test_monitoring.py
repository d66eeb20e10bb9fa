"""Cases of monitoring by HTTP: who sees them, how they end, and that nobody is tipped off."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.monitoring import DEFAULT_RULES, Structuring, Velocity
from tests.factories import accounts as make
from tests.factories.auth import bearer, sign_in, signed_in
from tests.factories.monitoring import forget_rules, moved, rules, run
from tests.factories.users import Person, add_customer, add_officer
from tests.factories.wire_desk import is_refusal

MONITORING = "/api/v1/admin/monitoring"
VELOCITY = Velocity(name="many", direction="out", hours=24, count=3)
SPLIT = Structuring(name="split", days=2, count=3, margin_percent=10, amounts={"EUR": 10_000}, two_people=True)
WHY = "Sold a car; the contract is there"


class Desk:
    """Officers, and a customer about whom rules have spoken."""

    def __init__(self, app: FastAPI, client: AsyncClient, owner: AsyncEngine, worker: AsyncEngine) -> None:
        self.app, self.client, self.owner, self.worker = app, client, owner, worker
        self.account = UUID(int=0)
        self.people: dict[str, Person] = {}

    async def open(self) -> None:
        """Everybody comes, and the customer has an account."""
        for name in ("oona", "pavel"):
            self.people[name] = await add_officer(self.owner)
        self.people["sigrid"] = await add_officer(self.owner, "senior_compliance_officer")
        self.people["mlro"] = await add_officer(self.owner, permissions=["admin:suspicion"])
        self.people["awa"] = await add_officer(self.owner, "auditor")
        self.people["otis"] = await add_officer(self.owner, "operations")
        self.people["ada"] = await add_customer(self.owner)
        async with transaction(self.owner) as session:
            self.account = await make.account(session, self.people["ada"].id, 10**9)
        await run(self.worker)

    async def spoken(self, *chosen: Any, minor: int = -9500_00) -> None:
        """The customer does what rules speak of."""
        async with rules(self.owner, *chosen):
            for number in range(3):
                await moved(self.owner, self.account, minor, datetime.now(UTC) + timedelta(seconds=number))
            await run(self.worker)

    async def case(self, *chosen: Any) -> str:
        """The case that comes of it; its id."""
        await self.spoken(*chosen)
        return str((await self.got("oona"))["data"][0]["id"])

    async def asked(self, who: str, method: str, path: str, body: Any = None) -> Response:
        """Somebody asks the API."""
        person = self.people[who]
        if who == "mlro":
            # Signed in by the front door, since their token has a permission beside their preset's.
            headers = bearer((await sign_in(self.client, person))["tokens"]["accessToken"])
        else:
            headers = await signed_in(self.app, self.owner, person)
        return await self.client.request(method, f"{MONITORING}{path}", json=body, headers=headers)

    async def got(self, who: str, path: str = "/cases") -> Any:
        """What somebody reads."""
        answered = await self.asked(who, "GET", path)
        assert answered.status_code == 200, answered.text
        return answered.json()

    async def closed(
        self, who: str, case_id: str, outcome: str = "explained", alerts: int = 1, **more: Any
    ) -> Response:
        """Somebody closes a case."""
        body = {"outcome": outcome, "reason": WHY, "alerts": alerts} | more
        return await self.asked(who, "PUT", f"/cases/{case_id}/close", body)


@pytest.fixture
async def desk(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> Desk:
    made = Desk(app, client, owner_engine, worker_engine)
    await made.open()
    return made


async def _rows(desk: Desk, what: str) -> list[Any]:
    async with transaction(desk.owner) as session:
        return list((await session.execute(text(what))).all())


async def test_a_case_is_read_claimed_commented_and_explained(desk: Desk) -> None:
    async with rules(desk.owner, VELOCITY):
        for number in range(3):
            at = datetime(2026, 6, 10, 12 + number, tzinfo=UTC)
            await moved(desk.owner, desk.account, -100_00, at, description=f"Rent {number}")
        await run(desk.worker)
        (line,) = (await desk.got("oona"))["data"]
        case = await desk.got("oona", f"/cases/{line['id']}")
    (alert,) = case["alerts_found"]
    assert alert["explanation"] == (
        "3 outgoing movements of 300.00 EUR in all within 24 hours; the rule speaks from 3 movements on."
    )
    assert [(one["description"], one["amount"]) for one in alert["evidence"]] == [
        ("Rent 2", -100), ("Rent 1", -100), ("Rent 0", -100),
    ]  # fmt: skip
    assert (line["customer_name"], line["alerts"], line["two_people"], line["rules"]) == (
        "Mira Example", 1, False, ["many"],
    )  # fmt: skip
    claimed = await desk.asked("oona", "PUT", f"/cases/{line['id']}/claim")
    assert claimed.json()["assignee_id"] == str(desk.people["oona"].id)
    assert (await desk.got("oona", "/cases?mine=true"))["total"] == 1
    assert (await desk.got("pavel", "/cases?mine=true"))["total"] == 0
    assert (await desk.asked("pavel", "DELETE", f"/cases/{line['id']}/claim")).json()["assignee_id"] is None
    commented = await desk.asked("oona", "POST", f"/cases/{line['id']}/comments", {"body": "Asked the branch"})
    assert commented.status_code == 201
    assert (await desk.closed("oona", line["id"])).json()["state"] == "closed"
    ended = await desk.got("mlro", f"/cases/{line['id']}")
    assert (ended["status"], ended["reason"]) == ("explained", WHY)
    assert [one["event"] for one in ended["events"]] == ["explained", "commented", "given_back", "claimed", "alerted"]
    assert (await desk.got("oona"))["total"] == 0
    assert (await desk.got("oona", "/cases?status=closed"))["total"] == 1
    assert (await desk.got("mlro", "/cases?status=explained"))["total"] == 1
    for act, path, body in (("PUT", "claim", None), ("POST", "comments", {"body": "x"})):
        is_refusal(await desk.asked("oona", act, f"/cases/{line['id']}/{path}", body), 409, "wrong_state")
    is_refusal(await desk.closed("oona", line["id"]), 409, "wrong_state")


async def test_some_cases_take_two_officers(desk: Desk) -> None:
    case_id = await desk.case(SPLIT)
    confirm = f"/cases/{case_id}/confirm"
    is_refusal(await desk.asked("pavel", "PUT", confirm, {"explanation": 1}), 409, "case_changed")
    assert (await desk.closed("oona", case_id)).json()["state"] == "awaiting_confirmation"
    is_refusal(await desk.asked("oona", "PUT", confirm, {"explanation": 1}), 403, "four_eyes")
    # Explained anew, it is another explanation.
    assert (await desk.closed("oona", case_id, reason="Sold two cars")).json()["state"] == "awaiting_confirmation"
    is_refusal(await desk.asked("pavel", "PUT", confirm, {"explanation": 1}), 409, "case_changed")
    assert (await desk.asked("pavel", "PUT", confirm, {"explanation": 2})).json()["state"] == "closed"
    case = await desk.got("mlro", f"/cases/{case_id}")
    assert (case["status"], case["reason"], case["ended_by"]) == (
        "explained", "Sold two cars", str(desk.people["pavel"].id),
    )  # fmt: skip


async def test_an_alert_that_comes_meanwhile_has_to_be_read(desk: Desk) -> None:
    case_id = await desk.case(SPLIT)
    assert (await desk.closed("oona", case_id)).json()["state"] == "awaiting_confirmation"
    await desk.spoken(VELOCITY)
    is_refusal(await desk.asked("pavel", "PUT", f"/cases/{case_id}/confirm", {"explanation": 1}), 409, "case_changed")
    is_refusal(await desk.closed("oona", case_id), 409, "case_changed")
    assert (await desk.got("oona", f"/cases/{case_id}"))["proposed_by"] is None
    assert (await desk.closed("oona", case_id, alerts=2)).status_code == 200


async def test_a_suspicion_is_there_for_few_and_nothing_tells_the_others(desk: Desk) -> None:
    first = await desk.case(SPLIT)
    assert (await desk.closed("oona", first, "suspicion")).json() == {"id": first, "state": "closed"}
    # Asked again by the same officer, whose answer was lost, it is the same.
    assert (await desk.closed("oona", first, "suspicion")).status_code == 200
    for who in ("oona", "pavel", "sigrid", "awa"):
        assert (await desk.got(who))["total"] == 0
        for status in ("explained", "escalated"):
            is_refusal(await desk.asked(who, "GET", f"/cases?status={status}"), 403, "permission_missing")
    seen = await desk.got("mlro", f"/cases/{first}")
    assert (seen["status"], [one["body"] for one in seen["suspicions"]]) == ("escalated", [WHY])
    assert (await desk.got("mlro", "/cases?status=escalated"))["total"] == 1
    # What comes later begins another case, as if there had been none.
    await desk.spoken(VELOCITY)
    (other,) = (await desk.got("pavel"))["data"]
    assert other["id"] != first
    assert other["alerts"] == 1
    assert (await desk.closed("oona", other["id"])).json()["state"] == "closed"
    lines = await _rows(
        desk,
        "SELECT action, new_values::text FROM audit_logs WHERE action LIKE '%close%' AND outcome = 'done' ORDER BY id",
    )
    assert len({(line.action, line.new_values) for line in lines}) == 1
    assert await _rows(desk, "SELECT FROM notifications") == []
    assert len(await _rows(desk, "SELECT FROM kyc_suspicions")) == 1


# What differs from case to case, whatever becomes of it.
_OF_ONE = {"id", "opened_at", "due_at", "ended_at", "alerts_found", "rules"}


async def test_a_closed_case_reads_the_same_whatever_it_came_to(desk: Desk) -> None:
    explained = await desk.case(SPLIT)
    assert (await desk.closed("oona", explained)).status_code == 200
    done = await desk.asked("pavel", "PUT", f"/cases/{explained}/confirm", {"explanation": 1})
    assert done.status_code == 200
    suspected = await desk.case(SPLIT.model_copy(update={"name": "split_again"}))
    assert (await desk.closed("oona", suspected, "suspicion")).status_code == 200
    for who in ("oona", "pavel", "sigrid", "awa"):
        listed = (await desk.got(who, "/cases?status=closed"))["data"]
        assert [(one["id"], one["status"]) for one in listed] == [(suspected, "closed"), (explained, "closed")]
        seen = [await desk.got(who, f"/cases/{case_id}") for case_id in (explained, suspected)]
        one, other = [{key: value for key, value in case.items() if key not in {*_OF_ONE, "events"}} for case in seen]
        assert one == other
        assert (one["reason"], one["ended_by"], one["explanation"], one["suspicions"]) == (None, None, 0, [])
        assert [[event["event"] for event in case["events"]] for case in seen] == [["alerted"], ["alerted"]]
        # The times of closing and confirming would tell.
        log = await desk.asked(who, "GET", "/../audit-logs?resource_type=monitoring_case")
        assert (log.status_code, log.json()["total"]) == (200, 0), log.text
    assert (await desk.asked("mlro", "GET", "/../audit-logs?resource_type=monitoring_case")).json()["total"] > 0
    for case_id in (explained, suspected):
        is_refusal(await desk.closed("pavel", case_id, "suspicion"), 409, "wrong_state")
        is_refusal(await desk.closed("pavel", case_id), 409, "wrong_state")
        for act, path, body in (
            ("PUT", "confirm", {"explanation": 1}), ("PUT", "claim", None), ("POST", "comments", {"body": "x"}),
        ):  # fmt: skip
            is_refusal(await desk.asked("pavel", act, f"/cases/{case_id}/{path}", body), 409, "wrong_state")
    # Whoever is on the desk and may know sees all of it.
    told = await desk.got("mlro", f"/cases/{explained}")
    assert (told["status"], told["reason"], [event["event"] for event in told["events"]]) == (
        "explained", WHY, ["explained", "proposed", "alerted"],
    )  # fmt: skip


async def test_it_is_for_officers_and_auditors_and_never_for_its_customer(desk: Desk) -> None:
    case_id = await desk.case(VELOCITY)
    for who in ("otis", "ada"):
        for path in ("/cases", f"/cases/{case_id}", "/rulebooks"):
            is_refusal(await desk.asked(who, "GET", path), 403, "permission_missing")
    assert (await desk.got("awa", f"/cases/{case_id}"))["id"] == case_id
    is_refusal(await desk.asked("awa", "PUT", f"/cases/{case_id}/claim"), 403, "permission_missing")
    is_refusal(await desk.closed("awa", case_id), 403, "permission_missing")
    # Who reads a case is kept.
    reads = await _rows(
        desk, "SELECT user_id FROM audit_logs WHERE action LIKE '%read_monitoring_case' AND outcome = 'done'"
    )
    assert [row.user_id for row in reads] == [desk.people["awa"].id]


async def test_nobody_decides_about_themselves(desk: Desk) -> None:
    case_id = await desk.case(VELOCITY)
    async with transaction(desk.owner) as session:
        await session.execute(
            text("UPDATE users SET role = 'admin', preset = 'compliance_officer' WHERE id = :id"),
            {"id": desk.people["ada"].id},
        )
    desk.people["ada"] = Person(
        desk.people["ada"].id, desk.people["ada"].email, desk.people["ada"].password, "admin", "compliance_officer"
    )
    assert (await desk.got("ada"))["total"] == 0
    is_refusal(await desk.asked("ada", "GET", f"/cases/{case_id}"), 404, "not_found")
    is_refusal(await desk.closed("ada", case_id), 404, "not_found")


async def test_an_explanation_silences_the_rule_for_a_while_and_no_longer(desk: Desk) -> None:
    case_id = await desk.case(VELOCITY)
    assert (await desk.closed("oona", case_id, snooze_days=91)).status_code == 422
    assert (await desk.closed("oona", case_id, snooze_days=30)).status_code == 200
    async with rules(desk.owner, VELOCITY, SPLIT):
        for days, minor in ((20, -100_00), (40, -100_00)):
            for number in range(3):
                at = datetime.now(UTC) + timedelta(days=days, seconds=number)
                await moved(desk.owner, desk.account, minor, at)
        await run(desk.worker)
    found = await _rows(desk, "SELECT happened_at FROM monitoring_alerts ORDER BY happened_at")
    assert len(found) == 2
    assert found[1].happened_at > datetime.now(UTC) + timedelta(days=39)


async def test_many_who_close_at_once_close_it_once(desk: Desk) -> None:
    case_id = await desk.case(VELOCITY)
    answers = await asyncio.gather(
        *(desk.closed(who, case_id, what) for who in ("oona", "pavel") for what in ("explained", "suspicion") * 2)
    )
    (case,) = await _rows(desk, "SELECT status FROM monitoring_cases")
    ended = [one for one in answers if one.status_code == 200]
    suspicions = len(await _rows(desk, "SELECT FROM kyc_suspicions"))
    assert (case.status, suspicions) in {("explained", 0), ("escalated", 1)}
    # Who has reported a suspicion may ask twice.
    assert 1 <= len(ended) <= 2
    assert {one.status_code for one in answers} <= {200, 404, 409}


async def test_rules_are_proposed_by_one_and_published_by_a_senior_other(desk: Desk) -> None:
    body = {"rules": [VELOCITY.model_dump(mode="json", exclude_none=True)], "note": "Fewer of them"}
    made = await desk.asked("sigrid", "POST", "/rulebooks", body)
    assert made.status_code == 201, made.text
    version = made.json()["version"]
    try:
        assert made.json()["decides"] is False
        publish = f"/rulebooks/{version}/publish"
        is_refusal(await desk.asked("sigrid", "POST", publish), 403, "four_eyes")
        is_refusal(await desk.asked("oona", "POST", publish), 403, "permission_missing")
        other = (await desk.asked("oona", "POST", "/rulebooks", body)).json()["version"]
        done = await desk.asked("sigrid", "POST", f"/rulebooks/{other}/publish")
        assert (done.status_code, done.json()["decides"]) == (200, True)
        is_refusal(await desk.asked("sigrid", "POST", f"/rulebooks/{other}/publish"), 409, "wrong_state")
        desk.people["late"] = await add_officer(desk.owner, "senior_compliance_officer")
        is_refusal(await desk.asked("late", "POST", publish), 409, "wrong_state")
        told = (await desk.got("awa", "/rulebooks"))["data"]
        assert [(one["version"], one["decides"]) for one in told[:2]] == [(other, True), (version, False)]
    finally:
        await forget_rules(desk.owner, version)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "velocity", "name": "many", "hours": 24},
        {"kind": "velocity", "name": "many", "hours": 0, "count": 3},
        {"kind": "structuring", "name": "split", "days": 1, "count": 3, "margin_percent": 10, "amounts": {"XXX": 1}},
        {"kind": "structuring", "name": "split", "days": 1, "count": 3, "margin_percent": 10, "amounts": {}},
        {"kind": "round_amounts", "name": "r", "days": 1, "count": 3, "amounts": {"EUR": 1000}},
        {"kind": "round_amounts", "name": "round", "days": 1, "count": 3, "amounts": {"EUR": 1}, "zone": "Mars/Base"},
        {"kind": "dormant", "name": "asleep", "days": 180, "amounts": {"EUR": 0}},
        {"kind": "luck", "name": "luck"},
    ],
)
async def test_rules_that_mean_nothing_are_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    answered = await desk.asked("oona", "POST", "/rulebooks", {"rules": [wrong], "note": "n"})
    is_refusal(answered, 422, "invalid_request")


async def test_what_is_shipped_is_what_decides_first(desk: Desk) -> None:
    (first,) = (await desk.got("oona", "/rulebooks"))["data"]
    assert (first["version"], first["note"], first["decides"]) == (1, "As shipped", True)
    assert [one["name"] for one in first["rules"]] == [rule.name for rule in DEFAULT_RULES.rules]
