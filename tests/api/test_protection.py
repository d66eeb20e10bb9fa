"""Headers that every answer has, and pages of other origins."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.settings import Settings
from tests.api.test_limits import FEW, serving
from tests.factories.auth import signed_in
from tests.factories.users import add_customer

API = "/api/v1"
SHOP = "https://app.aurum.example"


@pytest.fixture
async def public(api_settings: Settings, owner_engine: AsyncEngine) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """An application that people reach by https, and a page of one other origin may call."""
    changed = {"public_url": "https://bank.aurum.example", "cors_origins": (SHOP,)}
    async with serving(api_settings.model_copy(update=changed)) as served:
        yield served


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", API, 200),
        ("GET", f"{API}/openapi.json", 200),
        ("GET", f"{API}/auth/verify-email", 200),
        ("GET", "/health", 200),
        ("GET", f"{API}/users/me", 401),
        ("GET", "/nowhere", 404),
        ("DELETE", f"{API}/auth/login", 405),
        ("POST", f"{API}/auth/login", 422),
        ("GET", f"{API}/accounts?page=%00", 422),
    ],
)
async def test_every_answer_protects_its_reader(
    public: tuple[FastAPI, AsyncClient], method: str, path: str, status: int
) -> None:
    answered = await public[1].request(method, path)
    headers = answered.headers
    assert answered.status_code == status
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "*" not in policy
    assert "server" not in headers


async def test_what_is_told_to_a_person_is_kept_by_nobody_else(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    for path in ("users/me", "accounts", "auth/profile", "wires", "nowhere"):
        assert (await client.get(f"{API}/{path}", headers=me)).headers["Cache-Control"] == "no-store"
    assert (await client.get("/.well-known/jwks.json")).headers["Cache-Control"] == "public, max-age=300"


async def test_transport_security_is_told_where_there_is_transport_security(client: AsyncClient) -> None:
    assert "Strict-Transport-Security" not in (await client.get("/health")).headers


async def test_a_page_of_a_named_origin_may_call(public: tuple[FastAPI, AsyncClient]) -> None:
    _, client = public
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await client.options(f"{API}/wires", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    answered = await client.get(f"{API}/users/me", headers={"Origin": SHOP})
    assert answered.headers["Access-Control-Allow-Origin"] == SHOP
    assert "X-Request-ID" in answered.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answered.headers["Vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{SHOP}.evil.example", SHOP.replace("https", "http"), SHOP.upper()]
)
async def test_no_other_page_may(public: tuple[FastAPI, AsyncClient], origin: str) -> None:
    _, client = public
    answered = await client.get(f"{API}/users/me", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answered.headers
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in (await client.options(f"{API}/wires", headers=asked)).headers


async def test_nobody_may_by_default(client: AsyncClient) -> None:
    answered = await client.get("/health", headers={"Origin": SHOP})
    assert not [name for name in answered.headers if name.lower().startswith("access-control")]


async def test_a_page_can_read_that_it_came_too_often(api_settings: Settings, owner_engine: AsyncEngine) -> None:
    settings = api_settings.model_copy(update={"cors_origins": (SHOP,), "limits": FEW})
    async with serving(settings) as (_, client):
        answers = [await client.get(f"{API}/users/me", headers={"Origin": SHOP}) for _ in range(6)]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Access-Control-Allow-Origin"] == SHOP
    assert "Retry-After" in answers[-1].headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("wrong", ["*", "https://*.aurum.example", "https://app.aurum.example/", "app.aurum.example"])
def test_an_origin_is_named_exactly_or_the_start_fails(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Settings(cors_origins=(wrong,))


async def test_a_body_that_does_not_say_its_length_is_measured(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    refused = await client.post(
        f"{API}/accounts", content=endless(), headers={**me, "Content-Type": "application/json"}
    )
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert sent <= 1024 * 1024 + 2 * 65536
