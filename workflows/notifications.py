"""The process of one notification, which leaves once, however long that takes; and the digests of what can wait."""

from datetime import datetime, timedelta

from temporalio import workflow

from activities.digests import DigestSteps
from activities.notifications import NotificationSteps
from models.notifications import DigestsWritten, NotificationStart, NotificationStep
from models.upkeep import UpkeepStep
from workflows.policies import DATABASE, UPKEEP_SECONDS
from workflows.steps import provider_step


@workflow.defn(name="notification")
class NotificationWorkflow:
    """Sends one notification, after the quiet hours of its customer."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """The customer wants to be told in another way: what waits looks again."""
        self._woken = True

    @workflow.run
    async def run(self, start: NotificationStart) -> bool:
        while True:
            self._woken = False
            step = NotificationStep(notification_id=start.notification_id, at=workflow.now())
            sent: bool | datetime = await provider_step(NotificationSteps.send, step, "Send by e-mail")
            if isinstance(sent, bool):
                return sent
            workflow.set_current_details(f"Waits for the end of quiet hours, {sent:%Y-%m-%d %H:%M} UTC.")
            await self._until(sent)

    async def _until(self, moment: datetime) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._woken,
                timeout=max(moment - workflow.now(), timedelta(0)),
                timeout_summary="Quiet hours end",
            )
        except TimeoutError:
            return


@workflow.defn(name="notification-digest")
class NotificationDigestWorkflow:
    """Writes the digests that are due."""

    @workflow.run
    async def run(self) -> DigestsWritten:
        written: DigestsWritten = await workflow.execute_activity_method(
            DigestSteps.write,
            UpkeepStep(at=workflow.now()),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=DATABASE,
            summary="Put together what was collected",
        )
        workflow.set_current_details(f"{written.digests} digests of {written.notifications} notifications.")
        return written
