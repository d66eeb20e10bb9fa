"""Transaction monitoring, by its schedule and on demand."""

from datetime import timedelta

from temporalio import workflow

from activities.monitoring import MonitoringSteps
from models.monitoring import Monitored
from workflows.policies import DATABASE, UPKEEP_SECONDS


@workflow.defn(name="transaction-monitoring")
class TransactionMonitoringWorkflow:
    """Holds what is new against the rules once."""

    @workflow.run
    async def run(self) -> Monitored:
        done: Monitored = await workflow.execute_activity_method(
            MonitoringSteps.run,
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(minutes=2),
            retry_policy=DATABASE,
            summary="Hold what was booked against the rules",
        )
        # How many, and not about whom: a case is for officers, and this is read by operations.
        workflow.set_current_details(f"Looked at {done.movements} movements.")
        return done
