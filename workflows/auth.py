"""Scheduled upkeep of sign-in."""

from datetime import timedelta

from temporalio import workflow

from activities.auth import AuthSteps
from models.upkeep import Removed, UpkeepStep
from workflows.policies import DATABASE, UPKEEP_SECONDS


@workflow.defn(name="session-cleanup")
class SessionCleanupWorkflow:
    """Takes out sessions and tokens that ended long ago."""

    @workflow.run
    async def run(self) -> Removed:
        removed: Removed = await workflow.execute_activity_method(
            AuthSteps.clean_up_sessions,
            UpkeepStep(at=workflow.now()),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=DATABASE,
            summary="Take out what ended long ago",
        )
        workflow.set_current_details(f"Removed {removed.sessions} sessions and {removed.tokens} tokens.")
        return removed
