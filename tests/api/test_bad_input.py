"""Whatever is sent, the answer is a clear 4xx: never a 500, never a stack trace, never what was sent."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.auth import signed_in
from tests.factories.users import PASSWORD, add_customer

ACCOUNTS = "/api/v1/accounts"
LOGIN = "/api/v1/auth/login"
JSON = {"Content-Type": "application/json"}

BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 422, "invalid_request"),
    "not JSON": (b"{", 422, "malformed"),
    "a number": (b"7", 422, "invalid_request"),
    "null": (b"null", 422, "invalid_request"),
    "NaN": (b'{"name": NaN}', 422, "malformed"),
    "Infinity": (b'{"name": -Infinity}', 422, "malformed"),
    "U+0000": (b'{"account_type": "checking", "currency": "EUR", "name": "a\\u0000b"}', 422, "malformed"),
    "U+0000 raw": (b'{"name": "a\x00b"}', 422, "malformed"),
    "U+0000 in a name": (b'{"a\\u0000b": 1}', 422, "malformed"),
    "a lone surrogate": (b'{"account_type": "checking", "currency": "EUR", "name": "\\ud800"}', 422, "malformed"),
    "not UTF-8": (b'{"name": "\xff\xfe"}', 422, "malformed"),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), 422, "malformed"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 422, "malformed"),
    "a huge whole number": (b'{"name": ' + b"9" * 5000 + b"}", 422, "malformed"),
    "a huge exponent": (b'{"name": 1e99999999999999999999}', 422, "malformed"),
    "a deep list": (b"[" * 100_000, 422, "malformed"),
    "a deep object": (b'{"a":' * 500 + b"1" + b"}" * 500, 422, "malformed"),
    "a wide object": (b'{"name": [' + b"1," * 1000 + b"1]}", 422, "invalid_request"),
    "a wrong type": (b'{"account_type": 1, "currency": [], "name": {}}', 422, "invalid_request"),
    "an unknown field": (
        b'{"account_type": "checking", "currency": "EUR", "balance": 5}',
        422,
        "invalid_request",
    ),
    "an unknown currency": (b'{"account_type": "checking", "currency": "XAU"}', 422, "unknown_currency"),
    "a long name": (
        b'{"account_type": "checking", "currency": "EUR", "name": "%s"}' % (b"x" * 81),
        422,
        "invalid_request",
    ),
    "a control character": (
        b'{"account_type": "checking", "currency": "EUR", "name": "a\\u0007b"}',
        422,
        "invalid_request",
    ),
    "more than a mebibyte": (b'{"name": "' + b"x" * 1024 * 1024 + b'"}', 413, "body_too_large"),
}


@pytest.fixture
async def me(app: FastAPI, owner_engine: AsyncEngine) -> dict[str, str]:
    return await signed_in(app, owner_engine, await add_customer(owner_engine))


def _is_problem(answered: Any, status: int, code: str) -> None:
    assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text[:500]
    assert answered.headers["Content-Type"] == "application/problem+json"
    told = answered.json()
    assert told.keys() >= {"type", "title", "status", "detail", "code", "error", "request_id"}
    assert (told["status"], told["error"]) == (status, told["title"])
    assert told["request_id"] == answered.headers["X-Request-ID"]
    assert "Traceback" not in answered.text


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_named(
    client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str], name: str
) -> None:
    body, status, code = BODIES[name]
    _is_problem(await client.post(ACCOUNTS, content=body, headers={**me, **JSON}), status, code)
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT count(*) FROM accounts"))).scalar_one() == 0


async def test_the_wrong_fields_are_named_and_not_repeated(client: AsyncClient) -> None:
    answered = await client.post("/api/v1/auth/register", json={"email": "nobody", "password": 7, "phone": "secret"})
    _is_problem(answered, 422, "invalid_request")
    assert {(one["place"], one["field"]) for one in answered.json()["errors"]} == {
        ("body", "email"),
        ("body", "password"),
        ("body", "phone"),
    }
    assert "secret" not in answered.text


async def test_text_of_any_script_is_kept(client: AsyncClient, me: dict[str, str]) -> None:
    name = "Ĳsbrand 家計 🏦 חשבון"
    opened = await client.post(ACCOUNTS, json={"account_type": "checking", "currency": "EUR", "name": name}, headers=me)
    assert opened.json()["name"] == name


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "a/b/c"]
)
async def test_a_body_that_is_not_json_is_an_unsupported_type(
    client: AsyncClient, me: dict[str, str], kind: str
) -> None:
    answered = await client.post(ACCOUNTS, content=b'{"a": 1}', headers={**me, "Content-Type": kind})
    _is_problem(answered, 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/vnd.aurum+json", "APPLICATION/JSON"])
async def test_json_by_any_of_its_names_is_read(client: AsyncClient, me: dict[str, str], kind: str) -> None:
    body = b'{"account_type": "checking", "currency": "EUR"}'
    assert (await client.post(ACCOUNTS, content=body, headers={**me, "Content-Type": kind})).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/api/v1/accounts/", 404, "not_found"),
        ("POST", "/api/v1/nowhere", 404, "not_found"),
        ("DELETE", "/api/v1/accounts", 405, "method_not_allowed"),
        ("PATCH", "/api/v1/users/me", 405, "method_not_allowed"),
        ("GET", "/api/v1/accounts/not-an-id", 422, "invalid_request"),
        ("GET", "/api/v1/accounts/%00", 422, "malformed"),
        ("GET", "/api/v1/accounts?page=%00", 422, "malformed"),
        ("GET", "/api/v1/accounts/%ff%fe", 422, "invalid_request"),
        ("GET", "/api/v1/accounts?page=0", 422, "invalid_request"),
        ("GET", "/api/v1/accounts?page=99999999999999999999999", 422, "invalid_request"),
        ("GET", "/api/v1/accounts?limit=101", 422, "invalid_request"),
        ("GET", "/api/v1/accounts?limit=NaN", 422, "invalid_request"),
        ("GET", "/api/v1/accounts?cursor=x", 422, "invalid_request"),
    ],
)
async def test_a_bad_address_is_named(
    client: AsyncClient, me: dict[str, str], method: str, path: str, status: int, code: str
) -> None:
    _is_problem(await client.request(method, path, headers=me), status, code)


async def test_the_allowed_methods_are_told(client: AsyncClient) -> None:
    refused = await client.request("DELETE", LOGIN)
    assert "POST" in refused.headers["Allow"]


@pytest.mark.parametrize("header", [b"\xff\xfe", b"x" * 20_000, b"\x1b[31m"])
async def test_strange_headers_are_survived(client: AsyncClient, me: dict[str, str], header: bytes) -> None:
    headers = [*((name.encode(), value.encode()) for name, value in me.items()), (b"User-Agent", header)]
    body = {"account_type": "checking", "currency": "EUR"}
    assert (await client.post(ACCOUNTS, json=body, headers=headers)).status_code == 201


async def test_an_answer_that_fails_for_us_tells_its_id_and_no_more(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    async with transaction(owner_engine) as session:
        await session.execute(text("ALTER TABLE accounts RENAME COLUMN name TO title"))
    try:
        answered = await client.get(ACCOUNTS, headers=me)
    finally:
        async with transaction(owner_engine) as session:
            await session.execute(text("ALTER TABLE accounts RENAME COLUMN title TO name"))
    _is_problem(answered, 500, "internal_error")
    assert "accounts" not in answered.text.replace(ACCOUNTS, "")


async def test_a_database_that_is_away_is_unavailable_and_comes_back(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, me: dict[str, str]
) -> None:
    away = text("DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$")
    back = text("DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()); END $$")
    async with transaction(owner_engine) as session:
        await session.execute(away)
    await app.state.parts.engine.dispose()
    try:
        for answered in (
            await client.get(ACCOUNTS, headers=me),
            await client.post(LOGIN, json={"email": "a@people.example", "password": PASSWORD}),
        ):
            _is_problem(answered, 503, "unavailable")
            assert answered.headers["Retry-After"] == "2"
    finally:
        async with transaction(owner_engine) as session:
            await session.execute(back)
    assert (await client.get(ACCOUNTS, headers=me)).status_code == 200
