"""Identity checks by HTTP: what customers and officers do, and who may do it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from activities.kyc import CheckSteps, KycDesk, ReviewSteps
from infra.database import transaction
from infra.settings import BankHours, Settings
from models.auth import PRESETS
from models.kyc.process import KycStep
from tests.factories import kyc as make
from tests.factories.auth import bearer, sign_in, signed_in
from tests.factories.users import Person, add_customer, add_officer
from tests.factories.wire_desk import is_refusal
from tests.factories.wires import sanctions_list

KYC = "/api/v1/kyc"
SAID = {"occupation": "employed", "source_of_funds": "salary", "expected_monthly_volume": 2500}
PROFILE = {
    "date_of_birth": datetime(1990, 5, 17, tzinfo=UTC).date(),
    "address": '{"town": "Utrecht", "country": "NL"}',
}
NOTHING = "00000000-0000-0000-0000-000000000000"


class Door:
    """The API, and behind it the steps of the process, one at a time."""

    def __init__(self, app: FastAPI, client: AsyncClient, owner: AsyncEngine, worker: AsyncEngine) -> None:
        self.app, self.client, self.owner = app, client, owner
        kyc = KycDesk.of(Settings(_env_file=None, bank_hours=BankHours.ALWAYS), worker)
        self.checks, self.reviews = CheckSteps(kyc), ReviewSteps(kyc)

    async def newcomer(self, **columns: Any) -> tuple[Person, dict[str, str]]:
        """A customer who has not begun."""
        columns = {**PROFILE, **columns}
        address = columns.pop("address")
        person = await add_customer(self.owner, kyc_status="not_started", **columns)
        async with transaction(self.owner) as session:
            await session.execute(
                text("UPDATE users SET address = CAST(:address AS jsonb) WHERE id = :id"),
                {"address": address, "id": person.id},
            )
        return person, await signed_in(self.app, self.owner, person)

    async def officer(self, preset: str = "compliance_officer", **columns: Any) -> dict[str, str]:
        """Somebody of the staff, signed in."""
        return await signed_in(self.app, self.owner, await add_officer(self.owner, preset, **columns))

    async def applied(self, **columns: Any) -> tuple[Person, dict[str, str], str]:
        """Somebody whose application is with the officers; the review's id."""
        person, headers = await self.newcomer(**columns)
        await make.document(self.owner, person.id)
        answered = await self.submit(headers)
        assert answered.status_code == 201, answered.text
        case_id = answered.json()["review"]["id"]
        await self.checked(case_id)
        return person, headers, case_id

    async def submit(self, headers: dict[str, str], tier: str = "standard", **said: Any) -> Response:
        """Somebody submits."""
        body = {"tier": tier, "declaration": {**SAID, **said}}
        return await self.client.post(f"{KYC}/submit", json=body, headers=headers)

    async def checked(self, case_id: str) -> None:
        """The step that checks."""
        await self.checks.check(KycStep(case_id=UUID(case_id), at=datetime.now(UTC)))

    async def status(self, headers: dict[str, str]) -> dict[str, Any]:
        """The check as its customer sees it."""
        answered = await self.client.get(f"{KYC}/status", headers=headers)
        assert answered.status_code == 200, answered.text
        shown: dict[str, Any] = answered.json()
        return shown

    async def put(self, case_id: str, what: str, headers: dict[str, str], **body: Any) -> Response:
        """Somebody acts on a review."""
        return await self.client.put(f"{KYC}/cases/{case_id}/{what}", json=body, headers=headers)

    async def case(self, case_id: str, headers: dict[str, str]) -> dict[str, Any]:
        """The review as an officer sees it."""
        answered = await self.client.get(f"{KYC}/cases/{case_id}", headers=headers)
        assert answered.status_code == 200, answered.text
        shown: dict[str, Any] = answered.json()
        return shown


@pytest.fixture
async def door(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> Door:
    await sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine)


