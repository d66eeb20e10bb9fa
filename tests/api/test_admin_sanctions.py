"""Where the lists stand, over HTTP: for those who watch and decide, and for nobody else."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import sanctions
from tests.factories import wires as make
from tests.factories.auth import signed_in
from tests.factories.damage import damage
from tests.factories.users import add_customer, add_officer

SANCTIONS = "/api/v1/admin/sanctions"


@pytest.mark.parametrize("preset", ["compliance_officer", "senior_compliance_officer", "operations", "auditor"])
async def test_staff_see_how_old_each_list_is(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, preset: str
) -> None:
    headers = await signed_in(app, owner_engine, await add_officer(owner_engine, preset))
    nothing = (await client.get(SANCTIONS, headers=headers)).json()
    assert (nothing["data"], nothing["stale"]) == ([], True)
    await make.sanctions_list(owner_engine)
    fresh = (await client.get(SANCTIONS, headers=headers)).json()
    (one,) = fresh["data"]
    assert (one["name"], one["version"], one["entries"], one["stale"], fresh["stale"]) == (
        "AURUM-DEMO", "2026-11-01", 2, False, False,
    )  # fmt: skip
    await damage(owner_engine, "UPDATE sanctions_lists SET checked_at = now() - interval '40 hours'")
    async with transaction(owner_engine) as session:
        await sanctions.failed(session, "AURUM-DEMO", "the source answers 503")
    late = (await client.get(SANCTIONS, headers=headers)).json()
    assert (late["data"][0]["stale"], late["data"][0]["failure"], late["stale"]) == (
        True,
        "the source answers 503",
        True,
    )
    assert late["data"][0]["age_seconds"] >= 40 * 3600


async def test_customers_do_not(app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine) -> None:
    headers = await signed_in(app, owner_engine, await add_customer(owner_engine))
    assert (await client.get(SANCTIONS, headers=headers)).status_code == 403
    assert (await client.get(SANCTIONS)).status_code == 401
