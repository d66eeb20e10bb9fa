"""Many people at one moment: money is held once for what it covers, and each wire ends one legal way."""

import asyncio
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.factories import wires as make
from tests.factories.wire_desk import FEE, Door, held, is_refusal

COST = 1_000_00 + FEE
# Who comes first decides; only what is approved may still be cancelled.
LEGAL = {
    ("approve",): "approved",
    ("reject",): "rejected",
    ("cancel",): "cancelled",
    ("approve", "cancel"): "cancelled",
}


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The API, with a sanctions list behind it."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def test_money_for_seven_wires_is_held_for_seven_of_twenty(door: Door) -> None:
    customer = await door.customer(7 * COST + COST - 1)
    answers = await asyncio.gather(*(door.order(customer) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 7, 400: 13}
    for answer in answers:
        if answer.status_code == 400:
            is_refusal(answer, 400, "insufficient_funds")
    assert await held(door.owner, customer.account) == (7 * COST, 7 * COST)
    world = await door.world()
    assert {world.rows[table] for table in ("wire_transfers", "holds", "outbox", "wire_events")} == {7}
    assert Counter(world.audit) == {("done", None): 7, ("refused", "insufficient_funds"): 13}
    listed = await door.client.get("/api/v1/wires", headers=customer.headers)
    assert {wire["id"] for wire in listed.json()["data"]} == {
        answer.json()["id"] for answer in answers if answer.status_code == 201
    }


async def test_ten_orders_under_one_key_are_one_wire(door: Door) -> None:
    customer = await door.customer()
    answers = await asyncio.gather(*(door.order(customer, key="order 1") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    assert (await door.world()).rows["wire_transfers"] == 1
    assert await held(door.owner, customer.account) == (COST, COST)


async def test_ten_other_orders_under_one_key_are_one_wire_and_nine_conflicts(door: Door) -> None:
    customer = await door.customer()
    answers = await asyncio.gather(
        *(door.order(customer, key="order 1", reference=f"Invoice {number}") for number in range(10))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert await held(door.owner, customer.account) == (COST, COST)


async def test_orders_of_two_customers_do_not_wait_for_each_other_s_money(door: Door) -> None:
    customers = [await door.customer(COST) for _ in range(5)]
    answers = await asyncio.gather(*(door.order(customer) for customer in customers for _ in range(3)))
    assert Counter(answer.status_code for answer in answers) == {201: 5, 400: 10}
    assert [await held(door.owner, customer.account) for customer in customers] == [(COST, COST)] * 5


async def test_of_two_officers_at_once_one_approves(door: Door) -> None:
    customer = await door.customer()
    officers = [(await door.officer("compliance_officer"))[1] for _ in range(2)]
    for _ in range(10):
        wire_id = await door.awaiting(customer)
        answers = await asyncio.gather(*(door.approve(wire_id, officer) for officer in officers))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        for answer in answers:
            if answer.status_code == 409:
                is_refusal(answer, 409, "wrong_state")
        shown = await door.seen(wire_id, officers[0])
        assert (shown["status"], shown["approvals"]["given"]) == ("approved", 1)


async def test_two_officers_at_once_are_the_two_that_a_large_wire_needs(door: Door) -> None:
    customer = await door.customer()
    officers = [(await door.officer("compliance_officer"))[1] for _ in range(2)]
    for number in range(10):
        # Each to another account: what goes to one within a day is added up.
        wire_id = await door.awaiting(customer, amount="@300000.00@", recipient_account_number=f"7000{number}")
        answers = await asyncio.gather(*(door.approve(wire_id, officer) for officer in officers))
        assert [answer.status_code for answer in answers] == [200, 200]
        shown = await door.seen(wire_id, officers[0])
        assert (shown["status"], shown["approvals"]) == (
            "approved",
            {"required": 2, "given": 2, "senior_required": False},
        )


async def test_one_officer_who_clicks_five_times_gives_one_approval(door: Door) -> None:
    customer = await door.customer()
    _, officer = await door.officer("compliance_officer")
    wire_id = await door.awaiting(customer, amount="@300000.00@")
    answers = await asyncio.gather(*(door.approve(wire_id, officer) for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 4}
    assert (await door.seen(wire_id, officer))["approvals"]["given"] == 1


async def test_approval_rejection_and_cancel_at_once_leave_one_legal_outcome(door: Door) -> None:
    customer = await door.customer()
    officers = [(await door.officer("compliance_officer"))[1] for _ in range(2)]
    outcomes: Counter[tuple[str, ...]] = Counter()
    approved = 0
    for first in [*permutations(("approve", "reject", "cancel"))] * 5:
        wire_id = await door.awaiting(customer)
        calls = {
            "approve": lambda wire_id=wire_id: door.approve(wire_id, officers[0]),
            "reject": lambda wire_id=wire_id: door.reject(wire_id, officers[1]),
            "cancel": lambda wire_id=wire_id: door.cancel(wire_id, customer.headers),
        }
        answers = dict(zip(first, await asyncio.gather(*(calls[act]() for act in first)), strict=True))
        for answer in answers.values():
            if answer.status_code != 200:
                is_refusal(answer, 409, "wrong_state")
        done = tuple(act for act in ("approve", "reject", "cancel") if answers[act].status_code == 200)
        assert done in LEGAL, {act: answer.text for act, answer in answers.items()}
        status = (await door.seen(wire_id, customer.headers))["status"]
        assert status == LEGAL[done]
        approved += status == "approved"
        assert await held(door.owner, customer.account) == (approved * COST,) * 2
        told = [entry["event"] for entry in await door.timeline(wire_id, customer.headers)][3:]
        names = {"approve": "approval_given", "reject": "rejected", "cancel": "cancelled"}
        assert told == [names[act] for act in done]
        outcomes[done] += 1
    assert outcomes.total() == 30
    books = await make.books(door.owner)
    assert books["breaches"] == []
    assert not any(books["totals"].values())