async def test_the_status_says_what_to_do_next(door: Door) -> None:
    person, headers = await door.newcomer(date_of_birth=None)
    shown = await door.status(headers)
    assert (shown["status"], shown["next_step"], shown["profile_missing"]) == (
        "not_started", "complete_profile", ["date_of_birth"],
    )  # fmt: skip
    refused = await door.submit(headers)
    is_refusal(refused, 400, "profile_incomplete")
    assert refused.json()["missing"] == ["date_of_birth"]
    put = await door.client.put("/api/v1/users/me", json={"date_of_birth": "1990-05-17"}, headers=headers)
    assert put.status_code == 200, put.text
    assert (await door.status(headers))["next_step"] == "upload"
    refused = await door.submit(headers)
    is_refusal(refused, 400, "documents_missing")
    assert [one["name"] for one in refused.json()["missing"]] == ["identity"]
    await make.document(door.owner, person.id)
    shown = await door.status(headers)
    assert (shown["status"], shown["next_step"], shown["missing"]) == ("pending", "submit", [])
    assert (await door.submit(headers)).status_code == 201
    shown = await door.status(headers)
    assert (shown["status"], shown["next_step"], shown["review"]["may_withdraw"]) == ("submitted", "wait", True)
    is_refusal(await door.submit(headers), 409, "wrong_state")
    alias = await door.client.get("/api/v1/users/kyc/status", headers=headers)
    assert alias.json() == shown


async def test_an_approved_customer_can_open_an_account(door: Door) -> None:
    _, headers, case_id = await door.applied()
    order = {"account_type": "checking", "currency": "EUR"}
    is_refusal(await door.client.post("/api/v1/accounts", json=order, headers=headers), 403, "kyc_in_review")
    officer = await door.officer()
    listed = (await door.client.get(f"{KYC}/cases", headers=officer)).json()
    assert [one["id"] for one in listed["data"]] == [case_id]
    claimed = await door.put(case_id, "claim", officer)
    assert claimed.status_code == 200, claimed.text
    done = await door.put(case_id, "approve", officer)
    assert (done.status_code, done.json()["status"]) == (200, "approved"), done.text
    assert (await door.status(headers))["next_step"] == "nothing"
    assert (await door.client.post("/api/v1/accounts", json=order, headers=headers)).status_code == 201
    assert (await door.client.get(f"{KYC}/cases", headers=officer)).json()["total"] == 0
    assert (await door.client.get(f"{KYC}/cases?status=approved", headers=officer)).json()["total"] == 1


async def test_a_question_goes_to_the_customer_and_the_answer_back(door: Door) -> None:
    person, headers, case_id = await door.applied()
    officer = await door.officer()
    asked = await door.put(
        case_id, "request-info", officer, question="Where do you live?", documents=["proof_of_address"]
    )
    assert asked.json()["status"] == "info_requested", asked.text
    is_refusal(await door.put(case_id, "approve", officer), 409, "wrong_state")
    shown = await door.status(headers)
    assert (shown["next_step"], shown["question"]["documents"]) == ("answer", ["proof_of_address"])
    await make.document(door.owner, person.id, "proof_of_address")
    told = await door.put(case_id, "info", headers, answer="In Utrecht")
    assert told.json()["status"] == "submitted", told.text
    await door.checked(case_id)
    case = await door.case(case_id, officer)
    assert (case["status"], case["questions"][0]["answer"]) == ("in_review", "In Utrecht")
    assert {one["document_type"] for one in case["documents"]} == {"passport", "proof_of_address"}


async def test_what_changed_is_checked_again_and_the_officer_is_told(door: Door) -> None:
    person, _, case_id = await door.applied()
    officer = await door.officer()
    await make.document(door.owner, person.id, "national_id")
    assert (await door.case(case_id, officer))["stale"] is True
    is_refusal(await door.put(case_id, "approve", officer), 409, "content_changed")
    assert (await door.case(case_id, officer))["status"] == "submitted"
    await door.checked(case_id)
    assert (await door.put(case_id, "approve", officer)).json()["status"] == "approved"


async def test_a_claimed_review_is_decided_by_its_claimant_or_a_senior(door: Door) -> None:
    _, _, case_id = await door.applied()
    one, two = await door.officer(), await door.officer()
    senior = await door.officer("senior_compliance_officer")
    await door.put(case_id, "claim", one)
    for what, body in (("claim", {}), ("approve", {}), ("reject", {"reason": "outside_policy"})):
        is_refusal(await door.put(case_id, what, two, **body), 409, "wrong_state")
    assert (await door.put(case_id, "claim", one)).status_code == 200
    assert (await door.put(case_id, "claim", senior)).json()["assignee_id"] != NOTHING
    is_refusal(await door.put(case_id, "approve", one), 409, "wrong_state")
    assert (await door.put(case_id, "approve", senior)).json()["status"] == "approved"


