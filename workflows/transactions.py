"""What happens to transactions after they were made."""

from temporalio import workflow

from activities.transactions import TransactionSteps
from models.reversals import ReversalStart, ReversalState
from workflows.steps import database_step


@workflow.defn(name="reversal")
class ReversalWorkflow:
    """Takes one transfer back, as officers approved; while the ledger is frozen, it waits."""

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Nothing waits here; the outbox starts and wakes every process alike."""

    @workflow.run
    async def run(self, start: ReversalStart) -> ReversalState:
        state: ReversalState = await database_step(
            TransactionSteps.reverse, start, "Post the entry that takes the transfer back"
        )
        workflow.set_current_details(f"Reversal: {state.status} {state.refusal_code or ''}")
        return state
