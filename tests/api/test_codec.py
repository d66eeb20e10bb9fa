"""The codec endpoint: who reads what Temporal keeps sealed, and what is told of it afterwards."""

import asyncio
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.json_format import MessageToDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.common.v1 import Payload

from api.console import visits
from infra.crypto import FieldContext, Keyring
from infra.database import transaction
from infra.payloads import SealedPayloads
from infra.settings import Settings
from tests.factories.auth import signed_in
from tests.factories.sealed import fresh_key
from tests.factories.users import add_customer, add_officer

DECODE = "/codec/decode"
NAMESPACE = {"X-Namespace": "default"}
UI = "http://127.0.0.1:8233"
PLAIN = {"metadata": {"encoding": b64encode(b"json/plain").decode()}, "data": b64encode(b'"plain"').decode()}


def _sealed(settings: Settings, said: str) -> dict[str, Any]:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=f'"{said}"'.encode())
    return dict(MessageToDict(SealedPayloads.of(settings).sealed(payload)))


@pytest.fixture
def sealed(api_settings: Settings) -> dict[str, Any]:
    """A payload of the bank's, as the Temporal UI has it."""
    return _sealed(api_settings, "a case")


async def _lines(engine: AsyncEngine) -> list[Any]:
    query = (
        "SELECT action, resource_id, outcome, code, user_id, new_values FROM audit_logs"
        " WHERE action LIKE 'codec.%' ORDER BY id"
    )
    async with transaction(engine) as session:
        return list((await session.execute(text(query))).all())


async def test_an_operator_opens_payloads_and_each_call_leaves_one_line(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, api_settings: Settings, sealed: dict[str, Any]
) -> None:
    otis = await add_officer(owner_engine, "operations")
    headers = await signed_in(app, owner_engine, otis) | NAMESPACE
    lost = _sealed(Settings(_env_file=None, payload_keys={"gone": fresh_key()}, payload_key_id="gone"), "lost")
    broken = {"metadata": sealed["metadata"], "data": "no base64!"}
    asked = [PLAIN, sealed, lost, broken, {"data": "", "unknown": 10**30}]
    # As the UI of today asks.
    answered = await client.post(f"{DECODE}?preserveStorageRefs=true", json={"payloads": asked}, headers=headers)
    assert answered.status_code == 200
    plain, opened, *rest = answered.json()["payloads"]
    assert plain == PLAIN
    assert b64decode(opened["data"]) == b'"a case"'
    assert b64decode(opened["metadata"]["encoding"]) == b"json/plain"
    assert [one["data"] for one in rest] == [lost["data"], broken["data"], ""]
    (line,) = await _lines(owner_engine)
    assert tuple(line)[:5] == ("codec.decode", "default", "done", None, otis.id)
    assert line.new_values == {"payloads": 5, "opened": 1, "left_sealed": 2}
    # Payloads of another namespace are none of ours.
    other = await client.post(DECODE, json={"payloads": [sealed]}, headers=headers | {"X-Namespace": "other"})
    assert other.json() == {"payloads": [sealed]}
    # Where the UI is of our own origin the browser tells which page asks.
    page = {"Referer": "http://aurum.test/temporal/namespaces/default/workflows/wire%2F01a2/0204/timeline"}
    await client.post(DECODE, json={"payloads": [sealed]}, headers=headers | page)
    assert (await _lines(owner_engine))[-1].resource_id == "wire/01a2"


async def test_nobody_else_reads_them(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, sealed: dict[str, Any]
) -> None:
    people = [
        await add_customer(owner_engine),
        await add_officer(owner_engine, "compliance_officer"),
        await add_officer(owner_engine, "auditor"),
    ]
    strangers: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer x"},
        {"Cookie": f"{visits.COOKIE}=x", "Origin": UI},
    ]
    known = [await signed_in(app, owner_engine, person) for person in people]
    for headers, status in [*((one, 401) for one in strangers), *((one, 403) for one in known)]:
        for path in (DECODE, "/codec/encode"):
            answered = await client.post(path, json={"payloads": [sealed]}, headers=NAMESPACE | headers)
            assert answered.status_code == status, headers
            assert sealed["data"] not in answered.text
    lines = await _lines(owner_engine)
    assert {line.outcome for line in lines} == {"refused"}
    assert [line.user_id for line in lines] == [person.id for person in people for _ in range(2)]


async def test_nobody_seals_anything_by_it(app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine) -> None:
    headers = await signed_in(app, owner_engine, await add_officer(owner_engine, "super_admin"))
    answered = await client.post("/codec/encode", json={"payloads": [PLAIN]}, headers=headers | NAMESPACE)
    assert (answered.status_code, answered.json()["code"]) == (403, "encoding_refused")
    assert "in the console" in answered.json()["detail"]
    (line,) = await _lines(owner_engine)
    assert tuple(line)[:4] == ("codec.encode", "default", "refused", "encoding_refused")


