"""Fees of transfers by HTTP: told before, taken beside the amount in legs of their own, covered or refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from infra.database import transaction
from infra.settings import Settings
from models.fees import FeeSchedule
from tests.databases import Database
from tests.factories.teller import Teller
from tests.factories.wire_desk import is_refusal

FEES = TypeAdapter(FeeSchedule).validate_python(
    [
        {"tier": "standard", "currency": "EUR", "fixed": "0.25", "percent": "0.1"},
        {"tier": "standard", "currency": "JPY", "percent": "0.5"},
        {"tier": "standard", "currency": "BHD", "fixed": "0.125"},
    ]
)
ESTIMATE = "/api/v1/transactions/estimate-fee"


@pytest.fixture
async def teller(api_settings: Settings, database: Database, owner_engine: AsyncEngine) -> AsyncIterator[Teller]:
    """The API of a bank that charges."""
    app: FastAPI = create_app(api_settings.model_copy(update={"transfer_fees": FEES}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as client:
            yield Teller(app, client, owner_engine)


async def _estimate(teller: Teller, headers: dict[str, str], source: object, **fields: Any) -> httpx.Response:
    body = {"from_account_id": str(source)} | fields
    return await teller.client.post(ESTIMATE, json=body, headers=headers)


@pytest.mark.parametrize(
    ("currency", "amount", "minor", "fee", "fee_minor"),
    [("EUR", "100.50", 100_50, "0.35", 35), ("JPY", "1300", 1300, "7", 7), ("BHD", "1.001", 1_001, "0.125", 125)],
)
async def test_a_fee_is_told_before_and_taken_in_legs_of_its_own(
    teller: Teller, currency: str, amount: str, minor: int, fee: str, fee_minor: int
) -> None:
    me, mine = await teller.customer()
    friend, theirs = await teller.customer()
    source = await teller.account(me, minor + fee_minor + 5, currency)
    target = await teller.account(friend, 0, currency)
    number = await teller.number(target)
    told = await _estimate(teller, mine, source, to_account_number=number, amount=amount)
    assert told.status_code == 200, told.text
    assert f'"amount":{amount},"fee":{fee},' in told.text
    assert told.json()["covered"] is True
    done = await teller.transfer(mine, source, to_account_number=number, amount=amount)
    assert done.status_code == 201, done.text
    assert f'"fee":{fee},' in done.text
    assert (await teller.balance(source), await teller.balance(target)) == (5, minor)
    url = f"/api/v1/transactions/{done.json()['id']}"
    seen = (await teller.client.get(url, headers=mine)).json()
    assert [leg["amount"] for leg in seen["postings"]] == [-float(amount), -float(fee)]
    # What the payer paid for it is the payer's to know.
    assert '"fee":0' in (await teller.client.get(url, headers=theirs)).text
    async with transaction(teller.owner) as session:
        income = "SELECT posted_minor FROM ledger_balances WHERE purpose = 'fees' AND currency = :currency"
        assert (await session.execute(text(income), {"currency": currency})).scalar_one() == fee_minor
        used = await session.execute(text("SELECT amount_minor FROM limit_uses"))
        assert used.scalars().all() == [minor]
    assert await teller.breaches() == []
    analytics = (await teller.client.get("/api/v1/transactions/analytics", headers=mine)).json()["data"][0]
    assert {one["category"]: one["money_out"] for one in analytics["by_category"]}["fees"] == float(fee)
    assert len(analytics["largest"]) == 1


async def test_amount_and_fee_have_to_be_covered_and_a_refusal_leaves_nothing(teller: Teller) -> None:
    me, mine = await teller.customer()
    friend, _ = await teller.customer()
    source, target = await teller.account(me, 100_34), await teller.account(friend)
    number = await teller.number(target)
    told = await _estimate(teller, mine, source, to_account_number=number, amount="100.00")
    assert (told.json()["total"], told.json()["covered"]) == (100.35, False)
    is_refusal(await teller.transfer(mine, source, to_account_number=number, amount=100), 400, "insufficient_funds")
    assert await teller.balance(source) == 100_34
    assert (await teller.transfer(mine, source, to_account_number=number, amount="99.99")).status_code == 201
    assert await teller.balance(source) == 0


async def test_own_accounts_and_other_tiers_pay_nothing(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, own = await teller.account(me, 100_00), await teller.account(me)
    for whom in ({"to_account_id": str(own)}, {"to_account_number": await teller.number(own)}):
        told = (await _estimate(teller, mine, source, amount=10, **whom)).json()
        assert (told["fee"], told["own_accounts"]) == (0.0, True)
        done = await teller.transfer(mine, source, amount=10, **whom)
        assert done.json()["fee"] == 0.0
    rich, richs = await teller.customer(tier="premium")
    fund = await teller.account(rich, 100_00)
    done = await teller.transfer(richs, fund, to_account_number=await teller.number(source), amount=10)
    assert done.json()["fee"] == 0.0


async def test_an_estimate_moves_nothing_and_refuses_what_a_transfer_refuses(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, dollars = await teller.account(me, 100_00), await teller.account(me, 1_00, "USD")
    before, _ = await teller.stored()
    is_refusal(await _estimate(teller, mine, source, to_account_id=str(dollars), amount=1), 400, "currency_mismatch")
    is_refusal(await _estimate(teller, mine, source, to_account_id=str(source), amount=1), 400, "same_account")
    is_refusal(await _estimate(teller, mine, source, to_account_id=str(dollars), amount=-1), 422, "invalid_amount")
    after, _ = await teller.stored()
    assert after == before
