"""Asking for a wire back by HTTP: who may, when, how it is told, and that the key makes a repetition harmless."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.factories import wires as make
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The API, with a sanctions list behind it."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _released(door: Door, customer: Customer) -> str:
    wire_id = await door.awaiting(customer)
    _, officer = await door.officer("compliance_officer")
    assert (await door.approve(wire_id, officer)).status_code == 200
    await door.released(wire_id)
    return wire_id


async def _recall(door: Door, wire_id: str, headers: dict[str, str], **body: Any) -> Response:
    return await door.client.post(f"{WIRES}/{wire_id}/recall", json={"reason": "DUPL"} | body, headers=headers)


async def test_a_customer_asks_and_reads_where_it_stands(door: Door) -> None:
    customer = await door.customer()
    wire_id = await _released(door, customer)
    answered = await _recall(door, wire_id, customer.headers, reason="FRAD", comment="I was deceived")
    assert answered.status_code == 201, answered.text
    told = answered.json()
    assert (told["status"], told["reason"], told["comment"]) == ("requested", "FRAD", "I was deceived")
    assert (await door.seen(wire_id, customer.headers))["recalls"] == [told]
    assert [one["event"] for one in await door.timeline(wire_id, customer.headers)][-1] == "recall_requested"
    is_refusal(await _recall(door, wire_id, customer.headers), 409, "recall_open")
    assert (await door.world()).audit[-1] == ("refused", "recall_open")


async def test_an_officer_asks_and_the_customer_is_not_told_who(door: Door) -> None:
    customer = await door.customer()
    wire_id = await _released(door, customer)
    person, officer = await door.officer("compliance_officer")
    assert (await _recall(door, wire_id, officer)).json()["requested_by"] == str(person.id)
    assert (await door.seen(wire_id, customer.headers))["recalls"][0]["requested_by"] is None


@pytest.mark.parametrize("preset", ["operations", "auditor"])
async def test_who_only_reads_does_not_recall(door: Door, preset: str) -> None:
    wire_id = await _released(door, await door.customer())
    _, reader = await door.officer(preset)
    is_refusal(await _recall(door, wire_id, reader), 403, "permission_missing")


async def test_before_it_has_left_it_is_cancelled_instead_and_a_strangers_does_not_exist(door: Door) -> None:
    customer, stranger = await door.customer(), await door.customer()
    wire_id = await door.awaiting(customer)
    is_refusal(await _recall(door, wire_id, customer.headers), 409, "wrong_state")
    is_refusal(await _recall(door, wire_id, stranger.headers), 404, "not_found")
    assert (await door.cancel(wire_id, customer.headers)).status_code == 200
    is_refusal(await _recall(door, wire_id, customer.headers), 409, "wrong_state")


@pytest.mark.parametrize(
    "body", [{"reason": "NOPE"}, {"reason": 7}, {"comment": "x" * 211}, {"more": 1}, {"comment": "\u202e"}]
)
async def test_a_malformed_request_is_refused_and_nothing_is_kept(door: Door, body: dict[str, Any]) -> None:
    customer = await door.customer()
    wire_id = await _released(door, customer)
    is_refusal(await _recall(door, wire_id, customer.headers, **body), 422, "invalid_request")
    assert (await door.seen(wire_id, customer.headers))["recalls"] == []


async def test_the_same_request_twice_is_one_recall(door: Door) -> None:
    customer = await door.customer()
    wire_id = await _released(door, customer)
    headers = customer.headers | {"Idempotency-Key": "once"}
    first, second = await _recall(door, wire_id, headers), await _recall(door, wire_id, headers)
    assert (first.status_code, second.json()) == (201, first.json())
    assert len((await door.seen(wire_id, customer.headers))["recalls"]) == 1
