"""What callers see of the proof of the ledger, and of a ledger that is frozen."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import Breach
from models.side_proofs import SideProofKind
from models.tables import ledger_proofs, side_proofs
from models.tables.side_proofs import Found
from tests.factories import wires as make
from tests.factories.damage import damage
from tests.factories.wire_desk import Door, is_refusal

PROOF = "/api/v1/admin/ledger-proof"


@pytest.fixture
async def door(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _prove(engine: AsyncEngine) -> None:
    async with transaction(engine) as session:
        await ledger_proofs.prove(session, datetime.now(UTC))


async def test_the_books_are_shown_to_those_who_watch(door: Door, worker_engine: AsyncEngine) -> None:
    _, operations = await door.officer("operations")
    empty = (await door.client.get(PROOF, headers=operations)).json()
    beside = empty.pop("beside")
    assert empty == {"frozen": False, "freeze": None, "latest": None, "history": []}
    assert [(one["kind"], one["state"]) for one in beside] == [("processes", "not_proven"), ("flows", "not_proven")]
    customer = await door.customer()
    await _prove(worker_engine)
    await damage(door.owner, "UPDATE accounts SET held_minor = 5 WHERE id = :id", id=customer.account)
    await _prove(worker_engine)
    for preset in ("operations", "auditor"):
        _, headers = await door.officer(preset)
        told = (await door.client.get(PROOF, headers=headers)).json()
        assert [proof["holds"] for proof in told["history"]] == [False, True]
        assert told["latest"] == told["history"][0]
        (breach,) = told["latest"]["breaches"]
        assert (breach["rule"], breach["expected"], breach["found"]) == ("held_is_sum_of_open_holds", 0, 5)
        assert told["frozen"]
        assert "held_is_sum_of_open_holds" in told["freeze"]["reason"]
        assert len((await door.client.get(f"{PROOF}?limit=1", headers=headers)).json()["history"]) == 1
    _, officer = await door.officer("compliance_officer")
    for headers in (customer.headers, officer):
        is_refusal(await door.client.get(PROOF, headers=headers), 403, "permission_missing")
    is_refusal(await door.client.get(PROOF), 401, "not_authenticated")


async def test_operations_are_told_of_a_freeze_once(door: Door, worker_engine: AsyncEngine) -> None:
    customer = await door.customer()
    olga, _ = await door.officer("operations")
    chief, _ = await door.officer("super_admin")
    await door.officer("auditor")
    await damage(door.owner, "UPDATE accounts SET held_minor = 5 WHERE id = :id", id=customer.account)
    for _ in range(2):
        await _prove(worker_engine)
    async with transaction(door.owner) as session:
        told = await session.execute(
            text("SELECT user_id, subject, body FROM notifications WHERE event = 'operations.ledger_freeze'")
        )
        letters = {row.user_id: row for row in told}
        waiting = await session.execute(text("SELECT count(*) FROM outbox WHERE workflow = 'notification'"))
        assert waiting.scalar_one() == 2
    assert set(letters) == {olga.id, chief.id}
    assert "held_is_sum_of_open_holds" in letters[olga.id].body


async def test_what_is_proven_beside_the_books_is_shown_and_freezes_nothing(
    door: Door, worker_engine: AsyncEngine
) -> None:
    _, operations = await door.officer("operations")
    async with transaction(worker_engine) as session:
        await side_proofs.keep(session, SideProofKind.FLOWS, "one", Found(checked=3), 5)
        await side_proofs.keep(session, SideProofKind.PROCESSES, "two", Found(note="Temporal is away"), 5)
    told = (await door.client.get(PROOF, headers=operations)).json()
    assert [(one["kind"], one["state"], one["note"]) for one in told["beside"]] == [
        ("processes", "not_proven", "Temporal is away"),
        ("flows", "holds", ""),
    ]
    await damage(door.owner, "UPDATE side_proofs SET at = at - interval '4 days'")
    told = (await door.client.get(PROOF, headers=operations)).json()
    assert {one["state"] for one in told["beside"]} == {"not_proven"}
    orphan = Breach(rule="open_hold_has_running_process", subject="wire/1", expected=0, found=500)
    for run in ("three", "four"):  # told once, as long as it is the same
        async with transaction(worker_engine) as session:
            await side_proofs.keep(session, SideProofKind.PROCESSES, run, Found(findings=(orphan,)), 5)
    told = (await door.client.get(PROOF, headers=operations)).json()
    assert (told["beside"][0]["state"], told["beside"][0]["findings"][0]["subject"]) == ("found", "wire/1")
    assert not told["frozen"]
    async with transaction(door.owner) as session:
        letters = await session.execute(text("SELECT body FROM notifications WHERE event = 'operations.processes'"))
        (body,) = letters.scalars()
        assert "wire/1" in body


async def test_an_order_is_refused_for_a_while_and_taken_with_the_same_key_afterwards(door: Door) -> None:
    customer = await door.customer()
    async with transaction(door.owner) as session:
        await session.execute(text("INSERT INTO ledger_freezes (reason) VALUES ('a test')"))
    before = await door.world()
    refused = await door.order(customer, key="order 7")
    is_refusal(refused, 503, "ledger_frozen")
    assert int(refused.headers["Retry-After"]) == refused.json()["retry_after"] > 0
    after = await door.world()
    assert (after.rows, after.money) == (before.rows, before.money)
    assert after.audit[-1] == ("failed", "ledger_frozen")
    async with transaction(door.owner) as session:
        await ledger_proofs.unfreeze(session, "a test", "olga")
    assert (await door.order(customer, key="order 7")).status_code == 201


async def test_a_transfer_has_an_origin_and_is_not_made_while_the_ledger_is_frozen(
    door: Door, worker_engine: AsyncEngine
) -> None:
    payer = await door.customer(minor=1_000_00)
    savings = await make.account(door.owner, payer.person.id, "USD", 0)
    body = {"from_account_id": str(payer.account), "to_account_id": str(savings), "amount": "10.00"}

    async def transfer(key: str) -> httpx.Response:
        headers = payer.headers | {"Idempotency-Key": key}
        return await door.client.post("/api/v1/transactions/transfer", json=body, headers=headers)

    assert (await transfer("one")).status_code == 201
    async with transaction(worker_engine) as session:
        assert await ledger_proofs.breaches(session, datetime.now(UTC) + timedelta(hours=1)) == []
    async with transaction(door.owner) as session:
        await session.execute(text("INSERT INTO ledger_freezes (reason) VALUES ('a test')"))
    assert (await transfer("one")).status_code == 201  # what was done is told again
    refused = await transfer("two")
    is_refusal(refused, 503, "ledger_frozen")
    assert refused.headers["Retry-After"] == "300"
    async with transaction(door.owner) as session:
        await ledger_proofs.unfreeze(session, "a test", "olga")
    assert (await transfer("two")).status_code == 201