async def test_a_refused_customer_may_come_again_only_where_it_can_be_cured(door: Door) -> None:
    _, headers, case_id = await door.applied()
    officer = await door.officer()
    await door.put(case_id, "reject", officer, reason="documents_unreadable", comment="a photo of a screen")
    assert (await door.status(headers))["next_step"] == "speak_to_us"
    again = await door.submit(headers)
    assert again.status_code == 201, again.text
    case_id = again.json()["review"]["id"]
    await door.checked(case_id)
    await door.put(case_id, "reject", officer, reason="outside_policy")
    is_refusal(await door.submit(headers), 403, "kyc_rejected")


SECRET = "He pays in cash from nobody knows where"


async def test_customers_see_nothing_of_what_the_bank_thinks(door: Door) -> None:
    _, headers, case_id = await door.applied(first_name="Viktor", last_name="Grimsholm")
    officer = await door.officer()
    for suspicion in (True, False):
        noted = await door.client.post(
            f"{KYC}/cases/{case_id}/notes", json={"body": SECRET, "suspicion": suspicion}, headers=officer
        )
        assert noted.status_code == 201, noted.text
    shown = await door.client.get(f"{KYC}/status", headers=headers)
    told = shown.text.lower()
    assert not any(word in told for word in ("hit", "risk", "note", "grimsholm", "ad-1", "cash", "suspic", "officer"))
    is_refusal(await door.client.get(f"{KYC}/cases/{case_id}", headers=headers), 403, "permission_missing")


async def test_a_suspicion_is_seen_by_those_alone_who_may(door: Door) -> None:
    _, _, case_id = await door.applied()
    officer = await door.officer()
    noted = await door.client.post(
        f"{KYC}/cases/{case_id}/notes", json={"body": SECRET, "suspicion": True}, headers=officer
    )
    assert SECRET not in noted.text
    for preset in ("compliance_officer", "senior_compliance_officer"):
        case = await door.case(case_id, await door.officer(preset))
        assert (case["suspicions"], case["notes"]) == ([], [])
        assert SECRET not in str(case)
    reporting = await add_officer(door.owner, permissions=["admin:suspicion"])
    narrow = bearer((await sign_in(door.client, reporting))["tokens"]["accessToken"])
    assert [one["body"] for one in (await door.case(case_id, narrow))["suspicions"]] == [SECRET]
    # And the audit log tells a suspicion from no note.
    async with transaction(door.owner) as session:
        lines = await session.execute(
            text("SELECT action, resource_type, new_values FROM audit_logs WHERE action LIKE '%note%'")
        )
        assert [tuple(line) for line in lines] == [("kyc.add_note", "kyc_case", {"note": "added"})]


READS = {"list": 200, "read": 200}
ACTS = ("claim", "approve", "reject", "request-info", "note")
DENIED = dict.fromkeys(("list", "read", *ACTS), 403)
RIGHTS: dict[str, dict[str, int]] = {
    "nobody": dict.fromkeys(("list", "read", *ACTS, "info", "withdraw"), 401),
    "its customer": {**DENIED, "info": 409, "withdraw": 200},
    "another customer": {**DENIED, "info": 404, "withdraw": 404},
    "compliance_officer": {**READS, **dict.fromkeys(ACTS, 200), "note": 201, "info": 404, "withdraw": 404},
    "senior_compliance_officer": {**READS, **dict.fromkeys(ACTS, 200), "note": 201, "info": 404, "withdraw": 404},
    "operations": {**DENIED, "info": 404, "withdraw": 404},
    "auditor": {**DENIED, "info": 404, "withdraw": 404},
    "super_admin": {**READS, **dict.fromkeys(ACTS, 200), "note": 201, "info": 404, "withdraw": 404},
}
BODIES: dict[str, dict[str, Any]] = {
    "reject": {"reason": "outside_policy"},
    "request-info": {"question": "Why?"},
    "info": {"answer": "Because"},
}


async def _does(door: Door, what: str, case_id: str, headers: dict[str, str]) -> Response:
    match what:
        case "list":
            return await door.client.get(f"{KYC}/cases", headers=headers)
        case "read":
            return await door.client.get(f"{KYC}/cases/{case_id}", headers=headers)
        case "note":
            return await door.client.post(f"{KYC}/cases/{case_id}/notes", json={"body": "Seen"}, headers=headers)
        case "withdraw":
            return await door.client.delete(f"{KYC}/cases/{case_id}", headers=headers)
        case _:
            return await door.put(case_id, what, headers, **BODIES.get(what, {}))


