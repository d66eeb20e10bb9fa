"""People for the staff: who finds them, who may freeze them or help them in, and what becomes of their sessions."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.accounts import account
from tests.factories.auth import age_session, letters, signed_in
from tests.factories.factors import enrolled
from tests.factories.users import Person, add_customer, add_officer

USERS = "/api/v1/admin/users"
WHY = {"reason": "Asked for by telephone, called back"}
ACTS = ("freeze", "unfreeze", "reset-2fa", "end-sessions")


class Staff:
    """Somebody of the staff at the door."""

    def __init__(self, app: FastAPI, client: AsyncClient, owner: AsyncEngine, preset: str) -> None:
        self._app, self._client, self._owner, self._preset = app, client, owner, preset
        self.person: Person | None = None
        self._headers: dict[str, str] = {}

    async def come(self) -> "Staff":
        self.person = await add_officer(self._owner, self._preset)
        self._headers = await signed_in(self._app, self._owner, self.person)
        return self

    async def find(self, **query: Any) -> dict[str, Any]:
        answered = await self._client.get(USERS, headers=self._headers, params=query)
        assert answered.status_code == 200, answered.text
        found: dict[str, Any] = answered.json()
        return found

    async def read(self, person: Person) -> Response:
        return await self._client.get(f"{USERS}/{person.id}", headers=self._headers)

    async def act(self, what: str, person: Person, body: dict[str, str] = WHY) -> Response:
        return await self._client.post(f"{USERS}/{person.id}/{what}", headers=self._headers, json=body)


@pytest.fixture
def staff(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Any:
    """Makes somebody of a preset."""
    return lambda preset: Staff(app, client, owner_engine, preset).come()


async def _status(owner: AsyncEngine, person: Person) -> str:
    async with transaction(owner) as session:
        row = await session.execute(text("SELECT status FROM users WHERE id = :id"), {"id": person.id})
        return str(row.scalar_one())


async def test_people_are_found_by_name_address_account_and_state(staff: Any, owner_engine: AsyncEngine) -> None:
    quill = await add_customer(owner_engine, first_name="Ada", last_name="Quill-100%", kyc_status="submitted")
    other = await add_customer(owner_engine, first_name="Bo", last_name="Quiller")
    operations = await staff("operations")
    async with transaction(owner_engine) as session:
        opened = await account(session, other.id)
        row = await session.execute(text("SELECT account_number FROM accounts WHERE id = :id"), {"id": opened})
        number = row.scalar_one()
    cases: list[tuple[dict[str, Any], list[Person]]] = [
        ({"q": "quill"}, [other, quill]),
        ({"q": "QUILL-100%"}, [quill]),
        ({"q": "ill_r"}, []),
        ({"q": quill.email[:20]}, [quill]),
        ({"q": str(other.id)}, [other]),
        ({"q": f"{number[:4]} {number[4:]}"}, [other]),
        ({"kyc_status": "submitted"}, [quill]),
        ({"role": "customer", "limit": 1, "page": 2}, [quill]),
        ({"q": "nobody at all"}, []),
    ]
    for query, expected in cases:
        page = await operations.find(**query)
        assert [line["id"] for line in page["data"]] == [str(person.id) for person in expected], query


async def test_a_person_is_read_with_accounts_and_how_they_sign_in(
    staff: Any, app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        await account(session, person.id, 5_000, "JPY")
    await enrolled(client, app, owner_engine, person)
    read = (await (await staff("operations")).read(person)).json()
    assert (read["email"], read["two_factor"], read["open_sessions"]) == (person.email, True, 1)
    assert [(a["currency"], a["balance"]) for a in read["accounts"]] == [("JPY", 5000)]
    assert not {"password_hash", "tax_id_sealed", "address"} & read.keys()
    # An officer who may not read accounts sees none of them.
    assert (await (await staff("compliance_officer")).read(person)).json()["accounts"] == []
    assert (await (await staff("auditor")).read(Person(uuid4(), "", "", "", None))).status_code == 404


async def test_customers_and_staff_without_a_right_to_it_see_and_do_nothing(
    staff: Any, app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    headers = await signed_in(app, owner_engine, await add_customer(owner_engine))
    for path in (USERS, f"{USERS}/{person.id}"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=headers)).json()["code"] == "permission_missing"
    for act in ACTS:
        refused = await client.post(f"{USERS}/{person.id}/{act}", headers=headers, json=WHY)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
        # An auditor reads, and does nothing.
        assert (await (await staff("auditor")).act(act, person)).json()["code"] == "permission_missing"
    assert await _status(owner_engine, person) == "active"


@pytest.mark.parametrize("act", ACTS)
async def test_acts_upon_staff_are_for_administrators_and_never_upon_oneself(
    staff: Any, owner_engine: AsyncEngine, act: str
) -> None:
    officer = await add_officer(owner_engine)
    for preset in ("operations", "senior_compliance_officer"):
        assert (await (await staff(preset)).act(act, officer)).status_code == 403
    administrator = await staff("super_admin")
    assert (await administrator.act(act, officer)).status_code == 200
    assert (await administrator.act(act, administrator.person)).json()["code"] == "four_eyes"
    assert (await administrator.act(act, Person(uuid4(), "", "", "", None))).status_code == 404


async def test_a_freeze_is_made_by_whoever_watches_and_ended_by_compliance(
    staff: Any, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    operations, officer = await staff("operations"), await staff("compliance_officer")
    assert (await operations.act("freeze", person)).json() == {
        "id": str(person.id),
        "changed": True,
        "sessions_ended": 0,
    }
    assert (await officer.act("freeze", person)).json()["changed"] is False
    assert (await operations.act("unfreeze", person)).status_code == 403
    assert await _status(owner_engine, person) == "frozen"
    assert (await officer.act("unfreeze", person)).json()["changed"] is True
    assert await _status(owner_engine, person) == "active"
    assert [event for event, _ in await letters(owner_engine)] == ["frozen", "unfrozen"]


async def test_frozen_staff_are_out_at_once_and_do_not_come_back(
    staff: Any, app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    officer = await staff("compliance_officer")
    assert (await (await staff("super_admin")).act("freeze", officer.person)).status_code == 200
    answered = await officer.act("freeze", await add_customer(owner_engine))
    assert (answered.status_code, answered.json()["code"]) == (401, "bad_token")
    # A session that was opened afterwards is worth nothing either.
    again = await client.get(USERS, headers=await signed_in(app, owner_engine, officer.person))
    assert again.status_code == 401


async def test_a_lost_second_factor_is_reset_and_every_session_ends(
    staff: Any, app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    authenticator, session = await enrolled(client, app, owner_engine, person)
    assert (await (await staff("compliance_officer")).act("reset-2fa", person)).status_code == 403
    operations = await staff("operations")
    assert (await operations.act("reset-2fa", person)).json()["changed"] is True
    assert (await client.get("/api/v1/users/me", headers=session)).status_code == 401
    signed = await authenticator.log_in(client)
    assert "tokens" in signed.json()["data"]
    assert (await operations.act("reset-2fa", person)).json()["changed"] is False
    assert "factors_reset" in [event for event, _ in await letters(owner_engine)]


async def test_sessions_are_ended_at_once(
    staff: Any, app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    sessions = [await signed_in(app, owner_engine, person) for _ in range(2)]
    ended = (await (await staff("operations")).act("end-sessions", person)).json()
    assert (ended["changed"], ended["sessions_ended"]) == (True, 2)
    for headers in sessions:
        assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


async def test_an_act_needs_a_fresh_proof_and_a_reason_and_is_audited(staff: Any, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    operations = await staff("operations")
    for bad in ({}, {"reason": "  x "}, {"reason": "y" * 501}, {"reason": "fine", "more": "1"}):
        assert (await operations.act("freeze", person, bad)).status_code == 422
    await age_session(owner_engine, operations.person)
    assert (await operations.act("freeze", person)).json()["code"] == "step_up_required"
    await age_session(owner_engine, operations.person, minutes=-6)
    assert (await operations.act("freeze", person)).status_code == 200
    async with transaction(owner_engine) as session:
        rows = await session.execute(
            text(
                "SELECT code, new_values ->> 'reason', old_values ->> 'status' FROM audit_logs"
                " WHERE resource_id = :id AND action = 'admin.freeze_user' AND outcome <> 'refused' OR code ="
                " 'step_up_required' ORDER BY id"
            ),
            {"id": str(person.id)},
        )
        assert [tuple(row) for row in rows] == [("step_up_required", None, None), (None, WHY["reason"], "active")]
