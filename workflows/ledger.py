"""The ledger's own processes, run by their schedules."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.ledger import LedgerSteps
from models.ledger_proof import Proof, ProofStep, told
from workflows.policies import DATABASE, UPKEEP_SECONDS


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
