"""Schedules by HTTP, over a real Temporal server: shown, paused, run now and made up, by those who may."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment

from api.main import create_app
from infra.database import transaction
from infra.schedules import SCHEDULES, reconcile
from infra.settings import Settings
from tests.databases import Database
from tests.factories.auth import signed_in
from tests.factories.statements import opened
from tests.factories.users import add_customer, add_officer
from tests.temporal_server import temporal_server
from tests.workflows.conftest import until

URL = "/api/v1/admin/schedules"
# Its workers never come, so that what is started stays to be counted.
QUEUE = "nobody"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server."""
    async with temporal_server() as running:
        yield running


@pytest.fixture
async def watched(
    server: WorkflowEnvironment, api_settings: Settings, database: Database
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The API over that server, with our schedules in it."""
    await reconcile(server.client, task_queue=QUEUE)
    address = server.client.service_client.config.target_host
    app = create_app(api_settings.model_copy(update={"temporal_address": address}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as client:
            yield app, client
    async for listed in await server.client.list_schedules():
        await server.client.get_schedule_handle(listed.id).delete()


@pytest.fixture
async def operations(watched: tuple[FastAPI, httpx.AsyncClient], owner_engine: AsyncEngine) -> httpx.AsyncClient:
    """Somebody of operations at the door."""
    app, client = watched
    client.headers.update(await signed_in(app, owner_engine, await add_officer(owner_engine, "operations")))
    return client


async def _read(client: httpx.AsyncClient, schedule_id: str) -> dict[str, Any]:
    answered = await client.get(f"{URL}/{schedule_id}")
    assert answered.status_code == 200, answered.text
    read: dict[str, Any] = answered.json()
    return read


async def _until_runs(client: httpx.AsyncClient, schedule_id: str, wanted: int) -> dict[str, Any]:
    read: dict[str, Any] = await until(
        lambda: _read(client, schedule_id), lambda seen: len(seen["last_runs"]) >= wanted
    )
    return read


async def test_every_schedule_is_shown_with_its_next_runs(operations: httpx.AsyncClient) -> None:
    page = (await operations.get(URL)).json()
    assert {line["id"] for line in page["data"]} == set(SCHEDULES)
    assert page["total"] == len(SCHEDULES)
    for line in page["data"]:
        assert line["present"]
        assert not line["paused"]
        assert len(line["next_runs"]) == 5


async def test_a_schedule_that_no_worker_has_made_yet_is_said_to_be_missing(
    operations: httpx.AsyncClient, server: WorkflowEnvironment
) -> None:
    await server.client.get_schedule_handle("ledger-proof").delete()
    line = await _read(operations, "ledger-proof")
    assert (line["present"], line["next_runs"]) == (False, [])
    assert (await operations.post(f"{URL}/ledger-proof/trigger")).status_code == 404


async def test_a_pause_says_why_and_stays_until_it_is_resumed(
    operations: httpx.AsyncClient, server: WorkflowEnvironment, owner_engine: AsyncEngine
) -> None:
    paused = await operations.post(f"{URL}/session-cleanup/pause", json={"note": "looking into it"})
    assert (paused.json()["paused"], paused.json()["note"]) == (True, "looking into it")
    await reconcile(server.client, task_queue=QUEUE)
    assert (await _read(operations, "session-cleanup"))["paused"]
    resumed = await operations.post(f"{URL}/session-cleanup/resume", json={"note": "found it"})
    assert (resumed.json()["paused"], len(resumed.json()["next_runs"])) == (False, 5)
    async with transaction(owner_engine) as session:
        rows = await session.execute(
            text(
                "SELECT action, new_values ->> 'note' FROM audit_logs WHERE resource_id = 'session-cleanup' ORDER BY id"
            )
        )
        assert [tuple(row) for row in rows] == [
            ("admin.pause_schedule", "looking into it"),
            ("admin.resume_schedule", "found it"),
        ]


async def test_a_schedule_is_run_now_and_not_beside_itself(operations: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await operations.post(f"{URL}/ledger-proof/trigger")).status_code == 200
        read = await _until_runs(operations, "ledger-proof", 1)
    assert [run["status"] for run in read["last_runs"]] == ["running"]


async def test_a_month_of_statements_is_run_for_everybody_or_for_one_account(
    operations: httpx.AsyncClient, server: WorkflowEnvironment, owner_engine: AsyncEngine
) -> None:
    url = f"{URL}/monthly-statements/trigger"
    account = await opened(owner_engine, (await add_customer(owner_engine)).id, "EUR", datetime(2026, 9, 1, tzinfo=UTC))
    month = {"period": "2026-09"}
    one = {**month, "account_id": str(account), "reason": "The name was misspelt"}
    for _ in range(2):
        assert (await operations.post(url, json=month)).status_code == 200
        assert (await operations.post(url, json=one)).status_code == 200
    for workflow_id, kind in (
        ("statements/2026-09", "statements"),
        (f"statements/2026-09/{account}", "account-statement"),
    ):
        described = await server.client.get_workflow_handle(workflow_id).describe()
        assert described.workflow_type == kind
        await server.client.get_workflow_handle(workflow_id).terminate("tried enough")
    async with transaction(owner_engine) as session:
        noted = await session.execute(
            text("SELECT new_values ->> 'reason' FROM audit_logs WHERE resource_id = 'monthly-statements' ORDER BY id")
        )
        assert list(noted.scalars())[:2] == [None, "The name was misspelt"]
    for body, status in (
        ({"period": "2999-01"}, 422),
        ({"period": "2099-01"}, 400),
        ({"period": "2026-13"}, 422),
        ({"account_id": str(account)}, 422),
        ({**month, "reason": "of everybody"}, 422),
        ({**month, "account_id": str(uuid4())}, 404),
    ):
        assert (await operations.post(url, json=body)).status_code == status, body
    assert (await operations.post(f"{URL}/ledger-proof/trigger", json=month)).status_code == 400


async def test_runs_that_were_missed_are_made_up_ends_included(
    operations: httpx.AsyncClient, server: WorkflowEnvironment
) -> None:
    span = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-01T02:00:00Z"}
    assert (await operations.post(f"{URL}/session-cleanup/backfill", json=span)).status_code == 200
    # One after another: the first stands in the way of the others until it has ended.
    for made in range(1, 4):
        read = await _until_runs(operations, "session-cleanup", made)
        newest = read["last_runs"][0]
        await server.client.get_workflow_handle(newest["workflow_id"]).terminate("tried enough")
    assert [run["workflow_id"][16:29] for run in reversed(read["last_runs"])] == [
        "2026-11-01T00", "2026-11-01T01", "2026-11-01T02",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "span",
    [
        {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2025-11-01T00:00:00Z", "to": "2026-11-03T00:00:00Z"},
        {"from": "2026-11-01T00:00:00", "to": "2026-11-03T00:00:00"},
        {"from": "yesterday", "to": "today"},
        {},
    ],
)
async def test_a_time_that_is_none_is_refused(operations: httpx.AsyncClient, span: dict[str, str]) -> None:
    assert (await operations.post(f"{URL}/session-cleanup/backfill", json=span)).status_code == 422


async def test_unknown_schedules_and_people_without_the_right_are_refused(
    operations: httpx.AsyncClient, watched: tuple[FastAPI, httpx.AsyncClient], owner_engine: AsyncEngine
) -> None:
    assert (await operations.get(f"{URL}/nothing")).status_code == 404
    assert (await operations.post(f"{URL}/nothing/trigger")).status_code == 404
    app, client = watched
    client.headers.update(await signed_in(app, owner_engine, await add_officer(owner_engine, "auditor")))
    assert (await client.get(URL)).status_code == 200
    assert (await client.post(f"{URL}/ledger-proof/trigger")).json()["code"] == "permission_missing"
    client.headers.update(await signed_in(app, owner_engine, await add_officer(owner_engine)))
    assert (await client.get(URL)).json()["code"] == "permission_missing"


async def test_without_temporal_it_says_so(app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine) -> None:
    headers = await signed_in(app, owner_engine, await add_officer(owner_engine, "operations"))
    answered = await client.get(URL, headers=headers)
    assert (answered.status_code, answered.json()["code"]) == (503, "unavailable")
    assert answered.headers["retry-after"]
