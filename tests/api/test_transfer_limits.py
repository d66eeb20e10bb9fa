"""Limits of transfers by HTTP: counted where the money moves, so that no two at once pass on the same room."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.teller import Teller
from tests.factories.wire_desk import is_refusal


@pytest.fixture
def teller(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Teller:
    return Teller(app, client, owner_engine)


async def _aged(teller: Teller, hours: int) -> None:
    """Lets hours go by since everything that was used."""
    async with transaction(teller.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE limit_uses SET at = at - make_interval(hours => :hours)"), {"hours": hours})


async def _uses(teller: Teller) -> int:
    async with transaction(teller.owner) as session:
        return int((await session.execute(text("SELECT count(*) FROM limit_uses"))).scalar_one())


async def test_a_refusal_names_the_limit_what_is_used_what_is_left_and_when_it_fits(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_000_00), str(await teller.account(me))
    assert (await teller.transfer(mine, source, to_account_id=target, amount=9_000)).status_code == 201
    first = datetime.now(UTC)
    refused = await teller.transfer(mine, source, to_account_id=target, amount="1000.01")
    is_refusal(refused, 400, "limit_exceeded")
    assert '"limit":10000.00,"used":9000.00,"left":1000.00,' in refused.text
    told = refused.json()
    assert (told["limit_name"], told["currency"]) == ("day", "EUR")
    resets = datetime.fromisoformat(told["resets_at"])
    assert abs(resets - first - timedelta(hours=24)) < timedelta(minutes=1)
    assert await _uses(teller) == 1
    assert (await teller.transfer(mine, source, to_account_id=target, amount=1_000)).status_code == 201


async def test_the_window_rolls(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_000_00), str(await teller.account(me))
    for _ in range(5):
        assert (await teller.transfer(mine, source, to_account_id=target, amount=10_000)).status_code == 201
        is_refusal(await teller.transfer(mine, source, to_account_id=target, amount=1), 400, "limit_exceeded")
        await _aged(teller, 24)
    refused = await teller.transfer(mine, source, to_account_id=target, amount=1)
    is_refusal(refused, 400, "limit_exceeded")
    assert refused.json()["limit_name"] == "month"
    await _aged(teller, 25 * 24)
    assert (await teller.transfer(mine, source, to_account_id=target, amount=10_000)).status_code == 201


async def test_what_never_fits_has_no_reset(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_000_00), str(await teller.account(me))
    refused = await teller.transfer(mine, source, to_account_id=target, amount="10000.01")
    is_refusal(refused, 400, "limit_exceeded")
    assert (refused.json()["limit_name"], refused.json()["resets_at"]) == ("per_transfer", None)


async def test_currencies_and_tiers_have_limits_of_their_own(teller: Teller) -> None:
    me, mine = await teller.customer()
    euros, more = await teller.account(me, 100_000_00), str(await teller.account(me))
    yen, others = await teller.account(me, 9_000_000, "JPY"), str(await teller.account(me, 0, "JPY"))
    assert (await teller.transfer(mine, euros, to_account_id=more, amount=10_000)).status_code == 201
    assert (await teller.transfer(mine, yen, to_account_id=others, amount=1_500_000)).status_code == 201
    is_refusal(await teller.transfer(mine, yen, to_account_id=others, amount=1), 400, "limit_exceeded")
    rich, theirs = await teller.customer(tier="premium")
    many, target = await teller.account(rich, 100_000_00), str(await teller.account(rich))
    assert (await teller.transfer(theirs, many, to_account_id=target, amount=100_000)).status_code == 201


async def test_of_twenty_at_once_no_more_pass_than_the_limit_has_room_for(teller: Teller) -> None:
    me, mine = await teller.customer()
    sources: list[UUID] = [await teller.account(me, 50_000_00) for _ in range(4)]
    target = await teller.account(me)

    def ask(number: int) -> "asyncio.Future[httpx.Response]":
        source = sources[number % len(sources)]
        return asyncio.ensure_future(teller.transfer(mine, source, to_account_id=str(target), amount=1_500))

    answers = await asyncio.gather(*(ask(number) for number in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 6, 400: 14}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"limit_exceeded"}
    assert await teller.balance(target) == 9_000_00
    assert await _uses(teller) == 6
    assert await teller.breaches() == []


async def test_whoever_lacks_money_is_told_of_the_money(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_00), str(await teller.account(me))
    is_refusal(await teller.transfer(mine, source, to_account_id=target, amount=1_000_000), 400, "insufficient_funds")
