"""Interest on blocked property, booked by a schedule."""

from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.wires.interest import InterestSteps
from models.upkeep import InterestBooked, UpkeepStep
from workflows.policies import DATABASE, DATABASE_SECONDS

# What is more is left to the next run, so that no run's history grows long.
_CALLS: Final = 50


@workflow.defn(name="blocked-interest")
class BlockedInterestWorkflow:
    """Books the interest of every month that is over. The run fails with `blocked_interest_failed` where some could not
    be booked, to be seen by whoever watches for failed runs."""

    @workflow.run
    async def run(self) -> InterestBooked:
        properties = 0
        for _ in range(_CALLS):
            done: InterestBooked = await workflow.execute_local_activity_method(
                InterestSteps.book,
                UpkeepStep(at=workflow.now()),
                start_to_close_timeout=DATABASE_SECONDS,
                retry_policy=DATABASE,
                summary="Book the months that are over",
            )
            properties += done.properties
            if not done.more:
                break
        told = f"Interest was booked on {properties} blocked properties."
        if done.without_rate:
            told += f"\n\n**No rate is published for {', '.join(done.without_rate)}.**"
        workflow.set_current_details(told)
        if done.failed:
            raise ApplicationError(
                f"{done.failed} properties could not be booked", type="blocked_interest_failed", non_retryable=True
            )
        return done.model_copy(update={"properties": properties})
