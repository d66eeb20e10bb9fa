"""Wires end to end, through HTTP, ledger, Temporal and the bank's folders, against a bare workflow on the same server.

The bare workflow runs four local activities that do nothing: what the durable engine itself costs here. A wire does at
least six, with a commit each, waits twice, and goes through another bank.
"""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import psycopg
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from infra.local.stack import Stack
from tests.bench.desk import Desk, in_turns, reached, standing
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import Processes, temporal_client, whole_stack
from tests.workflows.paths import BUDGET

WIRES: Final = 150
BARE: Final = 400
AT_ONCE: Final = 16


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


async def wires_a_second(desk: Desk, connection: psycopg.AsyncConnection[Any]) -> float:
    """How many wires are ordered, approved and completed in a second."""
    before = await standing(connection, "completed")

    async def one() -> None:
        await desk.approve(await desk.order())

    began = time.perf_counter()
    await in_turns([one] * WIRES, AT_ONCE)
    await reached(connection, "completed", before + WIRES)
    return WIRES / (time.perf_counter() - began)


async def bare_a_second(client: Client) -> float:
    """How many workflows that do nothing this server and one worker carry through in a second."""
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
    client = await temporal_client(stack)
    async with (
        Desk.open(info) as desk,
        await psycopg.AsyncConnection.connect(info["database_url"], autocommit=True) as connection,
    ):
        first = await desk.order()
        await desk.approve(first)
        await reached(connection, "completed", 1)
        handle = client.get_workflow_handle(f"wire/{first}")
        await handle.result()
        history = await handle.fetch_history()
        yield Measure("wires.history_events", len(history.events), "events", aim=Aim(BUDGET, at_least=False))
        bare = await bare_a_second(client)
        processes = Processes(stack)
        used = processes.used()
        rate = await wires_a_second(desk, connection)
        yield Measure("wires.worker", (processes.used() - used) / WIRES, "ms CPU a wire")
        yield Measure("wires.completed", rate, "wires/s", floor=bare)
