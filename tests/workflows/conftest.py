"""The wire desk as a whole, on a real Temporal server where a test lets time pass for one process."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper, TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.assembly import Parts, assemble
from infra import temporal
from infra.database import transaction
from infra.outbox import Dispatcher
from infra.payloads import SealedPayloads, payloads_in
from infra.settings import BankHours, Settings
from models.wires import WireState
from tests.factories import wires as make
from tests.factories.counterparty import ACH_COMPANY, ACH_ODFI, NOSTRO, Counterparty
from tests.temporal_server import temporal_server as running_temporal
from tests.workflows.paths import HISTORIES
from workflows.registry import WORKFLOWS

PATIENCE_SECONDS = 30
# One notification is like another: its history is kept once.
NOTICE = "test_an_approved_wire_is_sent_acknowledged_settled_and_told"


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """Looks until what it sees is `wanted`; fails when patience ends."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not wanted(seen := await look()):
        assert time.monotonic() < ends, f"still {seen!r}"
        await asyncio.sleep(0.02)
    return seen


async def at_rest(process: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
    """The process, once it has no task: time that is let pass in the middle of one loses the task."""

    async def busy() -> bool:
        return (await process.describe()).raw_description.HasField("pending_workflow_task")

    await until(busy, lambda is_so: not is_so)
    return process


@dataclass
class Desk:
    """People, the bank on the other side, and the durable side, over real servers."""

    client: Client
    engine: AsyncEngine
    api_engine: AsyncEngine
    people: make.People
    bank: Counterparty
    parts: Parts
    dispatcher: Dispatcher
    settings: Settings
    time: TimeSkipper

    async def dispatch(self) -> None:
        """Sends what waits in the outbox."""
        while await self.dispatcher.dispatch_waiting():
            pass

    async def order(self, **changes: Any) -> UUID:
        """The customer orders a wire and its process is started."""
        wire = await make.ordered(self.api_engine, self.people, **changes)
        await self.dispatch()
        return wire.id

    async def approve(self, wire_id: UUID, which: int = 0) -> None:
        """An officer approves."""
        await make.approved(self.api_engine, self.people, wire_id, which)
        await self.dispatch()

    async def status(self, wire_id: UUID) -> str:
        """Where the wire stands, by its row."""
        async with transaction(self.engine) as session:
            row = await session.execute(text("SELECT status FROM wire_transfers WHERE id = :id"), {"id": wire_id})
            return str(row.scalar_one())

    async def reaches(self, wire_id: UUID, *statuses: str) -> str:
        """Waits until the wire has one of `statuses`."""
        reached: str = await until(lambda: self.status(wire_id), lambda status: status in statuses)
        return reached

    async def sent(self, wire_id: UUID) -> None:
        """Waits until the order is in the bank's folder."""
        await until(lambda: self.count(f"bank_messages WHERE status = 'sent' AND wire_id = '{wire_id}'"), bool)

    async def count(self, what: str) -> int:
        """How many rows there are of `what` (a table, and a condition)."""
        async with transaction(self.engine) as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one())

    async def hear_bank(self) -> None:
        """The bank reads its orders and answers; we read the answers and wake the processes."""
        self.bank.answer()
        await self.parts.inbox.read_waiting()
        await self.dispatch()

    def process(self, wire_id: UUID) -> WorkflowHandle[Any, WireState]:
        """The process of the wire."""
        return self.client.get_workflow_handle(f"wire/{wire_id}", result_type=WireState)

    async def passes(self, wire_id: UUID, span: timedelta) -> None:
        """Lets time pass for the wire's process, and for nothing else."""
        await self.time.fast_forward(await at_rest(self.process(wire_id)), span)

    async def passes_until_the_end(self, wire_id: UUID) -> WireState:
        """Lets time pass for the wire's process until it has ended."""
        await self.time.fast_forward(await at_rest(self.process(wire_id)))
        return await self.process(wire_id).result()

    async def events(self, wire_id: UUID) -> list[str]:
        """The timeline of the wire."""
        async with transaction(self.engine) as session:
            rows = await session.execute(
                text("SELECT event FROM wire_events WHERE wire_id = :id ORDER BY id"), {"id": wire_id}
            )
            return list(rows.scalars().all())


def desk_settings(folder: Path, bank: Counterparty, **changes: Any) -> Settings:
    """Settings of a desk in `folder`, where every moment is bank time."""
    return Settings(
        _env_file=None,
        bank_outbox=bank.outbox,
        bank_inbox=bank.inbox,
        mail_dir=folder / "mail",
        audit_anchor_file=folder / "heads.jsonl",
        store_dir=folder / "store",
        nostro_accounts=NOSTRO,
        ach_odfi=ACH_ODFI,
        ach_company_id=ACH_COMPANY,
        task_queue=f"test-{uuid4()}",
        **{"bank_hours": BankHours.ALWAYS, **changes},
    )


@pytest.fixture(scope="session")
async def temporal_server() -> AsyncIterator[WorkflowEnvironment]:
    """A real Temporal server, one for a run."""
    async with running_temporal() as environment:
        yield environment


class EverythingTwice(Interceptor):
    """Runs each activity twice, as a worker does that died before it could say that it was done."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _EverythingTwice(next)


class _EverythingTwice(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        await self.next.execute_activity(input)
        return await self.next.execute_activity(input)


async def record(client: Client, task_queue: str, name: str) -> None:
    """Keeps the histories of the processes that ran on `task_queue`, opened, for the replay test."""
    codec = SealedPayloads.of(Settings(_env_file=None))
    seen: dict[str, int] = {}
    wanted = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Completed'"
    async for execution in client.list_workflows(wanted):
        kind = execution.workflow_type
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] == 1 and (kind != "notification" or name == NOTICE):
            history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
            for payload in chain.from_iterable(map(payloads_in, history.events)):
                payload.CopyFrom(codec.opened(payload))
            # Failures in it have stack traces, which name the folder of this checkout.
            told = history.to_json().replace(f"{Path(__file__).parents[2]}/", "")
            (HISTORIES / f"{kind}.{name}.json").write_text(told)


@pytest.fixture(params=["once", "twice"])
async def desk(
    request: pytest.FixtureRequest,
    temporal_server: WorkflowEnvironment,
    owner_engine: AsyncEngine,
    api_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    """A wire desk at work. A module says in `DESK_SETTINGS` what is to be different."""
    bank = Counterparty(tmp_path / "bank")
    settings = desk_settings(tmp_path, bank, **getattr(request.module, "DESK_SETTINGS", {}))
    parts = assemble(settings, worker_engine)

    async def connected() -> Client:
        return temporal_server.client

    dispatcher = Dispatcher(worker_engine, connected, task_queue=settings.task_queue)
    async with temporal.build_worker(
        temporal_server.client,
        settings,
        workflows=WORKFLOWS,
        activities=parts.activities,
        interceptors=[EverythingTwice()] if request.param == "twice" else [],
    ):
        yield Desk(
            client=temporal_server.client,
            engine=owner_engine,
            api_engine=api_engine,
            people=await make.people(owner_engine),
            bank=bank,
            parts=parts,
            dispatcher=dispatcher,
            settings=settings,
            time=TimeSkipper(temporal_server.client, config=TimeSkippingConfig(enabled=False)),
        )
        if request.config.getoption("--record-histories") and request.param == "once":
            await record(temporal_server.client, settings.task_queue, request.node.originalname)
    await dispatcher.close()
    bank.close()
