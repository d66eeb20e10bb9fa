"""What machines and strangers ask: health, readiness, counts, keys, and the description of the API."""

from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from api.main import create_app
from api.parts import parts_of, provide
from infra.settings import Settings

DOCUMENT = "/api/v1/openapi.json"


async def test_the_process_is_there_and_says_what_it_lacks(client: AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    ready = await client.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["missing"] == ["temporal"]
    assert ready.json()["parts"] == {"database": True, "temporal": False}
    assert "Retry-After" in ready.headers


async def test_requests_are_counted_by_route_and_not_by_address(client: AsyncClient) -> None:
    await client.get("/api/v1/accounts/019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8/balance")
    await client.get("/api/v1/somewhere/else")
    counted = (await client.get("/metrics")).text
    route = "/api/v1/accounts/{account_id}/balance"
    assert f'aurum_http_requests_total{{method="GET",route="{route}",status="401"}}' in counted
    assert f'aurum_http_request_seconds_bucket{{le="0.01",method="GET",route="{route}"}}' in counted
    assert 'route="unmatched",status="404"' in counted
    assert "019a1b2c" not in counted


async def test_a_word_that_is_no_method_is_counted_with_its_like(client: AsyncClient) -> None:
    for number in range(3):
        await client.request(f"BREW{number}", "/api/v1/accounts")
    counted = (await client.get("/metrics")).text
    assert 'method="_OTHER"' in counted
    assert "BREW" not in counted


async def test_metrics_are_for_this_machine_where_no_token_is_named(app: FastAPI) -> None:
    for peer, headers, status in (
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("198.51.100.7", {}, 404),
        # Somebody who may be anywhere, handed on by a proxy that nobody named.
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.7"}, 404),
    ):
        transport = ASGITransport(app=app, client=(peer, 4711))
        async with AsyncClient(transport=transport, base_url="http://aurum.test") as asking:
            assert (await asking.get("/metrics", headers=headers)).status_code == status, (peer, headers)


async def test_metrics_are_for_who_shows_the_token_where_one_is_named(app: FastAPI, api_settings: Settings) -> None:
    with_token = api_settings.model_copy(update={"metrics_token": SecretStr("a-token-for-prometheus")})
    running = parts_of({"app": app})
    guarded = create_app(with_token)
    provide(guarded, replace(running, settings=with_token))
    async with AsyncClient(transport=ASGITransport(app=guarded), base_url="http://aurum.test") as asking:
        refused = await asking.get("/metrics")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        wrong = await asking.get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheuS"})
        assert wrong.status_code == 401
        shown = await asking.get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheus"})
        assert (shown.status_code, "aurum_http_requests_total" in shown.text) == (200, True)


async def test_the_page_shows_every_operation_and_needs_nobody_else(client: AsyncClient) -> None:
    page = await client.get("/api/v1")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    for path in (await client.get(DOCUMENT)).json()["paths"]:
        assert path in page.text


async def test_every_operation_has_a_summary_an_example_and_its_errors(client: AsyncClient) -> None:
    document: dict[str, Any] = (await client.get(DOCUMENT)).json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            if not path.startswith("/api/"):
                continue
            assert operation["description"], where
            good, *bad = operation["responses"].values()
            # Nothing is what a 204 answers.
            shown = good.get("content", {}).get("application/json")
            assert shown is None or shown["example"], where
            assert all("application/problem+json" in answer["content"] for answer in bad), where
            statuses = set(operation["responses"])
            assert statuses >= {"422", "503"}, where
            if "requestBody" in operation:
                assert statuses >= {"413", "415"}, where
            if operation.get("security"):
                assert "401" in statuses, where


async def test_amounts_are_numbers_in_the_description(client: AsyncClient) -> None:
    schemas = (await client.get(DOCUMENT)).json()["components"]["schemas"]
    assert schemas["BalanceView"]["properties"]["balance"]["type"] == "number"


async def test_the_application_serves_without_temporal(app: FastAPI, client: AsyncClient) -> None:
    body = {"email": "mira@people.example", "password": "harbour lantern quiet"}
    assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201
