"""The console's pages for desks beside that of wires: what each shows, and what its forms do."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.monitoring import Structuring
from tests.factories import accounts as make
from tests.factories.console import CONSOLE, Office
from tests.factories.monitoring import moved, rules, run
from tests.factories.users import add_customer, add_officer

SPLIT = Structuring(name="split_up", days=2, count=3, margin_percent=10, amounts={"EUR": 10_000}, two_people=True)
PAGES = (
    "/monitoring",
    "/monitoring?tab=mine",
    "/monitoring?tab=explained",
    "/monitoring/rules",
    "/monitoring/rules/propose",
    "/transactions",
    "/transactions?from=2026-01-01&to=2026-02-01&min=1&status=completed",
    "/reversals",
    "/reconciliation",
    "/reconciliation?tab=explained",
    "/reconciliation?tab=closed",
    "/compliance",
    "/compliance/payments",
    "/compliance/blocked",
    "/compliance/blocked?year=2026",
    "/compliance/reports",
    "/compliance/reports?all=1",
    "/approval",
    "/approval/matrix",
    "/approval/matrix/propose",
    "/ledger",
)


@pytest.fixture
async def office(app: FastAPI, owner_engine: AsyncEngine) -> AsyncIterator[Office]:
    made = Office(app, owner_engine)
    yield made
    for browser in made.browsers:
        await browser.aclose()


async def _account(owner: AsyncEngine, minor: int = 10**9) -> UUID:
    person = await add_customer(owner, tier="premium", first_name="Ada", last_name="Quill")
    async with transaction(owner) as session:
        return await make.account(session, person.id, minor)


async def test_every_page_is_shown_to_whoever_may_do_everything(office: Office) -> None:
    one = await office.come("super_admin")
    for path in PAGES:
        assert "<h1>" in await one.look(path)


async def test_pages_of_other_desks_say_what_is_missing(office: Office) -> None:
    one = await office.come("operations")
    for path in ("/monitoring", "/compliance"):
        refused = await one.browser.get(f"{CONSOLE}{path}")
        assert (refused.status_code, "permission" in refused.text) == (403, True)
    assert "Monitoring" not in await one.look("/transactions")


async def test_a_case_is_explained_by_one_and_confirmed_by_another(
    office: Office, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    async with rules(owner_engine, SPLIT):
        account = await _account(owner_engine)
        for number in range(3):
            at = datetime.now(UTC) + timedelta(seconds=number)
            await moved(owner_engine, account, -9500_00, at, description=f"Car {number}")
        await run(worker_engine)
        first, second = await office.come("compliance_officer"), await office.come("compliance_officer")
        found = re.search(r"/console/monitoring/([0-9a-f-]{36})", await first.look("/monitoring"))
        assert found
        here = f"/monitoring/{found[1]}"
        shown = await first.look(here)
        assert "came to 28,500.00 EUR within 2 days" in shown
        assert "Car 2" in shown
        await first.done(here, f"{here}/claim")
        assert "Ada Quill" in await first.look("/monitoring?tab=mine")
        await first.done(here, f"{here}/comment", body="Asked the branch")
        closing = {"outcome": "explained", "reason": "Sold three cars", "alerts": "1", "snooze_days": "30"}
        await first.done(here, f"{here}/close", **closing)
        assert "Confirm the explanation" not in await first.look(here)
        assert (await first.send(here, f"{here}/confirm", explanation="1")).status_code == 403
        await second.done(here, f"{here}/confirm", explanation="1")
        assert "told to those alone who look after suspicions" in await second.look(here)
        assert "Ada Quill" in await second.look("/monitoring?tab=closed")
        few = await office.come("compliance_officer", permissions=["admin:suspicion"])
        assert "Sold three cars" in await few.look(here)
        assert "Ada Quill" in await few.look("/monitoring?tab=explained")
        assert "Ada Quill" not in await second.look("/monitoring")


async def test_a_suspicion_is_a_closed_case_to_others(
    office: Office, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    async with rules(owner_engine, SPLIT):
        account = await _account(owner_engine)
        for number in range(3):
            await moved(owner_engine, account, -9500_00, datetime.now(UTC) + timedelta(seconds=number))
        await run(worker_engine)
        first = await office.come("compliance_officer")
        few = await office.come("compliance_officer", permissions=["admin:suspicion"])
        found = re.search(r"/console/monitoring/([0-9a-f-]{36})", await first.look("/monitoring"))
        assert found
        here = f"/monitoring/{found[1]}"
        sent = await first.send(here, f"{here}/close", outcome="suspicion", reason="No car was sold", alerts="1")
        assert sent.headers["location"].startswith(f"{CONSOLE}/monitoring?said=The%20case%20is%20closed")
        shown = await first.look(here)
        assert "told to those alone who look after suspicions" in shown
        assert "came to 28,500.00 EUR within 2 days" in shown
        assert "No car was sold" not in shown
        assert "uspicion" not in await first.look("/monitoring")
        assert "Ada Quill" in await first.look("/monitoring?tab=closed")
        assert "No car was sold" in await few.look(here)
        assert "Ada Quill" in await few.look("/monitoring?tab=suspicions")


async def test_a_large_transfer_is_taken_back_by_two_or_not_at_all(office: Office, owner_engine: AsyncEngine) -> None:
    source, target = await _account(owner_engine), await _account(owner_engine)
    wrong = await moved(owner_engine, source, -20_000_00, datetime.now(UTC), to_account_id=target, description="Twice")
    first, second = await office.come("super_admin"), await office.come("super_admin")
    here = f"/transactions/{wrong}"
    assert "Twice" in await first.look("/transactions")
    assert str(wrong) in await first.look("/find?q=twice")
    await first.done(here, f"{here}/reverse", reason="Paid twice")
    assert "Withdraw" in await first.look("/reversals")
    assert "Look and confirm" in await second.look("/reversals")
    assert "Confirm: take it back" in await second.look(here)
    await first.done(here, f"{here}/withdraw")
    assert "withdrawn" in await second.look(here)
    await second.done(here, f"{here}/reverse", reason="Paid twice after all")
    await first.done(here, f"{here}/reverse", reason="Paid twice after all")
    assert "approved" in await first.look(here)


async def test_a_break_is_explained_and_confirmed(office: Office, owner_engine: AsyncEngine) -> None:
    async with transaction(owner_engine) as session:
        made = await session.execute(
            text(
                "INSERT INTO reconciliation_breaks (subject, kind, account, currency, day, theirs_minor, detail,"
                " two_people)"
                " VALUES ('entry/1', 'not_in_ours', 'NL26MOCK0000009001', 'USD', '2026-11-20', -12300000, 'W-77', true)"
                " RETURNING id"
            )
        )
        here = f"/reconciliation/{made.scalar_one()}"
    first, second = await office.come("operations"), await office.come("operations")
    assert "-123,000.00 USD" in await first.look("/reconciliation")
    await first.done("/reconciliation", f"{here}/explain", reason="Fee of a correspondent")
    assert "Confirm the explanation" not in await first.look("/reconciliation")
    await second.done("/reconciliation", f"{here}/confirm", explanation="1")
    assert "Fee of a correspondent" in await first.look("/reconciliation?tab=explained")


async def test_an_officer_lets_somebody_decide_and_ends_it(office: Office, owner_engine: AsyncEngine) -> None:
    one = await office.come("compliance_officer")
    other = await add_officer(owner_engine)
    until = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    await one.done("/approval", "/approval/delegations", delegate=str(other.id), until=until, reason="On leave")
    shown = await one.look("/approval")
    assert "On leave" in shown
    ending = re.search(r"/console(/approval/delegations/[0-9a-f-]{36}/end)", shown)
    assert ending
    await one.done("/approval", ending[1])
    assert "End it now" not in await one.look("/approval")
    refused = await one.send("/approval", "/approval/delegations", delegate=str(other.id), until="never", reason="x")
    assert refused.status_code == 422


async def test_a_senior_officer_rates_a_country(office: Office, owner_engine: AsyncEngine) -> None:
    one = await office.come("senior_compliance_officer")
    async with transaction(owner_engine) as session:
        before = (
            await session.execute(text("SELECT risk FROM country_risks WHERE country = 'NL'"))
        ).scalar_one_or_none()
    await one.done("/approval", "/approval/countries", country="nl", risk="high", note="A test")
    assert "A test" in await one.look("/approval")
    await one.done(
        "/approval", "/approval/countries", country="NL", risk=before or "low", note="Sample, not an official list"
    )


@pytest.mark.parametrize(
    "path",
    ["/monitoring/x/dance", "/transactions/x/dance", "/reconciliation/x/dance", "/compliance/x/dance"],
)
async def test_there_are_no_other_acts(office: Office, path: str) -> None:
    one = await office.come("super_admin")
    assert (await one.send("/approval", path)).status_code == 404
