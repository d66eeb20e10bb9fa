"""Wires end to end, through HTTP, ledger, Temporal and the bank's folders, against a bare workflow on the same server.

The bare workflow runs four local activities that do nothing: what the durable engine itself costs here. A wire does at
least six, with a commit each, waits twice, and goes through another bank.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from infra.local.stack import Stack
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import whole_stack

WIRES: Final = 150
BARE: Final = 400
AT_ONCE: Final = 16
PATIENCE_SECONDS: Final = 180


@activity.defn(name="bench.nothing")
async def nothing() -> None:
    """Does nothing."""


@workflow.defn(name="bench.bare", sandboxed=False)
class BareWorkflow:
    """Four local activities and no more."""

    @workflow.run
    async def run(self) -> None:
        """Runs them one after another."""
        for _ in range(4):
            await workflow.execute_local_activity(nothing, start_to_close_timeout=timedelta(seconds=10))


async def in_turns(tasks: Iterable[Callable[[], Awaitable[Any]]], at_once: int) -> list[Any]:
    """Runs all of them, `at_once` at a time."""
    places = asyncio.Semaphore(at_once)

    async def placed(task: Callable[[], Awaitable[Any]]) -> Any:
        async with places:
            return await task()

    return await asyncio.gather(*(placed(task) for task in tasks))


class Desk:
    """A customer and an officer at the API of a stack."""

    def __init__(self, info: dict[str, Any]) -> None:
        self._info = info
        self._http = httpx.AsyncClient(base_url=f"{info['api_url']}/api/v1", timeout=60)
        self._tokens: dict[str, str] = {}
        self._account = ""

    async def open(self) -> None:
        """Signs in."""
        for role, preset in (("customer", None), ("admin", "compliance_officer")):
            person = next(p for p in self._info["people"] if p["role"] == role and p.get("preset") == preset)
            answer = await self._http.post(
                "/auth/login", json={"email": person["email"], "password": person["password"]}
            )
            assert answer.status_code == 200, answer.text
            self._tokens[role] = answer.json()["data"]["tokens"]["accessToken"]
        accounts = await self._http.get("/accounts", headers=self._as("customer"))
        self._account = next(a["id"] for a in accounts.json()["data"] if a["currency"] == "USD")

    async def close(self) -> None:
        """Goes."""
        await self._http.aclose()

    def _as(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[role]}"}

    async def order(self) -> str:
        """The customer orders a wire; its id."""
        answer = await self._http.post(
            "/wires",
            headers=self._as("customer") | {"Idempotency-Key": str(uuid4())},
            json={
                "from_account_id": self._account,
                "amount": 10,
                "currency": "USD",
                "recipient_name": "Globex Trading Ltd",
                "recipient_bank_name": "Test Bank",
                "recipient_bank_swift": "TESTUS33",
                "recipient_account_number": "000123456789",
            },
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def approve(self, wire_id: str) -> None:
        """An officer approves it, once the automatic checks are through."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._http.put(f"/wires/{wire_id}/approve", headers=self._as("admin"))
            if answer.status_code == 200:
                return
            assert answer.status_code == 409, answer.text
            assert time.monotonic() < ends, answer.text
            await asyncio.sleep(0.05)


async def completed(connection: psycopg.AsyncConnection[Any], wanted: int) -> None:
    """Waits until `wanted` wires are completed."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = await connection.execute("SELECT status, count(*) FROM wire_transfers GROUP BY 1")
        found = dict(await rows.fetchall())
        if found.get("completed", 0) >= wanted:
            return
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.05)


async def _wires_a_second(desk: Desk, info: dict[str, Any]) -> float:
    async with await psycopg.AsyncConnection.connect(info["database_url"], autocommit=True) as connection:
        before = await (await connection.execute("SELECT count(*) FROM wire_transfers")).fetchone()
        assert before is not None

        async def one() -> None:
            await desk.approve(await desk.order())

        began = time.perf_counter()
        await in_turns([one] * WIRES, AT_ONCE)
        await completed(connection, before[0] + WIRES)
        return WIRES / (time.perf_counter() - began)


async def _bare_a_second(client: Client) -> float:
    async with Worker(
        client,
        task_queue="bench",
        workflows=[BareWorkflow],
        activities=[nothing],
        max_concurrent_workflow_tasks=100,
    ):

        async def one() -> None:
            await client.execute_workflow(BareWorkflow.run, id=f"bench/{uuid4()}", task_queue="bench")

        await in_turns([one] * 20, AT_ONCE)
        began = time.perf_counter()
        await in_turns([one] * BARE, AT_ONCE)
        return BARE / (time.perf_counter() - began)


@part("wires")
async def wires() -> AsyncIterator[Measure]:
    """History events of a wire; completed wires per second."""
    with whole_stack() as stack:
        async for measure in _measured(stack):
            yield measure


async def _measured(stack: Stack) -> AsyncIterator[Measure]:
    info = stack.info()
    client = await Client.connect(info["temporal_address"], data_converter=pydantic_data_converter)
    desk = Desk(info)
    await desk.open()
    try:
        first = await desk.order()
        await desk.approve(first)
        async with await psycopg.AsyncConnection.connect(info["database_url"], autocommit=True) as connection:
            await completed(connection, 1)
        handle = client.get_workflow_handle(f"wire/{first}")
        await handle.result()
        history = await handle.fetch_history()
        yield Measure("wires.history_events", len(history.events), "events", aim=Aim(45, at_least=False))
        bare = await _bare_a_second(client)
        yield Measure("wires.completed", await _wires_a_second(desk, info), "wires/s", floor=bare)
    finally:
        await desk.close()
