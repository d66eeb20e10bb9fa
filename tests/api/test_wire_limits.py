"""Limits of wires by HTTP: counted where the money is set aside, and free again where none of it leaves."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.bank import AnswerKind
from tests.activities.test_wire_races import Bench
from tests.factories import wires as make
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal

URL = f"{WIRES}/limits"


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _limits(door: Door, customer: Customer, currency: str = "USD") -> dict[str, Any]:
    answered = await door.client.get(URL, params={"currency": currency}, headers=customer.headers)
    assert answered.status_code == 200, answered.text
    (found,) = answered.json()["data"]
    return dict(found)


async def _uses(owner: AsyncEngine) -> int:
    async with transaction(owner) as session:
        return int((await session.execute(text("SELECT count(*) FROM limit_uses WHERE family = 'wire'"))).scalar_one())


async def test_limits_say_what_is_used_what_is_left_and_when_it_is_free_again(door: Door) -> None:
    customer = await door.customer(tier="premium")
    answered = await door.client.get(URL, headers=customer.headers)
    assert answered.json()["tier"] == "premium"
    assert [one["currency"] for one in answered.json()["data"]] == ["EUR", "GBP", "USD"]
    assert '"per_wire":{"limit":100000.00,"used":0.00,"left":100000.00,"resets_at":null}' in answered.text
    await door.ordered(customer, amount=30_000)
    first = datetime.now(UTC)
    await door.ordered(customer, amount=20_000)
    found = await _limits(door, customer)
    assert found["per_wire"] == {"limit": 100_000, "used": 0, "left": 100_000, "resets_at": None}
    assert (found["day"]["used"], found["day"]["left"]) == (50_000, 50_000)
    assert (found["month"]["used"], found["month"]["left"]) == (50_000, 450_000)
    resets = datetime.fromisoformat(found["day"]["resets_at"])
    assert abs(resets - first - timedelta(hours=24)) < timedelta(seconds=20)
    assert (await _limits(door, customer, "EUR"))["day"]["used"] == 0


async def test_a_refusal_names_the_limit_what_is_used_and_when_it_fits(door: Door) -> None:
    customer = await door.customer(tier="standard")
    too_much = await door.order(customer, amount="10000.01")
    is_refusal(too_much, 400, "limit_exceeded")
    assert (too_much.json()["limit_name"], too_much.json()["resets_at"]) == ("per_wire", None)
    await door.ordered(customer, amount=9_000)
    before = await door.world()
    refused = await door.order(customer, amount="1000.01")
    is_refusal(refused, 400, "limit_exceeded")
    assert '"limit":10000.00,"used":9000.00,"left":1000.00,' in refused.text
    assert refused.json()["limit_name"] == "day"
    assert datetime.fromisoformat(refused.json()["resets_at"]) > datetime.now(UTC) + timedelta(hours=23)
    after = await door.world()
    assert (after.rows, after.money) == (before.rows, before.money)
    await door.ordered(customer, amount=1_000)


async def test_whoever_lacks_money_and_room_is_told_of_the_money(door: Door) -> None:
    customer = await door.customer(100_00, tier="standard")
    is_refusal(await door.order(customer, amount=20_000), 400, "insufficient_funds")


async def test_of_twenty_at_once_no_more_pass_than_there_is_room_for(door: Door) -> None:
    customer = await door.customer(tier="standard")
    other = await make.account(door.owner, customer.person.id, "USD", 10_000_000_00)
    accounts = [str(customer.account), str(other)]
    answers = await asyncio.gather(
        *(door.order(customer, amount=1_500, from_account_id=accounts[number % 2]) for number in range(20))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 6, 400: 14}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"limit_exceeded"}
    assert (await _limits(door, customer))["day"]["used"] == 9_000
    assert await _uses(door.owner) == 6


async def test_the_same_order_twice_is_counted_once(door: Door) -> None:
    customer = await door.customer(tier="standard")
    for _ in range(3):
        assert (await door.order(customer, amount=6_000, key="once")).status_code == 201
    assert (await _limits(door, customer))["day"]["used"] == 6_000


async def test_a_wire_that_is_cancelled_or_rejected_gives_its_room_back(door: Door) -> None:
    customer = await door.customer(tier="standard")
    _, officer = await door.officer("compliance_officer")
    for _ in range(2):
        wire = await door.awaiting(customer, amount=10_000)
        assert (await door.cancel(wire, customer.headers)).status_code == 200
        wire = await door.awaiting(customer, amount=10_000)
        assert (await door.reject(wire, officer)).status_code == 200
    wire = await door.ordered(customer, amount=10_000, recipient_name="Viktor Grimsholm")
    await door.screened(wire)
    is_refusal(await door.order(customer, amount=10_000), 400, "limit_exceeded")


async def test_what_never_left_is_free_again_and_what_left_is_used(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    bench = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    bench.people = await make.people(owner_engine)
    await bench.deadline(await bench.awaiting())
    assert await _uses(owner_engine) == 0
    refused = await bench.sent()
    assert await _uses(owner_engine) == 1
    await bench.bank_says(AnswerKind.REJECTED)(refused)
    assert await _uses(owner_engine) == 0
    paid = await bench.sent()
    await bench.bank_says(AnswerKind.BOOKED)(paid)
    await bench.bank_says(AnswerKind.RETURNED)(paid)
    assert await _uses(owner_engine) == 1


async def test_staff_have_no_limits(door: Door) -> None:
    _, officer = await door.officer("compliance_officer")
    answered = await door.client.get(URL, headers=officer)
    assert answered.status_code == 403
