"""Call-backs by HTTP and at the console: who records one, who sees which number, and what the evidence tells."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from infra import evidence
from models.evidence import Outcome, examined
from tests.factories import wires as make
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal

HIGH = {"amount": "@2000000.00@"}
CALL = {"spoken_to": "Clara Fontaine", "result": "confirmed", "note": "Named amount and recipient"}
NUMBER = "+31201234567"
Headers = dict[str, str]


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def large(door: Door) -> tuple[str, Customer]:
    """A wire that takes a call-back, of a customer whose number is known."""
    customer = await door.customer()
    await make.known_number(door.owner, customer.person.id)
    return await door.routed(customer, **HIGH), customer


async def call(door: Door, wire_id: str, headers: Headers, **changes: Any) -> httpx.Response:
    """Somebody records a call."""
    return await door.client.post(f"{WIRES}/{wire_id}/call-backs", json=CALL | changes, headers=headers)


async def test_a_call_is_recorded_by_officers_on_the_number_on_file(door: Door) -> None:
    wire_id, customer = await large(door)
    (_, caller), (_, senior) = [
        await door.officer(preset) for preset in ("compliance_officer", "senior_compliance_officer")
    ]
    _, auditor = await door.officer("auditor")
    for headers in (customer.headers, auditor):
        is_refusal(await call(door, wire_id, headers), 403, "permission_missing")
    is_refusal(await door.approve(wire_id, senior), 409, "call_back_missing")
    assert (await call(door, wire_id, caller, number="+4930123456")).status_code == 422
    assert (await call(door, wire_id, caller, result="perhaps")).status_code == 422
    made = await call(door, wire_id, caller)
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["required"], told["number"], [one["number"] for one in told["data"]]) == (True, NUMBER, [NUMBER])
    seen = (await door.client.get(f"{WIRES}/{wire_id}/call-backs", headers=auditor)).json()
    assert (seen["number"], seen["data"][0]["spoken_to"]) == (None, "Clara Fontaine")
    is_refusal(
        await door.client.get(f"{WIRES}/{wire_id}/call-backs", headers=customer.headers), 403, "permission_missing"
    )
    assert not [line for line in await door.timeline(wire_id, customer.headers) if "call" in line["event"]]
    for headers in (caller, senior):
        assert (await door.approve(wire_id, headers)).status_code == 200
    assert (await door.seen(wire_id, senior))["status"] == "approved"


async def test_a_customer_without_a_known_number_cannot_be_called(door: Door) -> None:
    wire_id = await door.routed(await door.customer(phone="+31201234567"), **HIGH)
    _, officer = await door.officer("compliance_officer")
    is_refusal(await call(door, wire_id, officer), 400, "no_known_number")
    seen = await door.client.get(f"{WIRES}/{wire_id}/call-backs", headers=officer)
    assert (seen.json()["required"], seen.json()["number"]) == (True, None)


async def test_what_an_officer_saw_changes_with_a_call(door: Door) -> None:
    wire_id, _ = await large(door)
    (_, first), (_, second) = [await door.officer("compliance_officer") for _ in range(2)]
    await call(door, wire_id, first)
    seen = (await door.client.get(f"{WIRES}/{wire_id}/approval", headers=second)).json()["evidence_hash"]
    await call(door, wire_id, first, result="not_reached")
    stale = await door.client.put(f"{WIRES}/{wire_id}/approve", json={"evidence_hash": seen}, headers=second)
    is_refusal(stale, 409, "evidence_changed")


async def test_the_evidence_tells_who_called_and_of_a_forgery(door: Door) -> None:
    wire_id, _ = await large(door)
    (_, caller), (_, senior) = [
        await door.officer(preset) for preset in ("compliance_officer", "senior_compliance_officer")
    ]
    await call(door, wire_id, caller)
    for headers in (caller, senior):
        await door.approve(wire_id, headers)
    _, auditor = await door.officer("auditor")
    got = await door.client.get(f"{WIRES}/{wire_id}/evidence", params={"format": "json"}, headers=auditor)
    pack = evidence.read(got.content)

    def found(about: Any) -> list[Outcome]:
        return [one.outcome for one in examined(about) if "telephone" in one.check or "called" in one.check]

    assert (pack.call_backs[0]["number"], found(pack)) == (NUMBER, [Outcome.PROVEN, Outcome.PROVEN])
    denied = pack.call_backs[0] | {"result": "denied"}
    assert found(pack.model_copy(update={"call_backs": [*pack.call_backs, denied]}))[0] is Outcome.BROKEN
    assert found(pack.model_copy(update={"call_backs": []}))[0] is Outcome.BROKEN
    shown = await door.client.get(f"{WIRES}/{wire_id}/evidence", headers=auditor)
    assert shown.content.startswith(b"%PDF-")


async def test_the_console_shows_the_number_and_records_the_call(door: Door, app: FastAPI) -> None:
    wire_id, _ = await large(door)
    officer, _ = await door.officer("compliance_officer")
    page = f"/console/wires/{wire_id}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://aurum.test") as browser:
        await browser.post(
            "/console/sign-in", data={"email": officer.email, "password": officer.password, "next": page}
        )
        shown = await browser.get(page)
        assert NUMBER in shown.text
        assert "Nobody approves before the customer has confirmed" in shown.text
        found = re.search(r'name="csrf" value="([^"]+)"', shown.text)
        assert found
        done = await browser.post(f"{page}/call-back", data={"csrf": found[1], **CALL})
        assert done.status_code == 303, done.text
        after = (await browser.get(page)).text
    assert "Named amount and recipient" in after
    assert "Nobody approves before the customer has confirmed" not in after
