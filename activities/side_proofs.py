"""The steps of the proofs beside the books: what is open and what is running, and whether the roll-ups are right."""

import time
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from infra.database import transaction
from models.side_proofs import OWNERS, PROCESS_RULE, SideProof, SideProofKind
from models.tables import side_proofs
from models.tables.side_proofs import Found
from models.upkeep import RunStep

log = structlog.get_logger(__name__)

_PAGE: Final = 1_000


class SideProofSteps:
    """Each keeps what it found; run again, it gives what it found the first time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="side_proofs.flows")
    async def prove_flows(self, step: RunStep) -> SideProof:
        """Proves that the roll-ups are what the postings say, and has those that are not made anew."""
        begun = time.monotonic()
        async with transaction(self._engine) as session:
            kept = await side_proofs.kept(session, step.run)
            if kept is not None:
                return kept
            found = await side_proofs.prove_flows(session)
            return await self._keep(session, SideProofKind.FLOWS, step, found, begun)

    @activity.defn(name="side_proofs.processes")
    async def prove_processes(self, step: RunStep) -> SideProof:
        """Proves that every open hold names a process that runs, and every running process a row that has not ended.

        What runs is read first, page by page; what has just begun or ended is left to the next proof. Each finding is
        asked for once more by itself, since the list may be moments behind. When Temporal does not say what runs, the
        result is that nothing is proven.
        """
        begun = time.monotonic()
        async with transaction(self._engine) as session:
            kept = await side_proofs.kept(session, step.run)
        if kept is not None:
            return kept
        found = await self._processes(step)
        async with transaction(self._engine) as session:
            return await self._keep(session, SideProofKind.PROCESSES, step, found, begun)

    async def _processes(self, step: RunStep) -> Found:
        client = activity.client()
        try:
            running = await _running(client)
            async with transaction(self._engine) as session:
                found = await side_proofs.prove_processes(session, running, step.at)
            sure = [one for one in found.findings if await _runs(client, one.subject) == (one.rule == PROCESS_RULE)]
        except (RPCError, RuntimeError) as error:  # a client that has no connection yet raises the latter
            return Found(note=f"Temporal does not say what runs: {error}")
        return found.model_copy(update={"findings": tuple(sure)})

    async def _keep(
        self, session: AsyncSession, kind: SideProofKind, step: RunStep, found: Found, begun: float
    ) -> SideProof:
        proof = await side_proofs.keep(session, kind, step.run, found, round(1000 * (time.monotonic() - begun)))
        if proof.finding_count or not proof.proven:
            log.error("side_proof.failed", kind=kind.value, proof=str(proof.id), findings=proof.finding_count)
        return proof


async def _running(client: Client) -> set[str]:
    """The ids of the processes of all kinds that own holds and run, of this worker's task queue."""
    kinds = ", ".join(f"'{owner.kind}'" for owner in OWNERS)
    queue = activity.info().task_queue
    query = f"ExecutionStatus = 'Running' AND WorkflowType IN ({kinds}) AND TaskQueue = '{queue}'"
    running = set()
    async for execution in client.list_workflows(query, page_size=_PAGE):
        running.add(execution.id)
        activity.heartbeat()
    return running


async def _runs(client: Client, workflow_id: str) -> bool:
    activity.heartbeat()
    try:
        described = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return described.status is WorkflowExecutionStatus.RUNNING
