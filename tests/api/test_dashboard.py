"""The bank at a glance, the queue by its deadlines, and finding a wire: what the staff begin their day with."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories import wires as make
from tests.factories.wire_desk import WIRES, Door, is_refusal

DASHBOARD = "/api/v1/admin/dashboard"


@pytest.fixture
async def door(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _late(door: Door, wire_id: str, minutes: int) -> None:
    async with transaction(door.owner) as session:
        await session.execute(
            text("UPDATE wire_transfers SET sla_deadline = now() - make_interval(mins => :minutes) WHERE id = :id"),
            {"id": wire_id, "minutes": minutes},
        )


async def test_what_waits_is_counted(door: Door) -> None:
    _, operations = await door.officer("operations")
    empty = (await door.client.get(DASHBOARD, headers=operations)).json()
    assert (empty["to_decide"], empty["late"], empty["next_deadline"], len(empty["days"])) == (0, 0, None, 14)
    customer = await door.customer()
    waiting, late = await door.awaiting(customer), await door.awaiting(customer)
    await _late(door, late, 5)
    await door.ordered(customer)
    told = (await door.client.get(DASHBOARD, headers=operations)).json()
    assert (told["to_decide"], told["late"], told["under_way"], told["completed_today"]) == (2, 1, 1, 0)
    assert told["next_deadline"] == (await door.seen(waiting, operations))["sla_deadline"]
    assert (told["days"][-1]["wires"], sum(day["wires"] for day in told["days"])) == (3, 3)
    assert (told["frozen"], told["proven_at"], told["quarantined"], told["mail_failed"]) == (False, None, 0, 0)
    is_refusal(await door.client.get(DASHBOARD, headers=customer.headers), 403, "permission_missing")


async def test_what_has_to_be_decided_first_comes_first(door: Door) -> None:
    customer = await door.customer()
    wires = [await door.awaiting(customer) for _ in range(3)]
    for wire_id, minutes in zip(wires, (-30, 10, -60), strict=True):
        await _late(door, wire_id, minutes)
    _, officer = await door.officer("compliance_officer")
    query = {"status": "awaiting_approval", "order": "deadline", "limit": "2"}
    pages = [
        (await door.client.get(WIRES, params={**query, "page": page}, headers=officer)).json() for page in ("1", "2")
    ]
    assert [wire["id"] for page in pages for wire in page["data"]] == [wires[1], wires[0], wires[2]]
    assert [page["next_cursor"] for page in pages] == [None, None]
    newest = (await door.client.get(WIRES, headers=officer)).json()
    assert [wire["id"] for wire in newest["data"]] == wires[::-1]


async def test_a_wire_is_found_by_what_people_know_of_it(door: Door) -> None:
    customer = await door.customer()
    wire_id = await door.ordered(customer, recipient_name="Lindqvist 100% Möbel", reference="Invoice 4711")
    await door.ordered(customer, recipient_name="Globex Trading Ltd")
    _, officer = await door.officer("compliance_officer")
    wire = await door.seen(wire_id, officer)
    for words in ("lindqvist", "100% m", "4711", wire_id, wire["uetr"], wire["end_to_end_id"].lower()):
        found = (await door.client.get(f"{WIRES}/find", params={"q": words}, headers=officer)).json()
        assert [one["id"] for one in found["data"]] == [wire_id], words
    for words in ("nobody", "100_", "%", "\\"):
        found = (await door.client.get(f"{WIRES}/find", params={"q": words}, headers=officer)).json()
        assert [one["id"] for one in found["data"]] == ([wire_id] if words == "%" else []), words
    refused = await door.client.get(f"{WIRES}/find", params={"q": "x"}, headers=customer.headers)
    is_refusal(refused, 403, "permission_missing")
