"""The statements of a month: a page of customers after the other, until all have theirs."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities.statements import StatementSteps
from models.statements import (
    AccountRun,
    StatementPage,
    StatementPages,
    StatementPlan,
    StatementProgress,
    StatementRun,
    StatementsMade,
    StatementSweep,
    month_before,
)
from workflows.policies import DATABASE, DATABASE_SECONDS, PROVIDER, UPKEEP_SECONDS

# Setting is work for processors, and the worker has other things to do.
_AT_ONCE: Final = 2
# A page says every three seconds that it is made; one whose worker is silent for so long is made by another.
_SILENCE: Final = timedelta(seconds=30)
# Between two looks at the store's objects.
_HEARTBEAT: Final = timedelta(minutes=5)
# Some 60 events each: a history stays below a thousand, however many customers there are.
_PLANS: Final = 12
# When a schedule meant a run to begin, which a late or repeated run still knows.
_NOMINAL: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@workflow.defn(name="monthly-statements")
class MonthlyStatementsWorkflow:
    """Starts the process of the month that was over when this run was due, or waits for the one that is at work."""

    @workflow.run
    async def run(self) -> str:
        due = workflow.info().typed_search_attributes.get(_NOMINAL) or workflow.now()
        period = month_before(due)
        workflow.set_current_details(f"Statements of {period}: process statements/{period}.")
        try:
            await workflow.execute_child_workflow(
                StatementsWorkflow.run,
                StatementRun(period=period),
                id=f"statements/{period}",
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"Statements of {period}",
            )
        except WorkflowAlreadyStartedError:
            return f"statements/{period} is at work already"
        return f"statements/{period} is done"


@workflow.defn(name="statements")
class StatementsWorkflow:
    """All statements of one month. Run again it makes what is missing, and leaves what was made as it is."""

    @workflow.init
    def __init__(self, start: StatementRun) -> None:
        self._period = start.period
        self._made = start.made
        self._done = False

    @workflow.query
    def progress(self) -> StatementProgress:
        """Where it stands."""
        return StatementProgress(period=self._period, made=self._made, done=self._done)

    @workflow.run
    async def run(self, start: StatementRun) -> StatementsMade:
        after, plans = start.after, 0
        while pages := await self._planned(after):
            await self._make(pages)
            after, plans = pages[-1].last, plans + 1
            if plans == _PLANS:
                workflow.continue_as_new(StatementRun(period=self._period, after=after, made=self._made))
        return await self._end()

    async def _planned(self, after: UUID | None) -> Sequence[StatementPage]:
        planned: StatementPages = await workflow.execute_local_activity_method(
            StatementSteps.plan,
            StatementPlan(period=self._period, after=after),
            start_to_close_timeout=DATABASE_SECONDS,
            retry_policy=DATABASE,
            summary="Which customers come next",
        )
        return planned.pages

    async def _make(self, pages: Sequence[StatementPage]) -> None:
        room = asyncio.Semaphore(_AT_ONCE)

        async def make(page: StatementPage) -> None:
            async with room:
                made: StatementsMade = await workflow.execute_activity_method(
                    StatementSteps.make_page,
                    page,
                    start_to_close_timeout=UPKEEP_SECONDS,
                    heartbeat_timeout=_SILENCE,
                    retry_policy=PROVIDER,
                    summary="Make a page of statements",
                )
            self._made = self._made.and_(made)
            workflow.set_current_details(self.progress().told())

        await asyncio.gather(*(make(page) for page in pages))

    async def _end(self) -> StatementsMade:
        info = workflow.info()
        await workflow.execute_activity_method(
            StatementSteps.finish,
            StatementSweep(
                period=self._period, run=f"{info.workflow_id}/{info.run_id}", at=workflow.now(), made=self._made
            ),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=PROVIDER,
            summary="Tell what failed, take out what belongs to nothing",
        )
        self._done = True
        workflow.set_current_details(self.progress().told())
        if self._made.failed:
            raise ApplicationError(self.progress().told(), type="statements_failed", non_retryable=True)
        return self._made


@workflow.defn(name="account-statement")
class AccountStatementWorkflow:
    """The statement of one account and one month, made up or made again."""

    @workflow.run
    async def run(self, start: AccountRun) -> StatementsMade:
        made: StatementsMade = await workflow.execute_activity_method(
            StatementSteps.make_one,
            start,
            start_to_close_timeout=UPKEEP_SECONDS,
            retry_policy=PROVIDER,
            summary=f"Make the statement of {start.period}",
        )
        workflow.set_current_details("The account had nothing to tell." if made.empty else "The statement is there.")
        return made
