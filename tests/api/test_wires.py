"""Wires by HTTP: what is answered, what is stored, and what each side may see of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.money import to_decimal
from tests.factories import wires as make
from tests.factories.wire_desk import FEE, WIRES, Door, held, is_refusal


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The API, with a sanctions list behind it."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def test_the_order_of_the_older_specification_is_taken(door: Door) -> None:
    customer = await door.customer(5_000_00)
    before = await door.world()
    answered = await door.order(customer)
    assert answered.status_code == 201, answered.text
    wire = answered.json()
    assert UUID(wire["id"]).version == 7
    assert (wire["status"], wire["currency"]) == ("pending", "USD")
    assert b'"amount":1000.00,' in answered.content
    assert b'"fee":25.00,' in answered.content
    assert answered.headers["Content-Type"] == "application/json"

    after = await door.world()
    added = {table: after.rows[table] - before.rows[table] for table in after.rows}
    assert {table: count for table, count in added.items() if count} == {
        "wire_transfers": 1, "wire_events": 1, "holds": 1, "outbox": 1, "limit_uses": 1,
    }  # fmt: skip
    assert after.audit == [("done", None)]
    assert await held(door.owner, customer.account) == (1_025_00, 1_025_00)
    assert await door.seen(wire["id"], customer.headers) == wire | {"recalls": []}


async def test_the_order_that_is_too_large_is_refused_and_leaves_its_audit_line(door: Door) -> None:
    customer = await door.customer(1_000_00)
    before = await door.world()
    answered = await door.order(customer, amount="@999999.00@")
    is_refusal(answered, 400, "insufficient_funds")
    assert answered.json()["error"] == "Insufficient funds"
    after = await door.world()
    assert (after.rows, after.money) == (before.rows, before.money)
    assert after.audit == [("refused", "insufficient_funds")]


async def test_a_hundred_balance_reads_at_once_all_answer_while_money_is_held(door: Door) -> None:
    customer = await door.customer(5_000_00)
    await door.ordered(customer)
    url = f"/api/v1/accounts/{customer.account}/balance"
    answers = await asyncio.gather(*(door.client.get(url, headers=customer.headers) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(b'"balance":5000.00,"available_balance":3975.00,"held":1025.00' in answer.content for answer in answers)


@pytest.mark.parametrize(
    ("changes", "fee", "taken"),
    [({"charges": "OUR"}, "25.00", FEE + 20_00), ({"charges": "SHA"}, "25.00", FEE), ({"charges": "BEN"}, "25.00", 0)],
)
async def test_who_bears_the_charges_decides_what_is_held(
    door: Door, changes: dict[str, str], fee: str, taken: int
) -> None:
    customer = await door.customer()
    answered = await door.order(customer, **changes)
    assert f'"amount":1000.00,"fee":{fee},' in answered.text
    assert await held(door.owner, customer.account) == (1_000_00 + taken,) * 2


@pytest.mark.parametrize(("minor", "status"), [(1_025_00, 201), (1_024_99, 400)])
async def test_money_has_to_be_there_for_amount_and_fee_to_the_cent(door: Door, minor: int, status: int) -> None:
    assert (await door.order(await door.customer(minor))).status_code == status


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("1000.00", "1000.00"), ("@1000@", "1000.00"), ("@1e3@", "1000.00"), ("@0.01@", "0.01"), ("1000.0", "1000.00")],
)
async def test_an_amount_is_a_number_or_a_decimal_string(door: Door, amount: str, shown: str) -> None:
    answered = await door.order(await door.customer(), amount=amount)
    assert answered.status_code == 201, answered.text
    assert f'"amount":{shown},' in answered.text


async def test_the_largest_amount_is_answered_to_the_cent(door: Door) -> None:
    minor = 10**15 - 1
    customer = await door.customer(minor)
    amount = to_decimal(minor - FEE, "USD")
    assert f'"amount":{amount},' in (await door.order(customer, amount=f"@{amount}@")).text


async def test_everything_ordered_is_answered_and_kept(door: Door) -> None:
    customer = await door.customer(currency="EUR")
    full: dict[str, Any] = {
        "currency": "EUR",
        "recipient_name": "Łukasz Żółć",
        "recipient_bank_swift": "cobadeffxxx",
        "recipient_account_number": "de89 3704 0044 0532 0130 00",
        "recipient_address": {"street": "Unter den Linden", "building": "7", "town": "Berlin", "postal_code": "10117",
                              "country": "DE"},
        "purpose_code": "B112",
        "charges": "SHA",
        "reference": "Rechnung 7 / 2026",
        "execution_date": str(datetime.now(UTC).date() + timedelta(days=30)),
    }  # fmt: skip
    answered = await door.order(customer, **full)
    assert answered.status_code == 201, answered.text
    wire = answered.json()
    told = full | {"recipient_bank_swift": "COBADEFFXXX", "recipient_account_number": "DE89370400440532013000"}
    assert {name: wire[name] for name in told} == told
    assert wire["recipient_country"] == "DE"
    assert await door.seen(wire["id"], customer.headers) == wire | {"recalls": []}


async def test_a_bank_can_be_named_by_its_routing_number(door: Door) -> None:
    answered = await door.order(
        await door.customer(), recipient_bank_swift=..., recipient_bank_name=..., recipient_routing_number="021000021"
    )
    assert answered.status_code == 201, answered.text
    assert (answered.json()["recipient_routing_number"], answered.json()["recipient_country"]) == ("021000021", "US")


async def test_the_audit_line_of_an_order_masks_the_recipient(door: Door) -> None:
    await door.ordered(
        await door.customer(), recipient_address={"street": "Secret Lane", "town": "York", "country": "GB"}
    )
    async with transaction(door.owner) as session:
        noted = (await session.execute(text("SELECT new_values::text FROM audit_logs"))).scalar_one()
    assert '"1000.00"' in noted
    assert not any(secret in noted for secret in ("Globex", "000123456789", "Secret Lane"))


async def test_wires_are_listed_newest_first_and_by_status_and_account(door: Door) -> None:
    customer, other = await door.customer(), await door.customer()
    second = await make.account(door.owner, customer.person.id, "EUR", 50_000_00)
    first = [await door.ordered(customer) for _ in range(3)]
    euro = await door.ordered(customer, from_account_id=str(second), currency="EUR")
    foreign = await door.ordered(other)
    await door.cancel(first[1], customer.headers)

    async def listed(headers: dict[str, str], **query: Any) -> list[str]:
        answered = await door.client.get(WIRES, params=query, headers=headers)
        assert answered.status_code == 200, answered.text
        return [wire["id"] for wire in answered.json()["data"]]

    mine = [euro, *reversed(first)]
    assert await listed(customer.headers) == mine
    assert await listed(customer.headers, status="cancelled") == [first[1]]
    assert await listed(customer.headers, status=["pending", "cancelled"]) == mine
    assert await listed(customer.headers, account_id=str(second)) == [euro]
    assert await listed(other.headers) == [foreign]
    assert await listed(other.headers, account_id=str(second)) == []
    _, officer = await door.officer("compliance_officer")
    assert await listed(officer) == [foreign, *mine]
    assert await listed(officer, limit=2, page=2) == mine[1:3]
    assert await listed(officer, status="pending") == [foreign, euro, first[2], first[0]]


async def test_a_wire_is_approved_and_both_sides_see_it(door: Door) -> None:
    customer = await door.customer()
    person, officer = await door.officer("compliance_officer")
    wire_id = await door.awaiting(customer)
    approved = await door.approve(wire_id, officer)
    assert approved.status_code == 200, approved.text
    assert approved.json()["status"] == "approved"
    assert approved.json()["approvals"] == {"required": 1, "given": 1, "senior_required": False}
    assert approved.json()["approved_by"] == str(person.id)
    assert await door.seen(wire_id, officer) == approved.json() | {"recalls": []}
    shown = await door.seen(wire_id, customer.headers)
    assert (shown["status"], shown["approvals"]["given"]) == ("approved", 1)
    assert shown["approved_at"] == approved.json()["approved_at"]
    assert await held(door.owner, customer.account) == (1_025_00, 1_025_00)


async def test_a_rejected_wire_gives_the_money_back_with_its_reason(door: Door) -> None:
    customer = await door.customer()
    _, officer = await door.officer("compliance_officer")
    wire_id = await door.awaiting(customer)
    assert (await door.reject(wire_id, officer, "  no contract ")).json()["status"] == "rejected"
    shown = await door.seen(wire_id, customer.headers)
    assert (shown["status"], shown["reason_code"], shown["reason"]) == (
        "rejected",
        "rejected_by_officer",
        "no contract",
    )
    assert await held(door.owner, customer.account) == (0, 0)


@pytest.mark.parametrize("after", ["ordered", "awaiting", "approved"])
async def test_a_customer_cancels_before_release(door: Door, after: str) -> None:
    customer = await door.customer()
    wire_id = await (door.ordered(customer) if after == "ordered" else door.awaiting(customer))
    if after == "approved":
        assert (await door.approve(wire_id, (await door.officer("compliance_officer"))[1])).status_code == 200
    cancelled = await door.cancel(wire_id, customer.headers)
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert await held(door.owner, customer.account) == (0, 0)


async def test_wrong_states_are_conflicts_and_change_nothing(door: Door) -> None:
    customer = await door.customer()
    officers = [(await door.officer("compliance_officer"))[1] for _ in range(2)]
    pending = await door.ordered(customer)
    cancelled, rejected, released = [await door.awaiting(customer) for _ in range(3)]
    await door.cancel(cancelled, customer.headers)
    await door.reject(rejected, officers[0])
    await door.approve(released, officers[0])
    await door.released(released)
    before = await door.world()
    for wire_id in (pending, cancelled, rejected, released):
        is_refusal(await door.approve(wire_id, officers[1]), 409, "wrong_state")
        is_refusal(await door.reject(wire_id, officers[1]), 409, "wrong_state")
    for wire_id in (cancelled, rejected, released):
        is_refusal(await door.cancel(wire_id, customer.headers), 409, "wrong_state")
    after = await door.world()
    assert (after.rows, after.money) == (before.rows, before.money)
    assert after.audit[len(before.audit) :] == [("refused", "wrong_state")] * 11


async def test_an_approval_after_the_hard_stop_is_refused(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer())
    async with transaction(door.owner) as session:
        await session.execute(text("UPDATE wire_transfers SET sla_hard_stop = now() - interval '1 second'"))
    is_refusal(await door.approve(wire_id, (await door.officer("compliance_officer"))[1]), 409, "deadline_passed")


async def test_an_officer_decides_once_and_large_wires_take_two_and_a_senior(door: Door) -> None:
    customer = await door.customer()
    officers = [(await door.officer("compliance_officer"))[1] for _ in range(2)]
    _, senior = await door.officer("senior_compliance_officer")
    wire_id = await door.awaiting(customer, amount="@2000000.00@")
    assert (await door.approve(wire_id, officers[0])).json()["approvals"] == {
        "required": 2, "given": 1, "senior_required": True,
    }  # fmt: skip
    is_refusal(await door.approve(wire_id, officers[0]), 409, "already_decided")
    is_refusal(await door.reject(wire_id, officers[0]), 409, "already_decided")
    assert (await door.approve(wire_id, officers[1])).json()["status"] == "awaiting_approval"
    assert (await door.approve(wire_id, senior)).json()["status"] == "approved"


async def test_a_similar_name_is_for_the_compliance_desk_first(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer(), recipient_name="Viktor Grimsholmm")
    _, officer = await door.officer("compliance_officer")
    is_refusal(await door.approve(wire_id, officer, "another date of birth"), 409, "wrong_state")
    assert (await door.seen(wire_id, officer))["compliance_status"] == "in_review"
    await door.cleared(wire_id)
    assert (await door.approve(wire_id, officer)).json()["approvals"]["senior_required"]


async def _everything_a_customer_reads(door: Door, wire_id: str, headers: dict[str, str]) -> str:
    answers = [
        await door.client.get(url, headers=headers)
        for url in (WIRES, f"{WIRES}/{wire_id}", f"{WIRES}/{wire_id}/timeline")
    ]
    answers.append(await door.cancel(wire_id, headers))
    return "".join(answer.text for answer in answers)


async def test_a_customer_is_told_that_a_wire_is_blocked_and_not_what_matched(door: Door) -> None:
    customer = await door.customer()
    _, officer = await door.officer("compliance_officer")
    wire_id = await door.ordered(customer, recipient_name="Viktor Grimsholm")
    await door.screened(wire_id)
    for reader, told in ((customer.headers, ("blocked", None)), (officer, ("hit", "sanctions_hit"))):
        seen = await door.seen(wire_id, reader)
        assert (seen["status"], seen["compliance_status"], seen["reason_code"]) == ("blocked", *told)
        assert (await door.client.get(f"{WIRES}?status=blocked", headers=reader)).json()["total"] == 1
    read = await _everything_a_customer_reads(door, wire_id, customer.headers)
    assert "AD-1" not in read
    is_refusal(await door.cancel(wire_id, customer.headers), 409, "wrong_state")
    assert await held(door.owner, customer.account) == (1_025_00, 1_025_00)


async def test_a_customer_is_not_told_why_a_similar_name_was_refused(door: Door) -> None:
    customer = await door.customer()
    person, officer = await door.officer("compliance_officer")
    wire_id = await door.ordered(customer, recipient_name="Viktor Grimsholmm")
    await door.screened(wire_id)
    assert (await door.seen(wire_id, customer.headers))["compliance_status"] == "pending"
    await door.cleared(wire_id)
    await door.reject(wire_id, officer, "same person as AD-1")
    assert (await door.seen(wire_id, officer))["reason"] == "same person as AD-1"
    shown = await door.seen(wire_id, customer.headers)
    assert (shown["status"], shown["compliance_status"], shown["reason"]) == ("rejected", "clear", None)
    read = await _everything_a_customer_reads(door, wire_id, customer.headers)
    assert not any(word in read for word in ("AD-1", "same person", str(person.id)))


async def test_a_timeline_names_officers_to_staff_alone(door: Door) -> None:
    customer = await door.customer()
    person, officer = await door.officer("compliance_officer")
    wire_id = await door.awaiting(customer)
    await door.approve(wire_id, officer, "looked at the contract")
    told = await door.timeline(wire_id, customer.headers)
    assert [(entry["event"], entry["actor"], entry["status"]) for entry in told] == [
        ("ordered", "customer", "pending"),
        ("screened", "process", "pending"),
        ("awaiting_approval", "process", "awaiting_approval"),
        ("approval_given", "officer", "approved"),
    ]
    assert told[0]["actor_id"] == str(customer.person.id)
    assert all(entry["actor_id"] is None and entry["data"] == {} for entry in told[1:])
    full = await door.timeline(wire_id, officer)
    assert (full[3]["actor_id"], full[3]["data"]["comment"]) == (str(person.id), "looked at the contract")
    read = await _everything_a_customer_reads(door, wire_id, customer.headers)
    assert str(person.id) not in read
    assert "looked at the contract" not in read


async def test_the_order_waits_in_the_outbox_while_temporal_is_away(door: Door) -> None:
    wire_id = await door.ordered(await door.customer())
    async with transaction(door.owner) as session:
        row = (await session.execute(text("SELECT workflow, workflow_id, dispatched_at FROM outbox"))).one()
    assert tuple(row) == ("wire", f"wire/{wire_id}", None)
