"""The desk by HTTP: who fills which place, for whom and for how much; questions and answers; who looks after a wire."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import Principal, transaction
from models.wires import Approver, Row
from tests.factories import wires as make
from tests.factories.approval import as_shipped, published
from tests.factories.users import Person
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal

ADMIN = "/api/v1/admin"
HIGH, TWO = {"amount": "@2000000.00@"}, {"amount": "@300000.00@"}
Officer = tuple[Person, dict[str, str]]


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[Door]:
    """The API, with a sanctions list and rates behind it."""
    await make.sanctions_list(owner_engine)
    async with as_shipped(owner_engine):
        yield Door(app, client, owner_engine, worker_engine, tmp_path)


async def officers(door: Door, *presets: str) -> list[Officer]:
    """Staff, signed in."""
    return [await door.officer(preset) for preset in presets]


async def approve(door: Door, wire_id: str, headers: dict[str, str], **given: Any) -> Response:
    """An approval with more than a word."""
    return await door.client.put(f"{WIRES}/{wire_id}/approve", json=given, headers=headers)


async def lend(door: Door, lender: Officer, to: Officer, **changes: Any) -> Response:
    """One officer lets another one decide in their place."""
    body = {"delegate": str(to[0].id), "ends_at": str(datetime.now(UTC) + timedelta(days=1)), "reason": "On leave"}
    return await door.client.post(f"{ADMIN}/delegations", json=body | changes, headers=lender[1])


async def test_a_senior_place_is_filled_by_a_senior_in_either_order(door: Door) -> None:
    customer = await door.customer()
    plain, senior = await officers(door, "compliance_officer", "senior_compliance_officer")
    for first, second in ((plain, senior), (senior, plain)):
        wire_id = await door.awaiting(customer, **HIGH)
        assert (await door.approve(wire_id, first[1])).json()["approvals"]["given"] == 1
        assert (await door.approve(wire_id, second[1])).json()["status"] == "approved"


async def test_approvers_in_an_order_wait_for_their_turn(door: Door) -> None:
    rows = Row(name="all", approvers=(Approver.OPERATIONS, Approver.COMPLIANCE), in_order=True)
    await published(door.owner, rows)
    wire_id = await door.awaiting(await door.customer())
    # Whoever may do everything fills the place that is due.
    (_, compliance), (_, operations) = await officers(door, "compliance_officer", "super_admin")
    is_refusal(await door.approve(wire_id, compliance), 409, "not_your_turn")
    assert (await door.approve(wire_id, operations)).json()["status"] == "awaiting_approval"
    assert (await door.approve(wire_id, compliance)).json()["status"] == "approved"


async def test_why_and_what_was_seen_is_told_to_staff_alone(door: Door) -> None:
    customer = await door.customer()
    wire_id = await door.awaiting(customer, **TWO)
    first, second = await officers(door, "compliance_officer", "compliance_officer")
    url = f"{WIRES}/{wire_id}/approval"
    is_refusal(await door.client.get(url, headers=customer.headers), 403, "permission_missing")
    case = (await door.client.get(url, headers=first[1])).json()
    assert (case["routing"]["row"], case["routing"]["approvers"]) == ("over_250k", ["officer", "officer"])
    assert case["routing"]["amount"] == 277777.78
    approved = await approve(door, wire_id, first[1], evidence_hash=case["evidence_hash"])
    assert approved.status_code == 200, approved.text
    after = (await door.client.get(url, headers=second[1])).json()
    (decision,) = after["decisions"]
    assert (decision["place"], decision["evidence_hash"]) == (1, case["evidence_hash"])
    await door.client.put(f"{WIRES}/{wire_id}/request-info", json={"question": "Why?"}, headers=second[1])
    await door.client.put(f"{WIRES}/{wire_id}/info", json={"answer": "Parts"}, headers=customer.headers)
    stale = await approve(door, wire_id, second[1], evidence_hash=case["evidence_hash"])
    is_refusal(stale, 409, "evidence_changed")
    seen = (await door.client.get(url, headers=second[1])).json()["evidence_hash"]
    assert (await approve(door, wire_id, second[1], evidence_hash=seen)).json()["status"] == "approved"


async def test_a_high_value_asks_for_a_fresh_proof_and_others_do_not(door: Door) -> None:
    customer = await door.customer()
    _, senior = await door.officer("senior_compliance_officer")
    high, small = await door.awaiting(customer, **HIGH), await door.awaiting(customer, recipient_account_number="77")
    async with transaction(door.owner) as session:
        await session.execute(text("UPDATE sessions SET auth_time = now() - interval '6 minutes'"))
    before = await door.world()
    is_refusal(await door.approve(high, senior), 403, "step_up_required")
    assert (await door.world()).rows == before.rows
    assert (await door.approve(small, senior)).json()["status"] == "approved"


async def test_more_than_a_limit_is_refused_alone_and_over_a_day(door: Door) -> None:
    customer = await door.customer()
    limited, other = await officers(door, "compliance_officer", "compliance_officer")
    _, chief = await door.officer("super_admin")
    set_to = {"person": str(limited[0].id), "per_wire": 1000, "per_day": 2000}
    answered = await door.client.put(f"{ADMIN}/approver-limits", json=set_to, headers=chief)
    assert answered.status_code == 200, answered.text
    wires_ = [await door.awaiting(customer, amount=f"@{minor}.00@", recipient_account_number=f"9{minor}")
              for minor in (1079, 1078, 1077, 1082)]  # fmt: skip
    is_refusal(await door.approve(wires_[3], limited[1]), 403, "approver_limit_exceeded")
    # Two that fit each, and not together with a third, however they race.
    answers = await asyncio.gather(*(door.approve(wire_id, limited[1]) for wire_id in wires_[:3]))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 403]
    for wire_id in wires_:
        if (await door.seen(wire_id, other[1]))["status"] == "awaiting_approval":
            assert (await door.approve(wire_id, other[1])).json()["status"] == "approved"


async def test_nobody_sets_their_own_limit(door: Door) -> None:
    chief, headers = await door.officer("super_admin")
    for body in ({"person": str(chief.id)}, {"preset": "super_admin"}):
        is_refusal(await door.client.put(f"{ADMIN}/approver-limits", json=body, headers=headers), 403, "four_eyes")
    _, officer = await door.officer("senior_compliance_officer")
    refused = await door.client.put(f"{ADMIN}/approver-limits", json={"preset": "*"}, headers=officer)
    is_refusal(refused, 403, "permission_missing")


async def test_a_delegate_fills_a_senior_place_until_the_delegation_ends(door: Door) -> None:
    customer = await door.customer()
    plain, delegate, senior = await officers(
        door, "compliance_officer", "compliance_officer", "senior_compliance_officer"
    )
    first, second = await door.awaiting(customer, **HIGH), await door.awaiting(customer, **HIGH)
    for wire_id in (first, second):
        await door.approve(wire_id, plain[1])
    is_refusal(await approve(door, first, delegate[1], on_behalf_of=str(senior[0].id)), 403, "not_delegated")
    made = await lend(door, senior, delegate)
    assert made.status_code == 201, made.text
    assert made.json()["active"]
    done = await approve(door, first, delegate[1], on_behalf_of=str(senior[0].id))
    assert done.json()["status"] == "approved", done.text
    ended = await door.client.delete(f"{ADMIN}/delegations/{made.json()['id']}", headers=senior[1])
    assert (ended.status_code, ended.json()["active"]) == (200, False)
    is_refusal(await approve(door, second, delegate[1], on_behalf_of=str(senior[0].id)), 403, "not_delegated")
    again = await door.client.delete(f"{ADMIN}/delegations/{made.json()['id']}", headers=senior[1])
    is_refusal(again, 404, "not_found")
    listed = (await door.client.get(f"{ADMIN}/delegations", headers=plain[1])).json()["data"]
    assert [one["ended_by"] for one in listed] == [str(senior[0].id)]


@pytest.mark.parametrize("what", ["frozen", "demoted", "ended by the clock"])
async def test_what_was_lent_is_worth_what_its_lender_still_has(door: Door, what: str) -> None:
    delegate, senior = await officers(door, "compliance_officer", "senior_compliance_officer")
    wire_id = await door.awaiting(await door.customer(), **HIGH)
    assert (await lend(door, senior, delegate)).status_code == 201
    change = {
        "frozen": "UPDATE users SET status = 'frozen' WHERE id = :id",
        "demoted": "UPDATE users SET preset = 'compliance_officer' WHERE id = :id",
        "ended by the clock": "UPDATE approver_delegations SET starts_at = now() - interval '2 days',"
        " ends_at = now() - interval '1 day' WHERE delegator = :id",
    }[what]
    async with transaction(door.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(change), {"id": senior[0].id})
    answered = await approve(door, wire_id, delegate[1], on_behalf_of=str(senior[0].id))
    if what == "demoted":
        # The lender is an officer still, so the delegate fills an officer's place and no senior one.
        shown = (await door.client.get(f"{WIRES}/{wire_id}/approval", headers=delegate[1])).json()
        assert [decision["place"] for decision in shown["decisions"]] == [1]
    else:
        is_refusal(answered, 403, "not_delegated")


@pytest.mark.parametrize("behalf", [True, False])
@pytest.mark.parametrize("lender_first", [True, False])
async def test_two_who_lend_each_other_their_right_are_one_pair_of_eyes(
    door: Door, lender_first: bool, behalf: bool
) -> None:
    lender, delegate, third = await officers(door, *["compliance_officer"] * 3)
    wire_id = await door.awaiting(await door.customer(), **TWO)
    made = (await lend(door, lender, delegate)).json()
    first, second = (lender, delegate) if lender_first else (delegate, lender)
    assert (await door.approve(wire_id, first[1])).status_code == 200
    given = {"on_behalf_of": str(lender[0].id)} if behalf and lender_first else {}
    is_refusal(await approve(door, wire_id, second[1], **given), 403, "four_eyes")
    # Ending it afterwards does not make two pairs of what was one.
    await door.client.delete(f"{ADMIN}/delegations/{made['id']}", headers=lender[1])
    is_refusal(await approve(door, wire_id, second[1]), 403, "four_eyes")
    assert (await door.approve(wire_id, third[1])).json()["status"] == "approved"


async def test_a_bad_delegation_is_refused(door: Door) -> None:
    senior, plain, auditor = await officers(door, "senior_compliance_officer", "compliance_officer", "auditor")
    customer = await door.customer()
    is_refusal(await lend(door, senior, senior), 400, "refused")
    is_refusal(await lend(door, senior, auditor), 400, "refused")
    is_refusal(await lend(door, senior, (customer.person, {})), 400, "refused")
    is_refusal(await lend(door, auditor, plain), 403, "permission_missing")
    for ends_at in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):
        is_refusal(await lend(door, senior, plain, ends_at=ends_at), 400, "refused")
    other = (await lend(door, senior, plain)).json()["id"]
    is_refusal(await door.client.delete(f"{ADMIN}/delegations/{other}", headers=plain[1]), 404, "not_found")


async def test_the_database_itself_refuses_what_no_officer_may_do(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer(), **HIGH)
    officer, _ = await door.officer("compliance_officer")
    insert = (
        "INSERT INTO wire_approvals (wire_id, maker_id, officer_id, decision, senior, content_hash, place, base_minor,"
        " evidence, evidence_hash, on_behalf_of) SELECT w.id, w.user_id, :officer, 'approve', false, w.content_hash,"
        " :place, r.amount_base_minor + :more, 'e', sha256(:seen), :behalf"
        " FROM wire_transfers w JOIN wire_routings r ON r.wire_id = w.id WHERE w.id = :wire"
    )
    values = {"officer": officer.id, "wire": wire_id, "place": 1, "more": 0, "seen": b"e", "behalf": None}
    for changes, said in (
        ({"place": 3}, "has no place 3"),
        ({"more": 1}, "has no place 1"),
        ({"seen": b"f"}, "wire_approvals_evidence"),
        ({"behalf": (await door.officer("senior_compliance_officer"))[0].id}, "no delegation lets"),
    ):
        with pytest.raises(DBAPIError, match=said):
            async with transaction(door.owner) as session:
                await session.execute(text(insert), values | changes)
    async with transaction(door.owner) as session:
        await session.execute(text("UPDATE approver_limits SET per_wire_minor = 1 WHERE preset = 'compliance_officer'"))
    try:
        with pytest.raises(DBAPIError, match="may approve"):
            async with transaction(door.owner) as session:
                await session.execute(text(insert), values)
    finally:
        async with transaction(door.owner) as session:
            await session.execute(
                text("UPDATE approver_limits SET per_wire_minor = 500000000 WHERE preset = 'compliance_officer'")
            )


async def ask(door: Door, wire_id: str, headers: dict[str, str], question: str = "What is it for?") -> Response:
    """An officer asks."""
    return await door.client.put(f"{WIRES}/{wire_id}/request-info", json={"question": question}, headers=headers)


async def answer(door: Door, wire_id: str, headers: dict[str, str], said: str = "Machine parts") -> Response:
    """The customer answers."""
    return await door.client.put(f"{WIRES}/{wire_id}/info", json={"answer": said}, headers=headers)


async def test_questions_and_answers_over_several_rounds(door: Door) -> None:
    customer, stranger = await door.customer(), await door.customer()
    _, officer = await door.officer("compliance_officer")
    wire_id = await door.awaiting(customer)
    is_refusal(await answer(door, wire_id, customer.headers), 409, "wrong_state")
    for number in (1, 2):
        assert (await ask(door, wire_id, officer, f"Question {number}")).json()["status"] == "info_requested"
        is_refusal(await door.approve(wire_id, officer), 409, "wrong_state")
        is_refusal(await ask(door, wire_id, officer), 409, "wrong_state")
        is_refusal(await answer(door, wire_id, stranger.headers), 404, "not_found")
        is_refusal(await answer(door, wire_id, officer), 403, "permission_missing")
        is_refusal(await ask(door, wire_id, customer.headers), 403, "permission_missing")
        answered = await answer(door, wire_id, customer.headers, f"Answer {number}")
        assert answered.json()["status"] == "awaiting_approval", answered.text
    for headers in (officer, customer.headers):
        told = (await door.client.get(f"{WIRES}/{wire_id}/questions", headers=headers)).json()["data"]
        assert [(one["question"], one["answer"]) for one in told] == [
            ("Question 1", "Answer 1"), ("Question 2", "Answer 2"),
        ]  # fmt: skip
        assert (told[0]["asked_by"] is None) == (headers is customer.headers)
        events = [(entry["event"], entry["data"]) for entry in await door.timeline(wire_id, headers)]
        assert ("info_requested", {"round": 1, "question": "Question 1"}) in events
        assert ("info_given", {"round": 2, "answer": "Answer 2"}) in events
    assert (await door.approve(wire_id, officer)).json()["status"] == "approved"


async def test_the_maker_neither_asks_nor_claims(door: Door) -> None:
    person, headers = await door.officer("super_admin", kyc_status="approved")
    account = await make.account(door.owner, person.id, "USD", 5_000_00)
    wire_id = await door.awaiting(Customer(person, headers, account))
    is_refusal(await ask(door, wire_id, headers), 403, "four_eyes")
    is_refusal(await door.client.put(f"{WIRES}/{wire_id}/claim", headers=headers), 403, "four_eyes")


async def test_an_answer_changes_nothing_but_the_status(door: Door, api_engine: AsyncEngine) -> None:
    customer = await door.customer()
    wire_id = await door.awaiting(customer)
    rights = make.CUSTOMER_RIGHTS
    me = Principal(user_id=customer.person.id, role="customer", permissions=rights)
    with pytest.raises(DBAPIError, match="a customer takes wire"):
        async with transaction(api_engine, me) as session:
            await session.execute(
                text("UPDATE wire_transfers SET approved_by = user_id WHERE id = :id"), {"id": UUID(wire_id)}
            )


async def test_a_claim_says_who_looks_after_a_wire(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer())
    mine, other, senior = await officers(door, "compliance_officer", "compliance_officer", "senior_compliance_officer")
    url = f"{WIRES}/{wire_id}/claim"
    assert (await door.client.put(url, headers=mine[1])).status_code == 200
    assert (await door.client.put(url, headers=mine[1])).status_code == 200
    is_refusal(await door.client.put(url, headers=other[1]), 409, "claimed_by_another")
    is_refusal(await door.client.delete(url, headers=other[1]), 409, "claimed_by_another")
    case = (await door.client.get(f"{WIRES}/{wire_id}/approval", headers=other[1])).json()
    assert case["assignee"] == str(mine[0].id)
    assert (await door.client.delete(url, headers=senior[1])).status_code == 200
    assert (await door.client.put(url, headers=other[1])).status_code == 200
    # A claim keeps nobody from deciding.
    assert (await door.approve(wire_id, mine[1])).json()["status"] == "approved"
    is_refusal(await door.client.put(url, headers=mine[1]), 409, "wrong_state")


async def test_countries_are_rated_by_seniors(door: Door) -> None:
    customer = await door.customer()
    plain, senior = await officers(door, "compliance_officer", "senior_compliance_officer")
    url, body = f"{ADMIN}/country-risks/XX", {"risk": "high", "note": "New guidance"}
    is_refusal(await door.client.put(url, json=body, headers=plain[1]), 403, "permission_missing")
    is_refusal(await door.client.put(url, json=body, headers=customer.headers), 403, "permission_missing")
    rated = await door.client.put(url, json=body, headers=senior[1])
    assert (rated.status_code, rated.json()["risk"]) == (200, "high"), rated.text
    listed = (await door.client.get(f"{ADMIN}/country-risks", headers=plain[1])).json()["data"]
    assert {"XX": "high", "NL": "low", "KP": "high"}.items() <= {one["country"]: one["risk"] for one in listed}.items()
    is_refusal(await door.client.get(f"{ADMIN}/country-risks", headers=customer.headers), 403, "permission_missing")


async def test_the_matrix_and_the_limits_can_be_read_by_the_desk(door: Door) -> None:
    _, officer = await door.officer("auditor")
    matrix = (await door.client.get(f"{ADMIN}/approval-matrix", headers=officer)).json()
    assert (matrix["version"], matrix["base_currency"], matrix["rows"][1]["name"]) == (2, "EUR", "over_1m")
    limits = (await door.client.get(f"{ADMIN}/approver-limits", headers=officer)).json()["data"]
    assert {one["preset"]: one["per_wire"] for one in limits}["*"] == 5_000_000


async def test_a_proposed_matrix_is_held_against_wires_of_the_past(door: Door) -> None:
    customer = await door.customer()
    for changes in ({}, TWO, HIGH):
        await door.awaiting(customer, **changes)
    (_, officer), (_, plain) = await officers(door, "compliance_officer", "auditor")
    rows = [{"name": "over_1m", "over": 1_000_000, "approvers": ["officer", "senior"]}]
    rows += [{"name": "rest", "approvers": ["officer"]}]
    body = {"rows": rows, "call_back_over": 200_000, "note": "One is enough"}
    made = await door.client.post(f"{ADMIN}/approval-matrices", json=body, headers=officer)
    here = f"{ADMIN}/approval-matrices/{made.json()['version']}/effect"
    looked = await door.client.get(here, headers=plain)
    assert looked.status_code == 200, looked.text
    # The one of 300,000 took two, and nobody called back about it.
    assert looked.json() == {
        "wires": 3, "more": 0, "fewer": 1, "other": 0, "called_back": 1, "would_call_back": 2
    }  # fmt: skip
    is_refusal(await door.client.get(here, headers=customer.headers), 403, "permission_missing")
    none = await door.client.get(f"{ADMIN}/approval-matrices/99999/effect", headers=officer)
    is_refusal(none, 404, "not_found")
