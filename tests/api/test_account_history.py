"""What was on an account, day by day and at a moment; what moves on it; how it is frozen and closed."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import ledger
from tests.factories.teller import Teller
from tests.factories.wire_desk import is_refusal, order

ACCOUNTS = "/api/v1/accounts"


@pytest.fixture
def teller(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Teller:
    return Teller(app, client, owner_engine)


async def _get(teller: Teller, headers: dict[str, str], path: str, **params: Any) -> dict[str, Any]:
    answered = await teller.client.get(f"{ACCOUNTS}/{path}", params=params, headers=headers)
    assert answered.status_code == 200, answered.text
    told: dict[str, Any] = answered.json()
    return told


async def _days_ago(teller: Teller, account: UUID, days: dict[int, int]) -> None:
    """Puts the postings of an account back: the version, and how many days ago it was."""
    async with transaction(teller.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for version, ago in days.items():
            await session.execute(
                text(
                    "UPDATE postings SET created_at = now() - make_interval(days => :ago)"
                    " WHERE account_id = :account AND account_version = :version"
                ),
                {"ago": ago, "account": account, "version": version},
            )


async def test_a_past_balance_is_what_the_postings_until_then_left(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_00), str(await teller.account(me))
    for amount in (10, 20, 30):
        assert (await teller.transfer(mine, source, to_account_id=target, amount=amount)).status_code == 201
    await _days_ago(teller, source, {1: 9, 2: 5, 3: 5, 4: 1})
    now = datetime.now(UTC)
    for days, balance in ((10, 0.0), (8, 100.0), (6, 100.0), (4, 70.0), (2, 70.0), (0.5, 40.0)):
        at = (now - timedelta(days=days)).isoformat()
        seen = await _get(teller, mine, f"{source}/balance", at=at)
        assert (seen["balance"], seen["available_balance"], seen["held"]) == (balance, balance, 0.0), days
        assert datetime.fromisoformat(seen["as_of"]) == datetime.fromisoformat(at)
    later = (now + timedelta(hours=1)).isoformat()
    refused = await teller.client.get(f"{ACCOUNTS}/{source}/balance", params={"at": later}, headers=mine)
    is_refusal(refused, 400, "refused")
    today = now.date()
    told = await _get(teller, mine, f"{source}/history", **{"from": str(today - timedelta(days=10))})
    assert (told["currency"], len(told["data"])) == ("EUR", 11)
    balances = {date.fromisoformat(day["date"]): day["balance"] for day in told["data"]}
    expected = {10: 0.0, 9: 100.0, 6: 100.0, 5: 70.0, 2: 70.0, 1: 40.0, 0: 40.0}
    assert {ago: balances[today - timedelta(days=ago)] for ago in expected} == expected
    assert len((await _get(teller, mine, f"{source}/history"))["data"]) == 31
    for params in ({"from": str(today), "to": str(today - timedelta(days=1))}, {"from": "2001-01-01"}):
        refused = await teller.client.get(f"{ACCOUNTS}/{source}/history", params=params, headers=mine)
        is_refusal(refused, 400, "refused")


async def test_activity_is_what_waits_and_what_moved_with_the_balance_it_left(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 5_000_00, "USD"), str(await teller.account(me, 0, "USD"))
    for amount in (10, 20):
        done = await teller.transfer(mine, source, to_account_id=target, amount=amount, description=f"part {amount}")
        assert done.status_code == 201
    wire = await teller.client.post("/api/v1/wires", json=order(source, amount=1000), headers=mine)
    assert wire.status_code == 201, wire.text
    told = await _get(teller, mine, f"{source}/activity", limit=2)
    assert [(hold["owner_id"], hold["amount"]) for hold in told["pending"]] == [(wire.json()["id"], 1025.0)]
    assert [(one["description"], one["amount"], one["balance_after"]) for one in told["data"]] == [
        ("part 20", -20.0, 4970.0),
        ("part 10", -10.0, 4990.0),
    ]
    rest = await _get(teller, mine, f"{source}/activity", limit=2, before=told["next_before"])
    assert [one["transaction_type"] for one in rest["data"]] == ["opening"]
    assert (rest["pending"], rest["next_before"]) == ([], None)


async def test_of_another_customer_nothing_is_told_and_nothing_changed(teller: Teller) -> None:
    me, _ = await teller.customer()
    _, thief = await teller.customer()
    account = await teller.account(me)
    url, moment = f"{ACCOUNTS}/{account}", {"at": datetime.now(UTC).isoformat()}
    for answered in (
        await teller.client.get(f"{url}/balance", params=moment, headers=thief),
        await teller.client.get(f"{url}/history", headers=thief),
        await teller.client.get(f"{url}/activity", headers=thief),
        await teller.client.put(url, json={"status": "frozen"}, headers=thief),
        await teller.client.delete(url, headers=thief),
    ):
        is_refusal(answered, 404, "not_found")


async def test_an_owner_freezes_and_the_bank_alone_lifts_it(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_00), str(await teller.account(me))
    url = f"{ACCOUNTS}/{source}"
    for _ in range(2):
        frozen = await teller.client.put(url, json={"status": "frozen", "name": "Lost card"}, headers=mine)
        assert (frozen.status_code, frozen.json()["status"], frozen.json()["name"]) == (200, "frozen", "Lost card")
    is_refusal(await teller.transfer(mine, source, to_account_id=target), 400, "account_unusable")
    is_refusal(await teller.client.put(url, json={"status": "active"}, headers=mine), 409, "wrong_state")
    assert (await teller.client.put(url, json={}, headers=mine)).status_code == 422


async def test_an_account_closes_empty_and_says_what_is_in_the_way(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 1_125_00, "USD"), str(await teller.account(me, 0, "USD"))
    url = f"{ACCOUNTS}/{source}"
    wire = (await teller.client.post("/api/v1/wires", json=order(source, amount=1000), headers=mine)).json()
    refused = await teller.client.delete(url, headers=mine)
    is_refusal(refused, 409, "wrong_state")
    assert refused.json()["in_the_way"] == ["balance", "holds", "processes"]
    assert (await teller.client.delete(f"/api/v1/wires/{wire['id']}", headers=mine)).status_code == 200
    refused = await teller.client.delete(url, headers=mine)
    assert refused.json()["in_the_way"] == ["balance"]
    assert (await teller.transfer(mine, source, to_account_id=target, amount=1125)).status_code == 201
    closed = await teller.client.delete(url, headers=mine)
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    assert closed.json()["closed_at"] is not None
    assert (await teller.client.delete(url, headers=mine)).status_code == 200
    is_refusal(await teller.client.put(url, json={"status": "frozen"}, headers=mine), 409, "wrong_state")
    is_refusal(await teller.transfer(mine, target, to_account_id=str(source), amount=1), 400, "account_unusable")


async def test_a_balance_read_while_money_moves_is_one_that_was_there(teller: Teller) -> None:
    """Nothing is read half done: of two accounts that pay each other, each shows a balance that a posting left."""
    me, mine = await teller.customer()
    one, other = await teller.account(me, 500_00), await teller.account(me, 500_00)
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        for _ in range(15):
            seen.append(await _get(teller, mine, f"{one}/balance"))
            seen.append(await _get(teller, mine, f"{one}/balance", at=datetime.now(UTC).isoformat()))

    moves = (
        teller.transfer(mine, a, to_account_id=str(b), amount=7)
        for a, b in [(one, other), (other, one)]
        for _ in range(15)
    )
    answers, *_ = await asyncio.gather(asyncio.gather(*moves), look(), look())
    assert {answer.status_code for answer in answers} == {201}
    assert {(balance["balance"] * 100 - 500_00) % 700 for balance in seen} == {0.0}
    async with transaction(teller.owner) as session:
        assert (await ledger.balance(session, one)).posted_minor == 500_00
    assert await teller.breaches() == []
