"""Who may do what to a wire: every kind of person at every operation, and maker and checker of one thing."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.auth import PRESETS
from tests.factories import wires as make
from tests.factories.auth import signed_in
from tests.factories.users import add_officer
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal, order, written

READS = {"list": 200, "read": 200, "timeline": 200}
STRANGER = {"list": 401, "read": 401, "timeline": 401, "approve": 401, "reject": 401, "cancel": 401, "order": 401}
OFFICER = {**READS, "approve": 200, "reject": 200, "cancel": 403, "order": 403}
READER = {**READS, "approve": 403, "reject": 403, "cancel": 403, "order": 403}
RIGHTS: dict[str, dict[str, int]] = {
    "nobody": STRANGER,
    "its customer": {**READS, "approve": 403, "reject": 403, "cancel": 200, "order": 201},
    # What is somebody else's does not exist; approving is for nobody who is a customer.
    "another customer": {
        "list": 200, "read": 404, "timeline": 404, "approve": 403, "reject": 403, "cancel": 404, "order": 404,
    },
    "compliance_officer": OFFICER,
    "senior_compliance_officer": OFFICER,
    "operations": READER,
    "auditor": READER,
    # May order and cancel, but neither from an account nor a wire that is somebody else's.
    "super_admin": {**READS, "approve": 200, "reject": 200, "cancel": 404, "order": 404},
}  # fmt: skip
CODES = {401: "not_authenticated", 403: "permission_missing", 404: "not_found"}


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The API, with a sanctions list behind it."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _does(door: Door, what: str, customer: Customer, wire_id: str, headers: dict[str, str]) -> Any:
    match what:
        case "list":
            return await door.client.get(WIRES, headers=headers)
        case "read":
            return await door.client.get(f"{WIRES}/{wire_id}", headers=headers)
        case "timeline":
            return await door.client.get(f"{WIRES}/{wire_id}/timeline", headers=headers)
        case "approve":
            return await door.approve(wire_id, headers)
        case "reject":
            return await door.reject(wire_id, headers)
        case "cancel":
            return await door.cancel(wire_id, headers)
        case _:
            return await door.post(order(customer.account), headers)


def test_every_preset_is_in_the_table() -> None:
    assert set(PRESETS) <= set(RIGHTS)


@pytest.mark.parametrize(("who", "what"), [(who, what) for who, rights in RIGHTS.items() for what in rights])
async def test_rights(door: Door, who: str, what: str) -> None:
    customer = await door.customer()
    match who:
        case "nobody":
            headers = {}
        case "its customer":
            headers = customer.headers
        case "another customer":
            headers = (await door.customer()).headers
        case preset:
            _, headers = await door.officer(preset, kyc_status="approved")
    wire_id = await door.awaiting(customer)
    before = await door.world()
    answered = await _does(door, what, customer, wire_id, headers)
    expected = RIGHTS[who][what]
    assert answered.status_code == expected, answered.text
    after = await door.world()
    if expected in CODES:
        is_refusal(answered, expected, CODES[expected])
        assert (after.rows, after.money) == (before.rows, before.money)
    if what == "list" and expected == 200:
        assert answered.json()["total"] == (0 if who == "another customer" else 1)
    audited = what not in READS
    assert len(after.audit) == len(before.audit) + audited


async def _chief_with_an_account(door: Door) -> tuple[Customer, dict[str, str]]:
    person = await add_officer(door.owner, "super_admin", kyc_status="approved")
    headers = await signed_in(door.app, door.owner, person)
    return Customer(person, headers, await make.account(door.owner, person.id, "USD", 5_000_00)), headers


async def test_a_super_admin_does_not_decide_about_an_own_wire(door: Door) -> None:
    chief, headers = await _chief_with_an_account(door)
    wire_id = await door.awaiting(chief)
    before = await door.world()
    for answered in (await door.approve(wire_id, headers), await door.reject(wire_id, headers)):
        is_refusal(answered, 403, "four_eyes")
        assert answered.json()["error"] == "Maker and checker have to be different people"
    after = await door.world()
    assert (after.rows, after.money) == (before.rows, before.money)
    assert after.audit[len(before.audit) :] == [("refused", "four_eyes")] * 2
    _, other = await door.officer("super_admin")
    assert (await door.approve(wire_id, other)).json()["status"] == "approved"


async def test_a_super_admin_cancels_an_own_wire(door: Door) -> None:
    chief, headers = await _chief_with_an_account(door)
    wire_id = await door.awaiting(chief)
    assert (await door.cancel(wire_id, headers)).json()["status"] == "cancelled"


async def test_the_database_itself_refuses_a_maker_who_checks(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer())
    with pytest.raises(IntegrityError, match="wire_approvals_four_eyes"):
        async with transaction(door.owner) as session:
            await session.execute(
                text(
                    "INSERT INTO wire_approvals (wire_id, maker_id, officer_id, decision, senior, content_hash)"
                    " SELECT id, user_id, user_id, 'approve', false, content_hash FROM wire_transfers WHERE id = :id"
                ),
                {"id": wire_id},
            )


async def test_a_plain_officer_is_no_senior_whatever_is_claimed(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer(), amount="@2000000.00@")
    officers = [(await door.officer("compliance_officer"))[1] for _ in range(3)]
    for headers in officers:
        assert (await door.approve(wire_id, headers)).json()["status"] == "awaiting_approval"
    body = written({"comment": "ok", "senior": True})
    claimed = await door.client.put(
        f"{WIRES}/{wire_id}/approve", content=body, headers=officers[0] | {"Content-Type": "application/json"}
    )
    is_refusal(claimed, 422, "invalid_request")


async def test_rights_that_were_taken_away_are_gone_at_once(door: Door) -> None:
    person, officer = await door.officer("compliance_officer")
    wire_id = await door.awaiting(await door.customer())
    async with transaction(door.owner) as session:
        await session.execute(text("UPDATE users SET preset = 'auditor' WHERE id = :id"), {"id": person.id})
    is_refusal(await door.approve(wire_id, officer), 401, "bad_token")


async def test_a_frozen_customer_sees_wires_and_orders_none(door: Door) -> None:
    customer = await door.customer()
    wire_id = await door.ordered(customer)
    async with transaction(door.owner) as session:
        await session.execute(text("UPDATE users SET status = 'frozen' WHERE id = :id"), {"id": customer.person.id})
    assert (await door.seen(wire_id, customer.headers))["status"] == "pending"
    is_refusal(await door.order(customer), 403, "customer_frozen")


@pytest.mark.parametrize("what", ["approve", "reject", "cancel"])
async def test_a_wire_that_says_something_else_than_ordered_is_not_decided_about(door: Door, what: str) -> None:
    customer = await door.customer()
    wire_id = await door.awaiting(customer)
    async with transaction(door.owner) as session:
        # Behind the guard's back, as whoever owns the tables could.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE wire_transfers SET recipient_account_number = '666'"))
    _, officer = await door.officer("compliance_officer")
    answered = await _does(door, what, customer, wire_id, customer.headers if what == "cancel" else officer)
    if what == "cancel":
        # Nothing is sent by it, and the money goes back to where it came from.
        assert answered.json()["status"] == "cancelled"
    else:
        is_refusal(answered, 409, "content_changed")
