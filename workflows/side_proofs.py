"""The proofs beside the books, run by their schedules. What they find fails no run and freezes nothing: it is kept,
shown, and told to operations (models/side_proofs.py)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow

from activities.side_proofs import SideProofSteps
from models.side_proofs import SideProof, told
from models.upkeep import RunStep
from workflows.policies import DATABASE, UPKEEP_SECONDS


async def _prove(step: Callable[[Any, RunStep], Any], summary: str) -> SideProof:
    info = workflow.info()
    proof: SideProof = await workflow.execute_activity_method(
        step,
        RunStep(at=workflow.now(), run=f"{info.workflow_id}/{info.run_id}"),
        start_to_close_timeout=UPKEEP_SECONDS,
        # One statement over all postings says nothing meanwhile.
        heartbeat_timeout=timedelta(minutes=15),
        retry_policy=DATABASE,
        summary=summary,
    )
    workflow.set_current_details(told(proof))
    return proof


@workflow.defn(name="process-proof")
class ProcessProofWorkflow:
    """Proves that open holds and running processes name each other."""

    @workflow.run
    async def run(self) -> SideProof:
        return await _prove(SideProofSteps.prove_processes, "Prove that holds and running processes name each other")


@workflow.defn(name="flow-proof")
class FlowProofWorkflow:
    """Proves that the roll-ups of what came in and went out are what the postings say."""

    @workflow.run
    async def run(self) -> SideProof:
        return await _prove(SideProofSteps.prove_flows, "Prove that the roll-ups are what the postings say")
