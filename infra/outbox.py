"""The way from a committed change to Temporal: at once by whoever committed it, and by the worker's relay if not.

Every row of the outbox says one thing: see that this process runs, and wake it. Dispatch is signal-with-start, so it is
safe to do twice, in any order, and after the process has ended. A Temporal outage leaves rows waiting, and loses none;
a rollback leaves no row, so no process without its order (design §4).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any, Final

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from infra import tracing
from infra.database import transaction
from models.case_pages import case_page
from models.correlation import Correlation, correlated
from models.search_attributes import CASE_TYPE

log = structlog.get_logger(__name__)

BATCH: Final = 50
RPC_SECONDS: Final = 5
# What was not dispatched at once is somebody's retry: it waits this long, and twice as long after each failure.
FIRST_RETRY_SECONDS: Final = 1
LONGEST_RETRY_SECONDS: Final = 30

_CLAIM: Final = text(
    "UPDATE outbox SET attempts = attempts + 1,"
    " next_attempt_at = clock_timestamp()"
    "   + make_interval(secs => least(:longest, :first * power(2, least(attempts, 10))))"
    " WHERE id IN (SELECT id FROM outbox WHERE dispatched_at IS NULL AND next_attempt_at <= clock_timestamp()"
    "              ORDER BY id LIMIT :batch FOR UPDATE SKIP LOCKED)"
    " RETURNING id, workflow, workflow_id, argument, summary, request_id, trace_parent, attempts"
)
_DONE: Final = text("UPDATE outbox SET dispatched_at = clock_timestamp(), last_error = NULL WHERE id = ANY(:ids)")
_FAILED: Final = text("UPDATE outbox SET last_error = :error WHERE id = :id")


class Dispatcher:
    """Sends outbox rows to Temporal, in the background, whenever it is nudged.

    `connect` makes the client when it is first needed, and again after a failure, so that a process without Temporal
    starts and serves. Several dispatchers may run at once, in any number of processes: rows are claimed.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        connect: Callable[[], Awaitable[Client]],
        *,
        task_queue: str,
        public_url: str = "",
    ) -> None:
        """`public_url`: where the console is, for the link from a process to its case."""
        self._engine = engine
        self._public_url = public_url
        self._connect = connect
        self._task_queue = task_queue
        self._client: Client | None = None
        self._nudged = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="outbox-dispatcher")

    def nudge(self) -> None:
        """Says that something was committed. Returns at once."""
        self._nudged.set()

    async def close(self) -> None:
        """Ends after the batch in hand."""
        self._closing = True
        self._nudged.set()
        await self._task
        self._client = None

    async def _run(self) -> None:
        while not self._closing:
            await self._nudged.wait()
            self._nudged.clear()
            try:
                while await self.dispatch_waiting():
                    pass
            except Exception as error:  # noqa: BLE001 # whatever it was, the rows are still there and the relay goes on
                log.warning("outbox.dispatch_failed", error=str(error), kind=type(error).__name__)

    async def dispatch_waiting(self) -> int:
        """Dispatches one batch. Returns how many rows it claimed, those that failed included."""
        async with transaction(self._engine) as session:
            rows = (
                await session.execute(
                    _CLAIM, {"batch": BATCH, "first": FIRST_RETRY_SECONDS, "longest": LONGEST_RETRY_SECONDS}
                )
            ).all()
        if not rows:
            return 0
        results = await asyncio.gather(*(self._dispatch(row) for row in rows), return_exceptions=True)
        async with transaction(self._engine) as session:
            await self._note(session, [row.id for row in rows], results)
        return len(rows)

    async def _note(self, session: AsyncSession, ids: list[int], results: list[BaseException | None]) -> None:
        done = [row_id for row_id, result in zip(ids, results, strict=True) if result is None]
        if done:
            await session.execute(_DONE, {"ids": done})
        for row_id, result in zip(ids, results, strict=True):
            if result is not None:
                self._client = None
                log.warning("outbox.not_dispatched", outbox_id=row_id, error=str(result))
                await session.execute(_FAILED, {"id": row_id, "error": str(result)[:500]})

    async def _dispatch(self, row: Any) -> None:
        told = {"aurum.outbox_id": row.id, "aurum.attempt": row.attempts, "temporalWorkflowID": row.workflow_id}
        with (
            # What nobody's trace asked for is not traced from here on either.
            tracing.span(f"wake {row.workflow}", SpanKind.PRODUCER, told, row.trace_parent)
            if row.trace_parent
            else nullcontext(),
            correlated(Correlation(row.request_id, row.trace_parent)),
        ):
            await self._dispatched(row)

    async def _dispatched(self, row: Any) -> None:
        if self._client is None:
            self._client = await asyncio.wait_for(self._connect(), RPC_SECONDS)
        try:
            started = start_or_wake(self._client, row, task_queue=self._task_queue, public_url=self._public_url)
            await asyncio.wait_for(started, RPC_SECONDS)
        except WorkflowAlreadyStartedError:
            # The process has ended: it had read the rows, and there is nobody left to wake.
            return
        except RPCError as error:
            raise ConnectionError(f"Temporal does not answer: {error.message}") from error


async def start_or_wake(client: Client, row: Any, *, task_queue: str, public_url: str, again: bool = False) -> None:
    """Sees that the process of an outbox `row` runs, and wakes it. `public_url`: where the console is, for the link to
    the case.

    One that has ended stays so (`WorkflowAlreadyStartedError`), unless an operator wants it `again`.
    """
    path = case_page(row.workflow, row.argument)
    await client.start_workflow(
        row.workflow,
        row.argument,
        id=row.workflow_id,
        task_queue=task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE if again else WorkflowIDReusePolicy.REJECT_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal="wake",
        static_summary=row.summary or None,
        static_details=f"[The case in the console]({public_url}{path})" if path else None,
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(SearchAttributeKey.for_keyword(CASE_TYPE), row.workflow)]
        ),
    )


async def relay(dispatcher: Dispatcher, *, seconds: float) -> None:
    """Nudges `dispatcher` every so often, for rows that nobody dispatched at once. Runs until cancelled."""
    while True:
        dispatcher.nudge()
        await asyncio.sleep(seconds)
