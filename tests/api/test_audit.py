"""The audit log: every attempt to change something leaves a line, done or refused, and no personal data."""

from typing import Any

import httpx
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.auth import sign_in, signed_in
from tests.factories.users import PASSWORD, add_customer

ACCOUNTS = "/api/v1/accounts"
CHECKING = {"account_type": "checking", "currency": "EUR", "name": "Household"}


async def _lines(owner: AsyncEngine) -> list[dict[str, Any]]:
    async with transaction(owner) as session:
        rows = (await session.execute(text("SELECT * FROM audit_logs ORDER BY id"))).mappings()
        return [dict(row) for row in rows]


async def test_a_change_is_told_with_who_what_from_where(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    asked = {**me, "X-Request-ID": "order.1", "User-Agent": "Mira's phone"}
    account = (await client.post(ACCOUNTS, json=CHECKING, headers=asked)).json()
    (line,) = await _lines(owner_engine)
    assert (line["user_id"], line["actor_role"], line["action"]) == (person.id, "customer", "accounts.create_account")
    assert (line["resource_type"], line["resource_id"]) == ("account", account["id"])
    assert (line["request_id"], line["user_agent"], line["ip_address"]) == ("order.1", "Mira's phone", "127.0.0.1")
    assert (line["outcome"], line["code"]) == ("done", None)
    assert line["session_id"] is not None
    assert line["duration_ms"] > 0
    assert line["new_values"] == {
        "account_type": "checking",
        "currency": "EUR",
        "name": "H***",
        "account_number": f"***{account['account_number'][-4:]}",
    }


async def test_reading_leaves_no_line(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    await client.get(ACCOUNTS, headers=me)
    assert await _lines(owner_engine) == []


async def test_refusals_are_told_too_and_leave_nothing_else(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine, kyc_status="submitted")
    me = await signed_in(app, owner_engine, person)
    await client.post(ACCOUNTS, json=CHECKING, headers={**me, "Idempotency-Key": "order 1"})
    await client.post(ACCOUNTS, json={**CHECKING, "currency": "XXX"}, headers=me)
    await client.post(ACCOUNTS, json=CHECKING)
    await client.post(ACCOUNTS, content=b"{", headers={"Content-Type": "application/json"})
    await client.delete(f"{ACCOUNTS}/nowhere/at/all", headers=me)
    lines = await _lines(owner_engine)
    assert [(line["user_id"], line["outcome"], line["code"]) for line in lines] == [
        (person.id, "refused", "kyc_in_review"),
        (person.id, "refused", "unknown_currency"),
        (None, "refused", "not_authenticated"),
        (None, "refused", "malformed"),
    ]
    async with transaction(owner_engine) as session:
        left = await session.execute(
            text("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM idempotency_keys)")
        )
        assert left.scalar_one() == 0


async def test_personal_data_and_secrets_are_masked(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    newcomer = {
        "email": "mira@people.example",
        "password": PASSWORD,
        "first_name": "Mirabelle",
        "phone": "+31201234567",
    }
    await client.post("/api/v1/auth/register", json=newcomer)
    person = await add_customer(owner_engine)
    await client.post("/api/v1/auth/login", json={"email": person.email, "password": "a wrong password"})
    data = await sign_in(client, person)
    me = await signed_in(app, owner_engine, person)
    change = {
        "last_name": "Exemplary",
        "date_of_birth": "1988-04-12",
        "address": {"street": "Lindenweg", "town": "Utrecht", "country": "NL"},
    }
    await client.put("/api/v1/users/me", json=change, headers=me)
    lines = await _lines(owner_engine)
    assert [line["outcome"] for line in lines] == ["done", "refused", "done", "done"]
    told = str([(line["old_values"], line["new_values"]) for line in lines])
    hidden = (
        *("mira@people", "Mirabelle", "1234567", "Exemplary", "04-12", "Lindenweg", person.email, PASSWORD),
        *("a wrong password", "argon2", data["tokens"]["refreshToken"]),
    )
    assert [secret for secret in hidden if secret in told] == []
    assert "m***@people.example" in told


async def test_a_replayed_answer_is_told_as_such(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> None:
    me = {**await signed_in(app, owner_engine, await add_customer(owner_engine)), "Idempotency-Key": "order 1"}
    for _ in range(2):
        await client.post(ACCOUNTS, json=CHECKING, headers=me)
    assert [(line["outcome"], line["code"]) for line in await _lines(owner_engine)] == [
        ("done", None),
        ("done", "replayed"),
    ]


async def test_a_request_id_is_taken_if_it_is_one_and_made_if_not(client: AsyncClient) -> None:
    async def told(given: bytes) -> str:
        answered: httpx.Response = await client.get("/health", headers=[(b"X-Request-ID", given)])
        return answered.headers["X-Request-ID"]

    assert await told(b"shop-7.order_1") == "shop-7.order_1"
    for wrong in (b"", b"x" * 129, b"two words", b"a/b", b"\xff"):
        made = await told(wrong)
        assert len(made) == 32
        assert made != wrong.decode("latin-1")