async def test_what_is_wrong_is_said_and_too_much_is_not_read(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, sealed: dict[str, Any]
) -> None:
    headers = await signed_in(app, owner_engine, await add_officer(owner_engine, "operations"))
    for changed, body, status in (
        ({}, {"payloads": [sealed]}, 422),
        (NAMESPACE, {"payloads": "x"}, 422),
        (NAMESPACE, {"payloads": [PLAIN] * 1001}, 422),
        (NAMESPACE, {"payloads": [{"data": "A" * 1024 * 1024}]}, 413),
    ):
        answered = await client.post(DECODE, json=body, headers=headers | changed)
        assert answered.status_code == status


@pytest.fixture
async def browser(app: FastAPI, owner_engine: AsyncEngine) -> Any:
    """An operator's browser, signed in at the console."""
    person = await add_officer(owner_engine, "operations")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        form = {"email": person.email, "password": person.password, "next": "/console"}
        assert (await client.post("/console/sign-in", data=form)).status_code == 303
        yield client


async def test_who_is_signed_in_at_the_console_reads_in_the_temporal_ui_and_from_no_other_page(
    browser: httpx.AsyncClient, sealed: dict[str, Any]
) -> None:
    body = {"payloads": [sealed]}
    answered = await browser.post(DECODE, json=body, headers=NAMESPACE | {"Origin": UI})
    assert answered.status_code == 200
    assert b64decode(answered.json()["payloads"][0]["data"]) == b'"a case"'
    assert answered.headers["access-control-allow-origin"] == UI
    assert answered.headers["access-control-allow-credentials"] == "true"
    for origin in ({}, {"Origin": "http://127.0.0.1:8000"}, {"Origin": "https://elsewhere.example"}):
        refused = await browser.post(DECODE, json=body, headers=NAMESPACE | origin)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "access-control-allow-origin" not in refused.headers
    page = await browser.get("/console")
    form = {"csrf": page.text.split('name="csrf" value="')[1].split('"')[0]}
    assert (await browser.post("/console/sign-out", data=form)).status_code == 303
    assert (await browser.post(DECODE, json=body, headers=NAMESPACE | {"Origin": UI})).status_code == 401


async def test_a_visit_goes_on_with_new_tokens_and_is_not_kept_alive_by_the_ui(
    browser: httpx.AsyncClient, api_settings: Settings, sealed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring.of(api_settings.field_keys, api_settings.field_key_id)
    place = FieldContext("console", "cookie", "visit")

    def badge(cookie: str) -> visits.Badge:
        return visits.Badge.model_validate_json(keyring.open(urlsafe_b64decode(cookie), place))

    before = badge(browser.cookies[visits.COOKIE])
    early = before.model_copy(update={"seen": before.seen - 600}).model_dump_json().encode()
    # Tokens that are about to end, of somebody who has not been there for ten minutes.
    monkeypatch.setattr(visits, "_MARGIN_SECONDS", 24 * 3600)
    browser.cookies.clear()
    headers = {
        **NAMESPACE,
        "Origin": UI,
        "Cookie": f"{visits.COOKIE}={urlsafe_b64encode(keyring.seal(early, place)).decode()}",
    }
    asked = [browser.post(DECODE, json={"payloads": [sealed]}, headers=headers) for _ in range(5)]
    for answered in await asyncio.gather(*asked):
        assert answered.status_code == 200
        renewed = badge(answered.cookies[visits.COOKIE])
        assert renewed.refresh != before.refresh
        assert renewed.seen == before.seen - 600
    # What is refused has spent no token that the browser would miss.
    for path, status in (("/codec/encode", 403), (DECODE, 422)):
        body = {"payloads": [sealed]} if status == 403 else {}
        refused = await browser.post(path, json=body, headers=headers)
        assert (refused.status_code, "set-cookie" in refused.headers) == (status, False)
    over = early.replace(str(before.seen - 600).encode(), str(before.seen - visits.IDLE_SECONDS - 1).encode())
    headers["Cookie"] = f"{visits.COOKIE}={urlsafe_b64encode(keyring.seal(over, place)).decode()}"
    refused = await browser.post(DECODE, json={"payloads": [sealed]}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", f"{UI}0", "http://localhost:8233"])
async def test_the_page_of_the_temporal_ui_and_no_other_may_ask(client: httpx.AsyncClient, origin: str) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }
    granted = await client.options(DECODE, headers=asked | {"Origin": UI})
    assert granted.status_code == 200
    assert granted.headers["access-control-allow-origin"] == UI
    assert granted.headers["access-control-allow-credentials"] == "true"
    refused = await client.options(DECODE, headers=asked | {"Origin": origin})
    assert "access-control-allow-origin" not in refused.headers
    elsewhere = await client.options("/api/v1/wires", headers=asked | {"Origin": UI})
    assert "access-control-allow-origin" not in elsewhere.headers
