"""The process of one notification: it leaves, however long that takes, once."""

from temporalio import workflow

from activities.notifications import NotificationSteps
from models.notifications import NotificationStart
from workflows.policies import PROVIDER, PROVIDER_SECONDS


@workflow.defn(name="notification")
class NotificationWorkflow:
    """Sends one notification."""

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Nothing waits here; the outbox starts and wakes every process alike."""

    @workflow.run
    async def run(self, start: NotificationStart) -> bool:
        return await workflow.execute_activity_method(
            NotificationSteps.send,
            start,
            start_to_close_timeout=PROVIDER_SECONDS,
            retry_policy=PROVIDER,
            summary="Send by e-mail",
        )
