"""One request is one transaction: its answer is sent when everything it did has been committed, and not before."""

from collections.abc import AsyncIterator
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


@pytest.fixture
async def me(app: FastAPI, owner_engine: AsyncEngine) -> dict[str, str]:
    return await signed_in(app, owner_engine, await add_customer(owner_engine))


@pytest.fixture
async def commits_fail(owner_engine: AsyncEngine) -> AsyncIterator[None]:
    """What an account's name says happens when the transaction that opened it is committed."""
    async with transaction(owner_engine) as session:
        await session.execute(
            text(
                "CREATE FUNCTION app.fail_at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
                " IF NEW.name = 'refused' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'AU199'; END IF;"
                " IF NEW.name = 'lost' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
                " RETURN NULL; END $$"
            )
        )
        await session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT ON accounts DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION app.fail_at_commit()"
            )
        )
    yield
    async with transaction(owner_engine) as session:
        await session.execute(text("DROP TRIGGER fail_at_commit ON accounts"))
        await session.execute(text("DROP FUNCTION app.fail_at_commit"))


async def _open(client: AsyncClient, me: dict[str, str], name: str) -> httpx.Response:
    body = {"account_type": "checking", "currency": "EUR", "name": name}
    return await client.post(ACCOUNTS, json=body, headers={**me, "Idempotency-Key": "order 1"})


async def _stored(owner: AsyncEngine) -> tuple[int, list[Any]]:
    async with transaction(owner) as session:
        count = (
            await session.execute(
                text("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM idempotency_keys)")
            )
        ).scalar_one()
        lines = (await session.execute(text("SELECT outcome, code FROM audit_logs ORDER BY id"))).all()
    return int(count), [tuple(line) for line in lines]


@pytest.mark.parametrize(
    ("name", "status", "code", "outcome"),
    [("refused", 409, "conflict", "refused"), ("lost", 503, "unavailable", "failed")],
)
@pytest.mark.usefixtures("commits_fail")
async def test_a_commit_that_fails_is_an_error_answer_and_leaves_nothing_but_its_line(
    client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str], name: str, status: int, code: str, outcome: str
) -> None:
    failed = await _open(client, me, name)
    assert (failed.status_code, failed.json()["code"]) == (status, code)
    assert await _stored(owner_engine) == (0, [(outcome, code)])
    assert (await _open(client, me, "good")).status_code == 201


async def test_what_a_request_did_is_there_when_its_answer_is(
    client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    for number in range(5):
        body = {"account_type": "checking", "currency": "EUR"}
        account = (await client.post(ACCOUNTS, json=body, headers=me)).json()
        async with transaction(owner_engine) as session:
            found = await session.execute(text("SELECT count(*) FROM accounts WHERE id = :id"), {"id": account["id"]})
            assert found.scalar_one() == 1, number
