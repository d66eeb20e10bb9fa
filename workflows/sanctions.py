"""The daily refresh of the lists that wires and customers are screened against, and wires and payments after it."""

from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.rescreening import RescreeningSteps
from activities.sanctions import SanctionsSteps
from models.screening.lists import Imported, RefreshFailure, RefreshStep, Rescreened
from workflows.policies import DATABASE, DATABASE_SECONDS, SOURCE, UPKEEP_SECONDS

# A batch is read and staged in well under a second; the comparison of a large list takes a minute.
_HEARTBEAT: Final = timedelta(minutes=5)


@workflow.defn(name="sanctions-refresh")
class SanctionsRefreshWorkflow:
    """Refreshes each list by itself: one that fails is told to operations, and keeps no other from being refreshed.

    Then wires and payments are compared with what is new, also with what an operator has taken in since the last run.
    The run fails with `sanctions_refresh_failed` if any did, to be seen by whoever watches for failed runs.
    """

    @workflow.run
    async def run(self) -> list[Imported]:
        names: list[str] = await workflow.execute_local_activity_method(
            SanctionsSteps.sources,
            start_to_close_timeout=DATABASE_SECONDS,
            retry_policy=DATABASE,
            summary="Which lists there are",
        )
        done: list[Imported] = []
        failures: list[str] = []
        for name in names:
            try:
                done.append(await self._refresh(name))
            except ActivityError as error:
                reason = str(error.cause or error)
                failures.append(f"{name}: {reason}")
                await self._note(name, reason)
            self._show([*(one.told() for one in done), *failures])
        rescreened = await self._rescreen()
        self._show([*(one.told() for one in done), *failures, *(one.summary() for one in rescreened)])
        if failures:
            raise ApplicationError("; ".join(failures), type="sanctions_refresh_failed", non_retryable=True)
        return done

    async def _refresh(self, name: str) -> Imported:
        imported: Imported = await workflow.execute_activity_method(
            SanctionsSteps.refresh,
            RefreshStep(list=name),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=SOURCE,
            summary=f"Refresh {name}",
        )
        return imported

    async def _rescreen(self) -> list[Rescreened]:
        rescreened: list[Rescreened] = await workflow.execute_activity_method(
            RescreeningSteps.rescreen,
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=DATABASE,
            summary="Compare the wires in flight with what is new",
        )
        return rescreened

    @staticmethod
    def _show(lines: list[str]) -> None:
        workflow.set_current_details("\n".join(f"- {line}" for line in lines))

    async def _note(self, name: str, reason: str) -> None:
        await workflow.execute_local_activity_method(
            SanctionsSteps.note_failure,
            RefreshFailure(list=name, reason=reason, at=workflow.now()),
            start_to_close_timeout=DATABASE_SECONDS,
            retry_policy=DATABASE,
            summary=f"Tell operations that {name} was not refreshed",
        )
