"""Blocked property as it is reported: what was blocked, what it has earned since, and all of it."""

from pathlib import Path

from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.activities.test_blocked_interest import JANUARY, Vault
from tests.factories import wires as make
from tests.factories.auth import signed_in
from tests.factories.console import Office
from tests.factories.users import add_officer

URL = "/api/v1/admin/screening/blocked"


async def test_the_annual_report_has_the_interest_by_the_end_of_its_day(
    app: FastAPI,
    client: AsyncClient,
    owner_engine: AsyncEngine,
    api_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    tmp_path: Path,
) -> None:
    vault = Vault(owner_engine, api_engine, worker_engine, tmp_path)
    vault.people = await make.people(owner_engine)
    wire_id = await vault.blocked_on(JANUARY)
    await vault.runs(2026, 5, 1)
    officer = await signed_in(app, owner_engine, await add_officer(owner_engine))
    told = (await client.get(URL, params={"year": 2026}, headers=officer)).json()
    assert (told["held_on"], told["annual_report_due_on"]) == ("2026-06-30", "2026-09-30")
    (held,) = told["data"]
    assert {name: held[name] for name in ("wire_id", "amount", "interest", "accrued", "total", "rate_percent")} == {
        "wire_id": str(wire_id),
        "amount": 1000.00,
        "interest": 8.86,
        "accrued": 5.13,
        "total": 1013.99,
        "rate_percent": 3.0,
    }
    assert (await client.get(URL, params={"year": 2025}, headers=officer)).json()["data"] == []
    # As it stands today, whichever day that is.
    (now,) = (await client.get(URL, headers=officer)).json()["data"]
    assert round(now["amount"] + now["interest"] + now["accrued"], 2) == now["total"]
    office = Office(app, owner_engine)
    shown = await (await office.come("compliance_officer")).look("/compliance/blocked?year=2026")
    await office.browsers[0].aclose()
    assert "8.86" in shown
    assert "and 5.13 to be booked" in shown
    assert "3.0000 %, 1,013.99 in all" in shown
