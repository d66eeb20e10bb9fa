"""Open rows and the processes that look after them: which row has none, what a process hangs on, starting it again.

A process may be missing although its row is open: somebody terminated it in the Temporal UI, Temporal lost its data, or
the database came back from a backup that is older than what Temporal knows. The outbox never starts a process a second
time, and that is right while nobody has looked; here an operator has.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from infra.crypto import FieldUnreadable
from infra.database import transaction
from infra.outbox import start_or_wake
from models.audit import Outcome
from models.errors import NotFound, WrongState
from models.kyc.states import ENDED as KYC_ENDED
from models.payments.states import ENDED as PAYMENT_ENDED
from models.tables.audit import AuditEntry, append
from models.wires.states import ENDED as WIRE_ENDED

_AT_ONCE: Final = 16
# Rows that stay open until people or the bank act, each with the process that waits with them.
_OPEN: Final = text(
    "SELECT 'wire/' || id AS name, status, updated_at AS since FROM wire_transfers WHERE status <> ALL (:wire_ended)"
    " UNION ALL SELECT 'payment/' || id, status, updated_at FROM payments WHERE status <> ALL (:payment_ended)"
    " UNION ALL SELECT 'kyc/' || user_id || '/' || number, status, updated_at FROM kyc_cases"
    "  WHERE status <> ALL (:kyc_ended)"
    " UNION ALL SELECT 'standing-order/' || id, status, updated_at FROM standing_orders WHERE status = 'active'"
    " UNION ALL SELECT 'wire-recall/' || id, status, updated_at FROM wire_recalls"
    "  WHERE status IN ('requested', 'sent', 'accepted')"
    " UNION ALL SELECT 'wire-after-review/' || override_id, stage, started_at FROM wire_after_reviews"
    "  WHERE closed_at IS NULL"
    " ORDER BY since, name"
)
_KINDS: Final = ("wire", "payment", "kyc", "standing-order", "wire-recall", "wire-after-review")
_ASKED: Final = text(
    "SELECT DISTINCT ON (workflow_id) workflow, workflow_id, argument, summary FROM outbox"
    " WHERE workflow_id = ANY (:names) ORDER BY workflow_id, id DESC"
)


class Life(StrEnum):
    """What Temporal knows of a process."""

    RUNS = "runs"
    RETRIES = "retries"
    ENDED = "ended"
    MISSING = "missing"
    ORPHAN = "orphan"


class Process(BaseModel):
    """An open row and its process. `hangs_on` is the step that is tried again, with what it failed by."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: str
    since: datetime
    life: Life
    hangs_on: str = ""

    @property
    def is_stuck(self) -> bool:
        """Whether nobody looks after the row, or whoever does fails."""
        return self.life is not Life.RUNS


async def looked_at(
    engine: AsyncEngine, client: Client, *, task_queue: str, settled: timedelta = timedelta(minutes=1)
) -> list[Process]:
    """Every open row with its process, the one that stands still longest first; then each process that has run for
    longer than `settled` and has no open row. Raises `RPCError`."""
    async with transaction(engine) as session:
        rows = await open_rows(session)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def look(row: Any) -> Process:
        async with turns:
            life, hangs_on = await _life(client, row.name)
            return Process(name=row.name, status=row.status, since=row.since, life=life, hangs_on=hangs_on)

    looked = await asyncio.gather(*(look(row) for row in rows))
    return [*looked, *await _orphans(client, {row.name for row in rows}, task_queue, datetime.now(UTC) - settled)]


async def _orphans(client: Client, open_: Collection[str], task_queue: str, before: datetime) -> list[Process]:
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS)
    query = f"ExecutionStatus = 'Running' AND WorkflowType IN ({kinds}) AND TaskQueue = '{task_queue}'"
    running = [run async for run in client.list_workflows(query) if run.id not in open_ and run.start_time < before]
    # The list may be moments behind: each is asked for by itself.
    return [
        Process(name=run.id, status="no open row", since=run.start_time, life=Life.ORPHAN)
        for run in running
        if (await _life(client, run.id))[0] in (Life.RUNS, Life.RETRIES)
    ]


async def open_rows(session: AsyncSession) -> Sequence[Any]:
    """Every row that a process has to look after: its process's id, its status, since when."""
    ended = {"wire_ended": WIRE_ENDED, "payment_ended": PAYMENT_ENDED, "kyc_ended": KYC_ENDED}
    found = await session.execute(_OPEN, {name: [str(state) for state in states] for name, states in ended.items()})
    return found.all()


async def restart(
    engine: AsyncEngine,
    client: Client,
    names: Collection[str],
    *,
    task_queue: str,
    public_url: str,
    reason: str,
    operator: str,
) -> list[str]:
    """Starts the processes of these open rows again; one that runs is only woken. Returns those that were started.

    The new one reads its row and goes on from there, as after any wake. Raises `NotFound` for a name whose process
    nobody ever asked for, and `WrongState` for one whose row has ended.
    """
    async with transaction(engine) as session:
        is_open = {row.name for row in await open_rows(session)}
        asked = {row.workflow_id: row for row in (await session.execute(_ASKED, {"names": list(names)})).all()}
    for name in names:
        if name not in asked:
            raise NotFound(f"nobody ever asked for the process {name}")
        if name not in is_open:
            raise WrongState(f"the row of {name} has ended: there is nothing left to do for its process")
    started = []
    for name in names:
        life, _ = await _life(client, name)
        async with transaction(engine) as session:
            await _note(session, name, life, reason, operator)
        await start_or_wake(client, asked[name], task_queue=task_queue, public_url=public_url, again=True)
        if life in (Life.ENDED, Life.MISSING):
            started.append(name)
    return started


async def _note(session: AsyncSession, name: str, life: Life, reason: str, operator: str) -> None:
    kind, _, row_id = name.partition("/")
    await append(
        session,
        AuditEntry(
            user_id=None,
            actor_role="operator",
            action="process.restart",
            resource_type=kind,
            resource_id=row_id,
            old_values={"process": life.value},
            new_values={"reason": reason, "operator": operator},
            outcome=Outcome.DONE,
        ),
    )


async def _life(client: Client, name: str) -> tuple[Life, str]:
    try:
        found = await client.get_workflow_handle(name).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return Life.MISSING, ""
    if found.status is not WorkflowExecutionStatus.RUNNING:
        return Life.ENDED, found.status.name.lower() if found.status else ""
    return await _hanging(client, found.raw_description)


async def _hanging(client: Client, raw: DescribeWorkflowExecutionResponse) -> tuple[Life, str]:
    for step in raw.pending_activities:
        if step.attempt > 1:
            failure = (await _said(client, step.last_failure)).splitlines()
            why = f": {failure[0][:200]}" if failure else ""
            return Life.RETRIES, f"{step.activity_type.name}, try {step.attempt}{why}"
    if raw.pending_workflow_task.attempt > 1:
        return Life.RETRIES, f"its own code, try {raw.pending_workflow_task.attempt}"
    return Life.RUNS, ""


async def _said(client: Client, failure: Failure) -> str:
    """What a step failed by. Temporal keeps it sealed; without the key it says only that it is."""
    try:
        error = await client.data_converter.decode_failure(failure)
    except FieldUnreadable:
        return failure.message
    return error.message if isinstance(error, FailureError) else str(error)
