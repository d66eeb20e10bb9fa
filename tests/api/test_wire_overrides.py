"""Emergency overrides by HTTP and at the console: who may, what a fresh proof is for, the list, and the evidence."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra import evidence
from infra.database import transaction
from models.evidence import Outcome, examined
from models.tables import calendars
from tests.factories import wires as make
from tests.factories.users import Person
from tests.factories.wire_desk import WIRES, Door, is_refusal

ADMIN = "/api/v1/admin"
HIGH = {"amount": "@2000000.00@"}
REASON = {"reason": "Both officers are unreachable and the sale closes at noon"}
FINDING = {"finding": "justified", "note": "They were ill; the contract is on file"}
Headers = dict[str, str]


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP, with the desk's own calendar."""
    await make.sanctions_list(owner_engine)
    async with transaction(owner_engine) as session:
        await calendars.top_up(session, datetime.now(UTC).date())
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def put(door: Door, path: str, headers: Headers, body: Any = None) -> httpx.Response:
    """An act at an address of a wire."""
    return await door.client.put(f"{WIRES}/{path}", json=body, headers=headers)


async def seniors(door: Door) -> tuple[Headers, Headers]:
    """Two senior officers, signed in."""
    first, second = [(await door.officer("senior_compliance_officer"))[1] for _ in range(2)]
    return first, second


async def overridden(door: Door) -> tuple[str, Headers]:
    """A wire that two senior officers approved; its id, and what its customer sends."""
    customer = await door.customer()
    wire_id = await door.awaiting(customer, **HIGH)
    first, second = await seniors(door)
    assert (await put(door, f"{wire_id}/override", first, REASON)).status_code == 200
    confirmed = await put(door, f"{wire_id}/override/confirm", second)
    assert confirmed.json()["status"] == "approved", confirmed.text
    return wire_id, customer.headers


async def test_two_seniors_approve_and_others_do_not(door: Door) -> None:
    customer = await door.customer()
    wire_id = await door.awaiting(customer, **HIGH)
    first, second = await seniors(door)
    for headers in (customer.headers, (await door.officer("compliance_officer"))[1]):
        is_refusal(await put(door, f"{wire_id}/override", headers, REASON), 403, "permission_missing")
    is_refusal(await put(door, f"{wire_id}/override/confirm", second), 404, "not_found")
    assert (await put(door, f"{wire_id}/override", first, {"reason": "soon"})).status_code == 422
    seen = (await door.client.get(f"{WIRES}/{wire_id}/approval", headers=first)).json()["evidence_hash"]
    stale = REASON | {"evidence_hash": "0" * 64}
    is_refusal(await put(door, f"{wire_id}/override", first, stale), 409, "evidence_changed")
    assert (await put(door, f"{wire_id}/override", first, REASON | {"evidence_hash": seen})).status_code == 200
    is_refusal(await put(door, f"{wire_id}/override", second, REASON), 409, "override_proposed")
    is_refusal(await put(door, f"{wire_id}/override/confirm", first), 403, "four_eyes")
    assert (await door.client.delete(f"{WIRES}/{wire_id}/override", headers=second)).status_code == 200
    assert (await put(door, f"{wire_id}/override", second, REASON)).status_code == 200
    done = (await put(door, f"{wire_id}/override/confirm", first)).json()
    assert (done["status"], [one["passed_over"] for one in done["data"]]) == ("approved", [None, ["officer", "senior"]])
    is_refusal(await put(door, f"{wire_id}/override", first, REASON), 409, "wrong_state")


async def test_it_asks_for_a_fresh_proof_and_does_nothing_without(door: Door) -> None:
    wire_id = await door.awaiting(await door.customer(), **HIGH)
    first, second = await seniors(door)
    await put(door, f"{wire_id}/override", first, REASON)
    async with transaction(door.owner) as session:
        await session.execute(text("UPDATE sessions SET auth_time = now() - interval '6 minutes'"))
    before = await door.world()
    is_refusal(await put(door, f"{wire_id}/override/confirm", second), 403, "step_up_required")
    assert (await door.world()).rows == before.rows
    assert (await door.seen(wire_id, second))["status"] == "awaiting_approval"


async def test_a_customer_sees_an_approval_and_no_override(door: Door) -> None:
    wire_id, customer = await overridden(door)
    is_refusal(await door.client.get(f"{WIRES}/{wire_id}/override", headers=customer), 403, "permission_missing")
    told = await door.timeline(wire_id, customer)
    assert [line["event"] for line in told][-1] == "approval_given"
    assert not [line for line in told if "override" in str(line)]


