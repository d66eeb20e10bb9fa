"""Blocked payments at the compliance desk, by HTTP and at the console."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.activities.test_blocked_payments import CLEARED, Desk
from tests.factories import wires as make
from tests.factories.auth import age_session, signed_in
from tests.factories.console import Office
from tests.factories.users import Person, add_customer, add_officer

URL = "/api/v1/admin/screening/payments"


@dataclass
class Blocked:
    """A blocked payment, and who asks about it."""

    app: FastAPI
    client: AsyncClient
    desk: Desk
    payment_id: UUID

    async def come(self, person: Person) -> dict[str, str]:
        """Somebody signs in."""
        return await signed_in(self.app, self.desk.owner, person)

    async def rules(self, headers: dict[str, str], ruling: str = "clear", reason: str = "Born 1990.") -> Response:
        """Somebody asks for a ruling."""
        body = {"ruling": ruling, "reason": reason}
        return await self.client.put(f"{URL}/{self.payment_id}/ruling", json=body, headers=headers)


@pytest.fixture
async def blocked(
    app: FastAPI,
    client: AsyncClient,
    owner_engine: AsyncEngine,
    api_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    tmp_path: Path,
) -> Blocked:
    desk = Desk(owner_engine, api_engine, worker_engine, tmp_path)
    desk.people = await make.people(owner_engine)
    return Blocked(app, client, desk, await desk.blocked())


async def test_officers_see_what_was_found_and_two_of_them_clear_it(blocked: Blocked) -> None:
    owner = blocked.desk.owner
    officer = await blocked.come(await add_officer(owner))
    senior = await blocked.come(await add_officer(owner, "senior_compliance_officer"))
    listed = (await blocked.client.get(URL, headers=officer)).json()
    (one,) = listed["data"]
    assert (listed["total"], one["payment_id"], one["amount"]) == (1, str(blocked.payment_id), 100.00)
    assert [(hit["entry_id"], hit["verdict"], hit["listed"]["name"]) for hit in one["hits"]] == [
        ("AD-1", "exact", "Viktor Grimsholm")
    ]
    for _ in range(2):
        proposed = await blocked.rules(officer)
        assert proposed.status_code == 200, proposed.text
        assert [ruling["confirmed_by"] for ruling in proposed.json()["rulings"]] == [None]
    cleared = await blocked.rules(senior)
    assert (cleared.status_code, cleared.json()["status"]) == (200, "failed")
    assert (await blocked.rules(senior)).json()["code"] == "wrong_state"
    assert await blocked.desk.stands(blocked.payment_id) == CLEARED
    assert (await blocked.client.get(URL, headers=officer)).json()["data"] == []
    kept = (await blocked.client.get(f"{URL}/{blocked.payment_id}", headers=officer)).json()
    assert (kept["status"], len(kept["rulings"]), kept["rulings"][0]["ruling"]) == ("failed", 1, "clear")
    async with transaction(owner) as session:
        audited = await session.execute(
            text("SELECT action, outcome FROM audit_logs WHERE resource_id = :id ORDER BY id"),
            {"id": str(blocked.payment_id)},
        )
        assert [tuple(row) for row in audited][-4:-1] == [("admin.rule_about_payment", "done")] * 3


async def test_who_may_not_rule_is_refused_and_changes_nothing(blocked: Blocked) -> None:
    owner = blocked.desk.owner
    person = await add_officer(owner)
    stale = await blocked.come(person)
    await age_session(owner, person)
    refused = await blocked.rules(stale)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    customer = await blocked.come(await add_customer(owner))
    operations = await blocked.come(await add_officer(owner, "operations"))
    for headers in (customer, operations):
        assert (await blocked.client.get(URL, headers=headers)).status_code == 403
        assert (await blocked.rules(headers)).status_code == 403
    officer = await blocked.come(person)
    assert (await blocked.rules(officer, "seize")).status_code == 422
    assert (await blocked.rules(officer, reason="  ")).status_code == 422
    assert (await blocked.client.get(f"{URL}/{uuid4()}", headers=officer)).status_code == 404
    assert await blocked.desk.asked("SELECT FROM payment_rulings") == []


async def test_two_officers_clear_it_at_the_console(blocked: Blocked) -> None:
    office = Office(blocked.app, blocked.desk.owner)
    page = "/compliance/payments"
    for preset in ("compliance_officer", "senior_compliance_officer"):
        staff = await office.come(preset)
        assert "Viktor Grimsholm" in await staff.look(page)
        await staff.done(page, f"{page}/{blocked.payment_id}", ruling="clear", reason="Born 1990.")
        await staff.browser.aclose()
    assert await blocked.desk.stands(blocked.payment_id) == CLEARED