def test_every_preset_is_in_the_table() -> None:
    assert set(PRESETS) <= set(RIGHTS)


@pytest.mark.parametrize("who", RIGHTS)
async def test_rights(door: Door, who: str) -> None:
    for what, expected in RIGHTS[who].items():
        _, own, case_id = await door.applied()
        match who:
            case "nobody":
                headers = {}
            case "its customer":
                headers = own
            case "another customer":
                headers = (await door.newcomer())[1]
            case preset:
                headers = await door.officer(preset)
        async with transaction(door.owner) as session:
            before = (await session.execute(text("SELECT * FROM kyc_cases WHERE id = :id"), {"id": case_id})).one()
        answered = await _does(door, what, case_id, headers)
        assert answered.status_code == expected, (what, answered.text)
        if expected in {403, 404}:
            assert answered.json()["code"] in {"permission_missing", "not_found"}
        if expected >= 400:
            async with transaction(door.owner) as session:
                after = (await session.execute(text("SELECT * FROM kyc_cases WHERE id = :id"), {"id": case_id})).one()
            assert after == before


async def test_an_officer_does_not_decide_about_themselves(door: Door) -> None:
    person, _, case_id = await door.applied()
    # Somebody who was a customer before they joined the staff.
    async with transaction(door.owner) as session:
        await session.execute(
            text("UPDATE users SET role = 'super_admin', preset = 'super_admin' WHERE id = :id"), {"id": person.id}
        )
    chief = Person(person.id, person.email, person.password, "super_admin", "super_admin")
    headers = await signed_in(door.app, door.owner, chief)
    for what in ACTS:
        is_refusal(await _does(door, what, case_id, headers), 403, "four_eyes")
    listed = await door.client.get(f"{KYC}/cases", headers=headers)
    assert listed.json()["total"] <= 1


async def test_the_queue_is_filtered_and_in_the_order_of_deadlines(door: Door) -> None:
    _, _, first = await door.applied()
    _, _, urgent = await door.applied()
    officer = await door.officer()
    async with transaction(door.owner) as session:
        await session.execute(
            text("UPDATE kyc_cases SET sla_deadline = now() - interval '1 hour' WHERE id = :id"), {"id": urgent}
        )
    await door.put(first, "claim", officer)

    async def asked(query: str) -> list[str]:
        answered = await door.client.get(f"{KYC}/cases?{query}", headers=officer)
        assert answered.status_code == 200, answered.text
        return [one["id"] for one in answered.json()["data"]]

    assert await asked("") == [urgent, first]
    assert await asked("overdue=true") == [urgent]
    assert await asked("assignee=me") == [first]
    assert await asked("assignee=nobody") == [urgent]
    assert await asked("risk=high") == []
    assert await asked("occasion=initial&limit=1&page=2") == [first]
    assert await asked(f"customer_id={uuid7()}") == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"declaration": {}},
        {"declaration": SAID | {"occupation": "astronaut"}},
        {"declaration": SAID | {"expected_monthly_volume": -1}},
        {"declaration": SAID | {"expected_monthly_volume": 1.5}},
        {"declaration": SAID, "tier": "gold"},
        {"declaration": SAID, "status": "approved"},
        {"declaration": SAID | {"risk": "low"}},
    ],
)
async def test_what_cannot_be_read_is_said_and_stores_nothing(door: Door, body: dict[str, Any]) -> None:
    person, headers = await door.newcomer()
    await make.document(door.owner, person.id)
    is_refusal(await door.client.post(f"{KYC}/submit", json=body, headers=headers), 422, "invalid_request")
    assert (await door.status(headers))["status"] == "pending"


async def test_a_submission_sent_twice_is_one(door: Door) -> None:
    person, headers = await door.newcomer()
    await make.document(door.owner, person.id)
    keyed = headers | {"Idempotency-Key": "once"}
    first, second = await door.submit(keyed), await door.submit(keyed)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    async with transaction(door.owner) as session:
        assert (await session.execute(text("SELECT count(*) FROM kyc_cases"))).scalar_one() == 1