async def test_after_reviews_are_listed_and_closed_by_a_third_person(door: Door) -> None:
    wire_id, _ = await overridden(door)
    _, auditor = await door.officer("auditor")
    _, third = await door.officer("compliance_officer")
    listed = (await door.client.get(f"{ADMIN}/overrides", params={"only_open": True}, headers=auditor)).json()
    (review,) = listed["data"]
    assert (review["wire_id"], review["stage"], review["amount"], listed["total"]) == (
        wire_id, "running", 2000000.00, 1,
    )  # fmt: skip
    url = f"{ADMIN}/overrides/{review['override_id']}"
    is_refusal(await door.client.put(url, json=FINDING, headers=auditor), 403, "permission_missing")
    one_of_the_two = {"user": review["confirmed_by"]}
    closed = await door.client.put(url, json=FINDING, headers=third)
    assert closed.status_code == 200, closed.text
    assert one_of_the_two["user"] not in closed.text
    is_refusal(await door.client.put(url, json=FINDING, headers=third), 409, "already_decided")
    left = await door.client.get(f"{ADMIN}/overrides", params={"only_open": True}, headers=auditor)
    assert left.json()["data"] == []


async def test_the_evidence_tells_of_it_and_of_a_forgery(door: Door) -> None:
    wire_id, _ = await overridden(door)
    await door.released(wire_id)
    _, auditor = await door.officer("auditor")

    async def pack() -> Any:
        got = await door.client.get(f"{WIRES}/{wire_id}/evidence", params={"format": "json"}, headers=auditor)
        return evidence.read(got.content)

    def found(about: Any) -> dict[str, Outcome]:
        return {one.check: one.outcome for one in examined(about) if "override" in one.check or "enough" in one.check}

    assert found(await pack()) == {
        "enough approvals": Outcome.PROVEN,
        "two officers decided the override": Outcome.PROVEN,
        "what both saw of the override is what was kept": Outcome.PROVEN,
        "after-review of the override": Outcome.OPEN,
    }
    _, third = await door.officer("compliance_officer")
    override = (await pack()).overrides[0]
    await door.client.put(f"{ADMIN}/overrides/{override['id']}", json=FINDING, headers=third)
    closed = await pack()
    assert found(closed)["after-review of the override"] is Outcome.PROVEN
    forged = closed.model_copy(update={"overrides": [closed.overrides[0] | {"confirmed_by": override["proposed_by"]}]})
    assert found(forged)["two officers decided the override"] is Outcome.BROKEN
    assert found(closed.model_copy(update={"overrides": []}))["enough approvals"] is Outcome.BROKEN
    shown = await door.client.get(f"{WIRES}/{wire_id}/evidence", headers=auditor)
    assert shown.content.startswith(b"%PDF-")


async def test_the_console_proposes_confirms_and_closes(door: Door, app: FastAPI) -> None:
    wire_id = await door.awaiting(await door.customer(), **HIGH)

    async def visit(person: Person, act: str, at: str, button: str, **fields: str) -> str:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as browser:
            await browser.post(
                "/console/sign-in", data={"email": person.email, "password": person.password, "next": at}
            )
            shown = await browser.get(at)
            assert button in shown.text
            found = re.search(r'name="csrf" value="([^"]+)"', shown.text)
            assert found
            seen = re.search(r'name="evidence_hash" value="([^"]+)"', shown.text)
            named = {"evidence_hash": seen[1]} if seen else {}
            done = await browser.post(act, data={"csrf": found[1], **named, **fields})
            assert done.status_code == 303, done.text
            return (await browser.get(at)).text

    page = f"/console/wires/{wire_id}"
    first, second = [(await door.officer("senior_compliance_officer"))[0] for _ in range(2)]
    third, _ = await door.officer("compliance_officer")
    assert "waits for another" in await visit(first, f"{page}/override", page, "Propose an override", **REASON)
    assert "after-review" in await visit(second, f"{page}/confirm-override", page, "Confirm the override")
    async with transaction(door.owner) as session:
        override = (await session.execute(text("SELECT id FROM wire_overrides"))).scalar_one()
    listed = await visit(third, f"/console/overrides/{override}", "/console/overrides", "It was justified", **FINDING)
    assert "They were ill" in listed
    assert "It was justified" not in listed
