"""Scheduled upkeep that belongs to no feature alone."""

from datetime import timedelta

from temporalio import workflow

from activities.upkeep import UpkeepSteps
from models.upkeep import DataRemoved, UpkeepStep
from workflows.policies import DATABASE, UPKEEP_SECONDS


@workflow.defn(name="data-cleanup")
class DataCleanupWorkflow:
    """Takes out data that nothing reads any more."""

    @workflow.run
    async def run(self) -> DataRemoved:
        removed: DataRemoved = await workflow.execute_activity_method(
            UpkeepSteps.clean_up_data,
            UpkeepStep(at=workflow.now()),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=DATABASE,
            summary="Take out what nothing reads any more",
        )
        workflow.set_current_details(
            f"Removed {removed.limit_uses} uses of limits, {removed.answers} kept answers, {removed.proofs} proofs and"
            f" {removed.market_answers} prices, and {removed.events} events for sockets."
        )
        return removed
