"""Accounts by HTTP: whose they are, who may open one, and what is on them."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import Entry, InternalPurpose, credit, debit
from models.tables.ledger import internal_account, post_one
from tests.factories.auth import signed_in
from tests.factories.users import add_customer, add_officer

CHECKING = {"account_type": "checking", "currency": "EUR", "name": "Household"}


async def _fund(worker: AsyncEngine, account_id: str, minor: int, currency: str = "EUR") -> None:
    async with transaction(worker) as session:
        opening = await internal_account(session, InternalPurpose.OPENING, currency)
        legs = (debit(opening, minor), credit(account_id, minor))
        key = f"opening/{account_id}"
        await post_one(session, Entry(key=key, kind="opening", currency=currency, amount_minor=minor, legs=legs))


async def test_an_approved_customer_opens_an_account_and_reads_it(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    opened = await client.post("/api/v1/accounts", json=CHECKING, headers=me)
    assert opened.status_code == 201, opened.text
    account = opened.json()
    assert (account["account_type"], account["currency"], account["status"]) == ("checking", "EUR", "active")
    assert '"balance":0.00' in opened.text

    again = await client.get(f"/api/v1/accounts/{account['id']}", headers=me)
    assert again.json() == account
    listed = (await client.get("/api/v1/accounts", headers=me)).json()
    assert listed == {"data": [account], "total": 1, "page": 1, "total_pages": 1, "next_cursor": None}
