"""The ledger's own processes, run by their schedules."""

from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.ledger import LedgerSteps
from models.ledger_proof import Proof, ProofStep, told
from models.upkeep import RolledUp
from workflows.policies import DATABASE, DATABASE_SECONDS, UPKEEP_SECONDS

# A backlog beyond this many calls is left to the next run, so that no run's history grows long.
_CALLS: Final = 50


@workflow.defn(name="ledger-proof")
class LedgerProofWorkflow:
    """Proves the ledger. On a breach posting is suspended, and the run fails with `ledger_breach`, to be seen by
    whoever watches for failed runs; what was found is kept and shown either way."""

    @workflow.run
    async def run(self) -> Proof:
        info = workflow.info()
        proof: Proof = await workflow.execute_activity_method(
            LedgerSteps.prove,
            ProofStep(at=workflow.now(), run=f"{info.workflow_id}/{info.run_id}"),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(seconds=60),
            retry_policy=DATABASE,
            summary="Prove every rule of the ledger",
        )
        workflow.set_current_details(told(proof))
        if not proof.holds:
            raise ApplicationError(
                f"{proof.breach_count} breaches; posting is suspended", type="ledger_breach", non_retryable=True
            )
        return proof


async def _roll_up(step: Any, summary: str) -> RolledUp:
    lines = 0
    for _ in range(_CALLS):
        done: RolledUp = await workflow.execute_local_activity_method(
            step,
            start_to_close_timeout=DATABASE_SECONDS,
            retry_policy=DATABASE,
            summary=summary,
        )
        lines += done.lines
        if not done.more:
            break
    return RolledUp(lines=lines, more=done.more)


@workflow.defn(name="ledger-rollup")
class LedgerRollupWorkflow:
    """Brings the checkpoints of the bank's own accounts up to date."""

    @workflow.run
    async def run(self) -> RolledUp:
        done = await _roll_up(LedgerSteps.roll_up, "Move what was booked into the checkpoints")
        workflow.set_current_details(f"Moved {done.lines} lines into the checkpoints of the bank's own accounts.")
        return done


@workflow.defn(name="flow-rollup")
class FlowRollupWorkflow:
    """Rolls up what customers' postings moved, by day and category."""

    @workflow.run
    async def run(self) -> RolledUp:
        done = await _roll_up(LedgerSteps.roll_up_flows, "Sum what came in and went out by day and category")
        workflow.set_current_details(f"Rolled up {done.lines} postings.")
        return done
