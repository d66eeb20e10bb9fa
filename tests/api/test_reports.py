"""Monthly statements by HTTP: listed for their owner and the staff, and handed out as they were made."""

import hashlib
from base64 import b64decode
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.statements import StatementSteps
from infra.database import transaction
from infra.providers.store import open_statements
from infra.settings import Settings
from models.statements import AccountRun, moments_of
from models.tables import monthly_statements as table
from tests.factories import statements as make
from tests.factories.auth import signed_in
from tests.factories.users import Person, add_customer, add_officer

OCTOBER = "2026-10"
URL = "/api/v1/reports/statements"


@pytest.fixture
async def owner(owner_engine: AsyncEngine) -> Person:
    """A customer."""
    return await add_customer(owner_engine)


@pytest.fixture
async def account(owner: Person, owner_engine: AsyncEngine, worker_engine: AsyncEngine, api_settings: Settings) -> UUID:
    """An account of theirs with statements of two months, the later in two versions."""
    begins_at = moments_of("2026-09")[0]
    opened = await make.opened(owner_engine, owner.id, "KWD", begins_at)
    await make.booked(owner_engine, opened, "KWD", [(begins_at, 1_234_567), (moments_of(OCTOBER)[0], -567)])
    steps = StatementSteps(api_settings, worker_engine, open_statements(api_settings))
    for period in ("2026-09", OCTOBER):
        await steps.made(AccountRun(period=period, account_id=opened))
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET last_name = 'Other' WHERE id = :id"), {"id": owner.id})
    await steps.made(AccountRun(period=OCTOBER, account_id=opened, reason="The name was misspelt"))
    return opened


async def test_statements_are_listed_newest_first_and_filtered(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, owner: Person, account: UUID
) -> None:
    headers = await signed_in(app, owner_engine, owner)
    for url in (URL, f"/api/v1/accounts/{account}/statements"):
        page = (await client.get(url, headers=headers)).json()
        assert [(one["period"], one["version"]) for one in page["data"]] == [(OCTOBER, 2), (OCTOBER, 1), ("2026-09", 1)]
        assert page["total"] == 3
    newest = page["data"][0]
    assert newest["reason"] == "The name was misspelt"
    assert (newest["opening_balance"], newest["closing_balance"], newest["debits"]) == (1234.567, 1234.0, -0.567)
    filtered = (await client.get(URL, params={"period": "2026-09", "account_id": str(account)}, headers=headers)).json()
    assert [one["period"] for one in filtered["data"]] == ["2026-09"]
    assert (await client.get(URL, params={"period": "2026-13"}, headers=headers)).status_code == 422


async def test_each_file_is_handed_out_as_it_was_made_and_that_is_noted(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, owner: Person, account: UUID
) -> None:
    headers = await signed_in(app, owner_engine, owner)
    statement = (await client.get(URL, headers=headers)).json()["data"][0]["id"]
    async with transaction(owner_engine) as session:
        kept = await table.files_of(session, UUID(statement))
    for form, kind, suffix in (
        ("pdf", "application/pdf", "pdf"),
        ("json", "application/json", "json"),
        ("csv", "text/csv", "csv"),
        ("camt053", "application/xml", "xml"),
    ):
        sent = await client.get(f"{URL}/{statement}", params={"format": form}, headers=headers)
        assert sent.status_code == 200, sent.text
        assert sent.headers["Content-Type"].startswith(kind)
        assert sent.headers["Content-Disposition"].endswith(f'-2.{suffix}"')
        digest = hashlib.sha256(sent.content)
        assert digest.hexdigest() == {str(one.form): one.content_hash for one in kept.values()}[form]
        assert b64decode(sent.headers["Content-Digest"].split(":")[1]) == digest.digest()
    assert (await client.get(f"{URL}/{statement}", headers=headers)).content.startswith(b"%PDF-")
    async with transaction(owner_engine) as session:
        lines = await session.execute(
            text("SELECT count(*) FROM audit_logs WHERE action = 'reports.download_statement' AND resource_id = :id"),
            {"id": statement},
        )
        assert lines.scalar_one() == 5


async def test_others_see_none_and_staff_with_the_right_does(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, owner: Person, account: UUID
) -> None:
    own = await signed_in(app, owner_engine, owner)
    statement = (await client.get(URL, headers=own)).json()["data"][0]["id"]
    stranger = await signed_in(app, owner_engine, await add_customer(owner_engine))
    assert (await client.get(URL, headers=stranger)).json()["data"] == []
    assert (await client.get(f"{URL}/{statement}", headers=stranger)).status_code == 404
    assert (await client.get(f"/api/v1/accounts/{account}/statements", headers=stranger)).status_code == 404
    assert (await client.get(f"{URL}/{statement}")).status_code == 401
    operations = await signed_in(app, owner_engine, await add_officer(owner_engine, "operations"))
    assert (await client.get(f"{URL}/{statement}", headers=operations)).status_code == 200
    officer = await signed_in(app, owner_engine, await add_officer(owner_engine))
    assert (await client.get(f"{URL}/{statement}", headers=officer)).json()["code"] == "permission_missing"


async def test_a_file_that_is_gone_is_said_to_be_and_is_no_error_of_ours(
    app: FastAPI,
    client: httpx.AsyncClient,
    owner_engine: AsyncEngine,
    owner: Person,
    account: UUID,
    api_settings: Settings,
) -> None:
    headers = await signed_in(app, owner_engine, owner)
    statement = (await client.get(URL, headers=headers)).json()["data"][0]["id"]
    async with transaction(owner_engine) as session:
        for file in (await table.files_of(session, UUID(statement))).values():
            await open_statements(api_settings).forget(file.file_path)
    sent = await client.get(f"{URL}/{statement}", headers=headers)
    assert (sent.status_code, sent.json()["code"]) == (503, "statement_unreadable")
