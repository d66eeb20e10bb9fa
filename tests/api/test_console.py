"""The console over HTTP: who gets in, how long they stay, and that a form of another site does nothing.

How it looks and works in a browser is tests/browser's matter.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.console import visits
from infra.database import transaction
from tests.factories import wires as make
from tests.factories.auth import age_session
from tests.factories.factors import enrolled
from tests.factories.users import Person, add_customer, add_officer
from tests.factories.wire_desk import Door

HOME, SIGN_IN = "/console", "/console/sign-in"


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Something that keeps cookies and follows nothing by itself."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as client:
        yield client


@pytest.fixture
async def door(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _sign_in(browser: httpx.AsyncClient, person: Person, onward: str = HOME) -> httpx.Response:
    return await browser.post(SIGN_IN, data={"email": person.email, "password": person.password, "next": onward})


def _csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


async def test_nobody_gets_in_without_signing_in(browser: httpx.AsyncClient) -> None:
    for path in (HOME, "/console/wires", "/console/people", "/console/audit", "/console/schedules", "/console/find"):
        sent = await browser.get(path)
        assert (sent.status_code, sent.headers["location"]) == (303, f"{SIGN_IN}?next={path}")
    polled = await browser.get("/console/wires/rows", headers={"HX-Request": "true"})
    assert (polled.status_code, polled.headers["hx-redirect"]) == (204, SIGN_IN)
    acted = await browser.post("/console/wires/019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8/approve", data={"csrf": "x"})
    assert acted.status_code == 303


async def test_an_officer_signs_in_goes_where_they_wanted_and_out_again(
    browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    officer = await add_officer(owner_engine)
    asked = await browser.get(f"{SIGN_IN}?next=/console/wires")
    assert 'name="next" value="/console/wires"' in asked.text
    sent = await _sign_in(browser, officer, "/console/wires")
    assert (sent.status_code, sent.headers["location"]) == (303, "/console/wires")
    cookie = sent.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = await browser.get("/console/wires")
    assert page.status_code == 200
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|\son[a-z]+=|style=", page.text), "nothing inline"
    assert (await browser.post("/console/sign-out", data={"csrf": _csrf(page)})).headers["location"] == SIGN_IN
    assert (await browser.get("/console/wires")).status_code == 303
    async with transaction(owner_engine) as session:
        open_sessions = await session.execute(text("SELECT count(*) FROM sessions WHERE revoked_at IS NULL"))
        assert open_sessions.scalar_one() == 0


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "//elsewhere.example", "/api/v1/", "javascript:x"])
async def test_signing_in_leads_nowhere_else(
    browser: httpx.AsyncClient, owner_engine: AsyncEngine, elsewhere: str
) -> None:
    sent = await _sign_in(browser, await add_officer(owner_engine), elsewhere)
    assert sent.headers["location"] == HOME


async def test_a_second_factor_is_asked_for(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    officer = await add_officer(owner_engine)
    authenticator, _ = await enrolled(client, app, owner_engine, officer)
    asked = await _sign_in(browser, officer)
    assert (asked.status_code, visits.COOKIE in browser.cookies) == (200, False)
    found = re.search(r'name="challenge" value="([^"]+)"', asked.text)
    assert found
    wrong = await browser.post(f"{SIGN_IN}/code", data={"challenge": found[1], "code": "000000"})
    assert (wrong.status_code, "Code is wrong" in wrong.text) == (401, True)
    right = await browser.post(f"{SIGN_IN}/code", data={"challenge": found[1], "code": authenticator.code(1)})
    assert right.status_code == 303, right.text
    assert (await browser.get(HOME)).status_code == 200


async def test_wrong_passwords_and_customers_stay_outside(
    browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    officer, customer = await add_officer(owner_engine), await add_customer(owner_engine)
    wrong = await browser.post(SIGN_IN, data={"email": officer.email, "password": "not it at all"})
    assert (wrong.status_code, "E-mail or password is wrong" in wrong.text) == (401, True)
    refused = await _sign_in(browser, customer)
    assert (refused.status_code, "for the bank&#39;s staff" in refused.text) == (403, True)
    assert (await browser.get(HOME)).status_code == 303


async def test_a_form_of_another_site_or_another_visit_does_nothing(
    door: Door, browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    wire_id = await door.awaiting(await door.customer())
    await _sign_in(browser, await add_officer(owner_engine))
    page = await browser.get(f"/console/wires/{wire_id}")
    approve = f"/console/wires/{wire_id}/approve"
    for data in ({}, {"csrf": ""}, {"csrf": "x" * 32}):
        refused = await browser.post(approve, data=data)
        assert (refused.status_code, "Old page" in refused.text) == (403, True)
    cross = await browser.post(approve, data={"csrf": _csrf(page)}, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    large = await browser.post(approve, data={"csrf": _csrf(page), "comment": "x" * 100_000})
    assert large.status_code == 413
    headers = (await door.officer("auditor"))[1]
    assert (await door.seen(wire_id, headers))["approvals"]["given"] == 0


async def test_an_officer_decides_and_the_log_says_who_and_from_where(
    door: Door, browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    wire_id = await door.awaiting(await door.customer(), recipient_name="<b>Bold & Sons</b>")
    officer = await add_officer(owner_engine)
    await _sign_in(browser, officer)
    assert wire_id in (await browser.get("/console/wires")).text
    page = await browser.get(f"/console/wires/{wire_id}")
    assert "&lt;b&gt;Bold &amp; Sons&lt;/b&gt;" in page.text
    decided = await browser.post(
        f"/console/wires/{wire_id}/approve",
        data={"csrf": _csrf(page), "comment": "seen"},
        headers={"User-Agent": "Officer's browser", "Sec-Fetch-Site": "same-origin"},
    )
    assert decided.status_code == 303
    assert "Decide</h2>" not in (await browser.get(f"/console/wires/{wire_id}")).text
    async with transaction(owner_engine) as session:
        line = (
            await session.execute(
                text(
                    "SELECT user_id, user_agent, ip_address, outcome FROM audit_logs"
                    " WHERE action = 'wires.approve_wire'"
                )
            )
        ).one()
    assert tuple(line) == (officer.id, "Officer's browser", "127.0.0.1", "done")


async def test_a_refusal_of_the_api_is_a_page(
    door: Door, browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    wire_id = await door.awaiting(await door.customer())
    auditor = await add_officer(owner_engine, "auditor")
    await _sign_in(browser, auditor)
    page = await browser.get(f"/console/wires/{wire_id}")
    assert "Decide</h2>" not in page.text
    refused = await browser.post(f"/console/wires/{wire_id}/approve", data={"csrf": _csrf(page)})
    assert (refused.status_code, "Permission missing" in refused.text) == (403, True)
    assert (await browser.get("/console/wires/019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8")).status_code == 404
    assert (await browser.get("/console/wires/nothing")).status_code == 422


async def test_what_is_sensitive_asks_for_a_fresh_proof_and_goes_on(
    browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    operator, customer = await add_officer(owner_engine, "operations"), await add_customer(owner_engine)
    await _sign_in(browser, operator)
    here = f"/console/people/{customer.id}"
    csrf = _csrf(await browser.get(here))
    await age_session(owner_engine, operator)
    asked = await browser.post(
        f"{here}/freeze", data={"csrf": csrf, "reason": "asked for"}, headers={"Referer": f"http://aurum.test{here}"}
    )
    assert (asked.status_code, "Confirm that it is you" in asked.text) == (403, True)
    challenge = re.search(r'name="challenge" value="([^"]+)"', asked.text)
    assert challenge
    proved = await browser.post(
        "/console/confirm",
        data={"csrf": csrf, "challenge": challenge[1], "password": operator.password, "back": here},
    )
    assert proved.headers["location"].startswith(here)
    done = await browser.post(f"{here}/freeze", data={"csrf": csrf, "reason": "asked for"})
    assert done.status_code == 303
    assert "frozen" in (await browser.get(here)).text


async def test_an_access_token_that_ends_is_renewed_and_an_ended_session_is_over(
    browser: httpx.AsyncClient, app: FastAPI, owner_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = await add_officer(owner_engine)
    await _sign_in(browser, officer)
    before = browser.cookies[visits.COOKIE]
    monkeypatch.setattr(visits, "_MARGIN_SECONDS", 24 * 3600)
    assert (await browser.get("/console/wires")).status_code == 200
    monkeypatch.undo()
    assert browser.cookies[visits.COOKIE] != before
    assert (await browser.get("/console/wires")).status_code == 200
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE sessions SET revoked_at = now()"))
    assert (await browser.get("/console/wires")).headers["location"].startswith(SIGN_IN)


@pytest.mark.parametrize(
    ("bound", "seconds", "passes"),
    [("IDLE_SECONDS", -1, False), ("LONGEST_SECONDS", -1, False), ("IDLE_SECONDS", 3600, True)],
)
async def test_a_visit_ends_when_nobody_is_there(
    browser: httpx.AsyncClient,
    owner_engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    seconds: int,
    passes: bool,
) -> None:
    await _sign_in(browser, await add_officer(owner_engine))
    monkeypatch.setattr(visits, bound, seconds)
    assert ((await browser.get("/console/wires")).status_code == 200) is passes


async def test_a_cookie_that_was_touched_is_nobodys(browser: httpx.AsyncClient, owner_engine: AsyncEngine) -> None:
    await _sign_in(browser, await add_officer(owner_engine))
    cookie = browser.cookies[visits.COOKIE]
    for touched in (cookie[:-8] + "AAAAAAA=", "x", "", cookie[4:]):
        answered = await browser.get(HOME, headers={"Cookie": f"{visits.COOKIE}={touched}"})
        assert answered.status_code == 303, touched
    foreign = f"{visits.COOKIE}=é".encode()
    assert (await browser.get(HOME, headers=[(b"Cookie", foreign)])).status_code == 303
