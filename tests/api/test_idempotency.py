"""The same request twice is done once and answered twice."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.auth import signed_in
from tests.factories.users import add_customer

ACCOUNTS = "/api/v1/accounts"
CHECKING = {"account_type": "checking", "currency": "EUR", "name": "Household"}


async def _accounts(owner: AsyncEngine) -> int:
    async with transaction(owner) as session:
        return int((await session.execute(text("SELECT count(*) FROM accounts"))).scalar_one())


@pytest.fixture
async def me(app: FastAPI, owner_engine: AsyncEngine) -> dict[str, str]:
    return await signed_in(app, owner_engine, await add_customer(owner_engine))


async def _open(client: AsyncClient, me: dict[str, str], key: str, body: Any = CHECKING) -> httpx.Response:
    return await client.post(ACCOUNTS, json=body, headers={**me, "Idempotency-Key": key})


async def test_a_repetition_is_answered_with_the_same_bytes(
    client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    first = await _open(client, me, "order 1")
    reordered = dict(reversed(CHECKING.items()))
    for again in (await _open(client, me, "order 1"), await _open(client, me, "order 1", reordered)):
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotent-Replayed" not in first.headers
    assert await _accounts(owner_engine) == 1
    assert (await _open(client, me, "order 2")).content != first.content


async def test_another_body_under_the_same_key_is_a_conflict(client: AsyncClient, me: dict[str, str]) -> None:
    await _open(client, me, "order 1")
    other = await _open(client, me, "order 1", {**CHECKING, "name": "Travel"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_repetitions_at_the_same_moment_wait_for_the_first(
    client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    answers = await asyncio.gather(*(_open(client, me, "order 1") for _ in range(12)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    assert await _accounts(owner_engine) == 1


async def test_two_customers_may_use_the_same_key(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    other = await signed_in(app, owner_engine, await add_customer(owner_engine))
    answers = [await _open(client, who, "order 1") for who in (me, other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


async def test_a_refused_request_leaves_its_key_free(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine, kyc_status="submitted")
    me = await signed_in(app, owner_engine, person)
    assert (await _open(client, me, "order 1")).status_code == 403
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET kyc_status = 'approved'"))
    assert (await _open(client, me, "order 1")).status_code == 201


async def test_a_key_survives_a_restart_of_the_application(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    first = await _open(client, me, "order 1")
    await app.state.parts.engine.dispose()
    assert (await _open(client, me, "order 1")).content == first.content


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "caf\xe9"])
async def test_a_key_is_short_and_printable(client: AsyncClient, me: dict[str, str], key: str) -> None:
    headers = [
        *((name.encode(), value.encode()) for name, value in me.items()),
        (b"Idempotency-Key", key.encode("latin-1")),
    ]
    refused = await client.post(ACCOUNTS, json=CHECKING, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
