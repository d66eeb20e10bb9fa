"""A process that has a secret in everything that a process can write. By itself, as the sandbox loads it anew."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

SECRET = "the secret of the house"


@activity.defn(name="test-telling")
async def telling(said: str) -> None:
    """Tells what it was told: as heartbeat, and as what went wrong."""
    activity.heartbeat(said)
    raise ApplicationError(said, said, type="refused", non_retryable=True)


@workflow.defn(name="test-secret")
class SecretWorkflow:
    """Has the secret in everything that a process can write."""

    @workflow.signal(name="told")
    def told(self, said: str) -> None:
        """Hears it."""

    @workflow.query(name="says")
    def says(self) -> str:
        """Answers it."""
        return SECRET

    @workflow.run
    async def run(self, said: str) -> str:
        """Says it everywhere."""
        workflow.set_current_details(said)
        await workflow.sleep(0.01, summary=said)
        try:
            await workflow.execute_activity(
                telling,
                said,
                start_to_close_timeout=timedelta(seconds=10),
                heartbeat_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=said,
            )
        except ActivityError as error:
            raise ApplicationError(said, said, type="refused") from error
        return said
