"""Transfers by HTTP: done when they answer, refused without a trace, and right when many arrive at once."""

import asyncio
from collections import Counter
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.accounts import AccountStatus
from tests.factories import accounts as make
from tests.factories.auth import signed_in
from tests.factories.teller import Teller
from tests.factories.users import add_officer
from tests.factories.wire_desk import is_refusal


@pytest.fixture
def teller(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Teller:
    return Teller(app, client, owner_engine)


async def test_a_transfer_to_another_customer_is_done_when_it_answers(teller: Teller) -> None:
    me, mine = await teller.customer()
    friend, theirs = await teller.customer()
    source, target = await teller.account(me, 100_00), await teller.account(friend)
    number = await teller.number(target)
    done = await teller.transfer(
        mine,
        source,
        to_account_number=" ".join(number[at : at + 4] for at in range(0, len(number), 4)).lower(),
        amount="12.50",
        currency="EUR",
        description=" Lunch ",
        category="food",
    )
    assert done.status_code == 201, done.text
    told = done.json()
    assert '"amount":12.50,' in done.text
    assert '"fee":0.00,' in done.text
    assert told["reference_number"] == "TX" + told["id"].replace("-", "")[-16:].upper()
    expected = {
        "transaction_type": "transfer", "from_account_id": str(source), "to_account_id": str(target), "currency": "EUR",
        "status": "completed", "description": "Lunch", "category": "food", "exchange_rate": None, "reversal_of": None,
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert told["metadata"]["to_account_number"] == f"…{number[-4:]}"
    assert (await teller.balance(source), await teller.balance(target)) == (87_50, 12_50)
    url = f"/api/v1/transactions/{told['id']}"
    for headers in (mine, theirs):
        seen = await teller.client.get(url, headers=headers)
        assert {name: seen.json()[name] for name in expected} == expected
    _, stranger = await teller.customer()
    is_refusal(await teller.client.get(url, headers=stranger), 404, "not_found")
    assert await teller.breaches() == []


async def test_a_transfer_between_own_accounts_goes_by_id_and_takes_the_account_s_currency(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 5_000, "JPY"), await teller.account(me, 0, "JPY")
    done = await teller.transfer(mine, source, to_account_id=str(target), amount=1200)
    assert done.status_code == 201, done.text
    assert '"amount":1200,"currency":"JPY"' in done.text
    assert await teller.balance(target) == 1200


async def test_each_refusal_has_its_code_and_leaves_a_line_in_the_audit_and_no_more(teller: Teller) -> None:
    me, mine = await teller.customer()
    friend, theirs = await teller.customer()
    source, own = await teller.account(me, 100_00), await teller.account(me)
    frozen, dollars = await teller.account(me, 50_00), await teller.account(me, 50_00, "USD")
    foreign, closed = await teller.account(friend, 50_00), await teller.account(friend)
    async with transaction(teller.owner) as session:
        await make.set_status(session, frozen, AccountStatus.FROZEN)
        await make.set_status(session, closed, AccountStatus.CLOSED)
    foreign_number, closed_number = await teller.number(foreign), await teller.number(closed)
    before, _ = await teller.stored()
    own_id = str(own)
    asked: list[tuple[httpx.Response, int, str]] = [
        (await teller.transfer(mine, source, to_account_id=own_id, amount=100.01), 400, "insufficient_funds"),
        (await teller.transfer(mine, source, to_account_id=str(source)), 400, "same_account"),
        (await teller.transfer(mine, source, to_account_id=str(dollars)), 400, "currency_mismatch"),
        (await teller.transfer(mine, source, to_account_id=own_id, currency="USD"), 400, "currency_mismatch"),
        (await teller.transfer(mine, frozen, to_account_id=own_id), 400, "account_unusable"),
        (await teller.transfer(mine, source, to_account_number=closed_number), 400, "account_unusable"),
        (await teller.transfer(mine, source, to_account_id=own_id, amount="1.001"), 422, "invalid_amount"),
        (await teller.transfer(mine, foreign, to_account_id=own_id), 404, "not_found"),
        (await teller.transfer(mine, source, to_account_id=str(foreign)), 404, "not_found"),
        (await teller.transfer(mine, uuid4(), to_account_id=own_id), 404, "not_found"),
        (await teller.transfer(mine, source, to_account_number="999999999900"), 422, "invalid_request"),
    ]
    for answered, status, code in asked:
        is_refusal(answered, status, code)
    await teller.transfer(theirs, foreign, to_account_number=foreign_number)
    after, lines = await teller.stored()
    assert after == before
    assert [code for _, code in lines][: len(asked) - 1] == [code for _, _, code in asked[:-1]]
    assert (await teller.balance(source), await teller.balance(foreign)) == (100_00, 50_00)


@pytest.mark.parametrize(
    ("state", "code"), [({"kyc_status": "submitted"}, "kyc_in_review"), ({"status": "frozen"}, "customer_frozen")]
)
async def test_a_customer_who_may_not_send_money_is_told_why(teller: Teller, state: dict[str, str], code: str) -> None:
    me, mine = await teller.customer(**state)
    source, target = await teller.account(me, 100_00), await teller.account(me)
    is_refusal(await teller.transfer(mine, source, to_account_id=str(target)), 403, code)


async def test_staff_transfer_nothing(teller: Teller) -> None:
    chief = await signed_in(teller.app, teller.owner, await add_officer(teller.owner, "super_admin"))
    me, _ = await teller.customer()
    source, target = await teller.account(me, 100_00), await teller.account(me)
    answered = await teller.transfer(chief, source, to_account_id=str(target))
    assert answered.status_code in (403, 404)
    auditor = await signed_in(teller.app, teller.owner, await add_officer(teller.owner, "auditor"))
    is_refusal(await teller.transfer(auditor, source, to_account_id=str(target)), 403, "permission_missing")


async def test_ten_transfers_under_one_key_are_one(teller: Teller) -> None:
    me, mine = await teller.customer()
    source, target = await teller.account(me, 100_00), await teller.account(me)
    asked = (teller.transfer(mine, source, to_account_id=str(target), key="once") for _ in range(10))
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await teller.balance(target) == 10_00
    other = await teller.transfer(mine, source, to_account_id=str(target), amount=11, key="once")
    is_refusal(other, 409, "idempotency_conflict")


async def test_of_twenty_at_once_as_many_pass_as_there_is_money_for(teller: Teller) -> None:
    me, mine = await teller.customer()
    friend, _ = await teller.customer()
    source, target = await teller.account(me, 7 * 10_00 + 9_99), await teller.account(friend)
    number = await teller.number(target)
    answers = await asyncio.gather(*(teller.transfer(mine, source, to_account_number=number) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 7, 400: 13}
    assert (await teller.balance(source), await teller.balance(target)) == (9_99, 70_00)
    assert await teller.breaches() == []


async def test_fifty_opposite_transfers_at_once_all_pass_and_none_waits_for_ever(teller: Teller) -> None:
    me, mine = await teller.customer()
    friend, theirs = await teller.customer()
    one, other = await teller.account(me, 1_000_00), await teller.account(friend, 1_000_00)
    there, back = await teller.number(other), await teller.number(one)
    answers = await asyncio.wait_for(
        asyncio.gather(
            *(teller.transfer(mine, one, to_account_number=there) for _ in range(25)),
            *(teller.transfer(theirs, other, to_account_number=back) for _ in range(25)),
        ),
        timeout=60,
    )
    assert Counter(answer.status_code for answer in answers) == {201: 50}
    assert (await teller.balance(one), await teller.balance(other)) == (1_000_00, 1_000_00)
    assert await teller.breaches() == []
