"""Accounts by HTTP: whose they are, who may open one, and what is on them."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import Entry, InternalPurpose, credit, debit
from models.tables.ledger import internal_account, post_one
from tests.factories.auth import signed_in
from tests.factories.users import add_customer, add_officer

ACCOUNTS = "/api/v1/accounts"
CHECKING = {"account_type": "checking", "currency": "EUR", "name": "Household"}


async def _opened(client: AsyncClient, me: dict[str, str], **changed: str) -> dict[str, Any]:
    opened = await client.post(ACCOUNTS, json={**CHECKING, **changed}, headers=me)
    assert opened.status_code == 201, opened.text
    account: dict[str, Any] = opened.json()
    return account


async def _fund(worker: AsyncEngine, account_id: str, minor: int, currency: str = "EUR") -> None:
    async with transaction(worker) as session:
        opening = await internal_account(session, InternalPurpose.OPENING, currency)
        legs = (debit(opening, minor), credit(UUID(account_id), minor))
        key = f"opening/{account_id}"
        await post_one(session, Entry(key=key, kind="opening", currency=currency, amount_minor=minor, legs=legs))


async def test_an_approved_customer_opens_an_account_and_reads_it(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    opened = await client.post(ACCOUNTS, json=CHECKING, headers=me)
    assert opened.status_code == 201, opened.text
    account = opened.json()
    assert (account["account_type"], account["currency"], account["status"]) == ("checking", "EUR", "active")
    assert '"balance":0.00' in opened.text
    again = await client.get(f"{ACCOUNTS}/{account['id']}", headers=me)
    assert again.json() == account
    listed = (await client.get(ACCOUNTS, headers=me)).json()
    assert listed == {"data": [account], "total": 1, "page": 1, "total_pages": 1, "next_cursor": None}


@pytest.mark.parametrize(
    ("state", "code"), [({"kyc_status": "submitted"}, "kyc_in_review"), ({"status": "frozen"}, "customer_frozen")]
)
async def test_an_account_needs_an_approved_customer(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, state: dict[str, str], code: str
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine, **state))
    refused = await client.post(ACCOUNTS, json=CHECKING, headers=me)
    assert (refused.status_code, refused.json()["code"]) == (403, code)


@pytest.mark.parametrize(
    ("currency", "minor", "written"), [("USD", 100_050, "1000.50"), ("JPY", 1000, "1000"), ("KWD", 1, "0.001")]
)
async def test_a_balance_has_exactly_the_decimals_of_its_currency(
    client: AsyncClient,
    app: FastAPI,
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    currency: str,
    minor: int,
    written: str,
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    account = await _opened(client, me, currency=currency)
    await _fund(worker_engine, account["id"], minor, currency)
    answered = await client.get(f"{ACCOUNTS}/{account['id']}/balance", headers=me)
    assert f'"balance":{written},"available_balance":{written},"held":' in answered.text
    assert answered.json().keys() == {"account_id", "currency", "balance", "available_balance", "held", "as_of"}
    assert answered.json()["as_of"].endswith("Z")


async def test_a_hundred_balance_reads_at_once_all_answer(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    account = await _opened(client, me)
    url = f"{ACCOUNTS}/{account['id']}/balance"
    answers = await asyncio.gather(*(client.get(url, headers=me) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}


async def test_another_customers_account_does_not_exist(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me, thief = [await signed_in(app, owner_engine, await add_customer(owner_engine)) for _ in range(2)]
    account = await _opened(client, me)
    for account_id in (account["id"], str(uuid4())):
        url = f"{ACCOUNTS}/{account_id}"
        answers = [
            await client.get(url, headers=thief),
            await client.get(f"{url}/balance", headers=thief),
            await client.put(url, json={"name": "Mine"}, headers=thief),
        ]
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}
    assert (await client.get(ACCOUNTS, headers=thief)).json()["data"] == []
    assert (await client.get(f"{ACCOUNTS}/{account['id']}", headers=me)).json()["name"] == "Household"


async def test_staff_who_may_read_accounts_read_all_and_change_none(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    account = await _opened(client, await signed_in(app, owner_engine, await add_customer(owner_engine)))
    url = f"{ACCOUNTS}/{account['id']}"
    auditor = await signed_in(app, owner_engine, await add_officer(owner_engine, "auditor"))
    assert (await client.get(f"{url}/balance", headers=auditor)).status_code == 200
    assert [one["id"] for one in (await client.get(ACCOUNTS, headers=auditor)).json()["data"]] == [account["id"]]
    officer = await signed_in(app, owner_engine, await add_officer(owner_engine))
    for refused in (
        await client.get(url, headers=officer),
        await client.put(url, json={"name": "Ours"}, headers=auditor),
        await client.post(ACCOUNTS, json=CHECKING, headers=auditor),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    chief = await signed_in(app, owner_engine, await add_officer(owner_engine, "super_admin"))
    assert (await client.put(url, json={"name": "Ours"}, headers=chief)).status_code == 404
    assert (await client.post(ACCOUNTS, json=CHECKING, headers=chief)).status_code == 403


async def test_an_owner_renames_an_account(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    account = await _opened(client, me)
    renamed = await client.put(f"{ACCOUNTS}/{account['id']}", json={"name": "  Travel  "}, headers=me)
    assert renamed.json() == {**account, "name": "Travel"}


async def test_a_list_is_read_by_page_and_by_cursor(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    opened = [(await _opened(client, me))["id"] for _ in range(5)]
    newest = opened[::-1]
    pages = [(await client.get(ACCOUNTS, params={"limit": 2, "page": page}, headers=me)).json() for page in (1, 2, 3)]
    assert [[one["id"] for one in page["data"]] for page in pages] == [newest[:2], newest[2:4], newest[4:]]
    assert {(page["total"], page["total_pages"]) for page in pages} == {(5, 3)}
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(ACCOUNTS, params=params, headers=me)).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == newest
