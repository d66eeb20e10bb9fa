"""Reconciliation with the bank, run by its schedule."""

from datetime import timedelta

from temporalio import workflow

from activities.reconciliation import ReconciliationSteps
from models.reconciliation import Reconciled
from models.upkeep import RunStep
from workflows.policies import DATABASE, UPKEEP_SECONDS


@workflow.defn(name="reconciliation")
class ReconciliationWorkflow:
    """Compares the bank's statements with what we booked. What differs fails no run: it is kept as a break, told to
    operations once, and waits for its other side or for people."""

    @workflow.run
    async def run(self) -> Reconciled:
        info = workflow.info()
        done: Reconciled = await workflow.execute_activity_method(
            ReconciliationSteps.reconcile,
            RunStep(at=workflow.now(), run=f"{info.workflow_id}/{info.run_id}"),
            start_to_close_timeout=UPKEEP_SECONDS,
            # One transaction over what is not matched yet, which says nothing meanwhile.
            heartbeat_timeout=timedelta(minutes=15),
            retry_policy=DATABASE,
            summary="Compare the bank's statements with our books",
        )
        workflow.set_current_details(
            f"{done.statements} new statements, {done.matched} entries matched; {done.found} new breaks, "
            f"{done.closed} closed, {done.open} open."
        )
        return done
