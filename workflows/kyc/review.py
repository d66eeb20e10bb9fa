"""The review of a customer, from what they hand in to the decision, over days or months; and the daily look at who is
due for one."""

from collections.abc import Callable
from typing import Any, Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey, VersioningBehavior

from activities.kyc import CheckSteps, LifeSteps, ReviewSteps
from models.kyc.process import KycStart, KycState, KycStep, Sweep, Swept, case_file
from models.search_attributes import ASSIGNEE, CASE_STATUS, CUSTOMER_REF, SLA_DUE_AT
from workflows.policies import CHECKS_SECONDS, DATABASE, PROVIDER, PROVIDER_HEARTBEAT, UPKEEP_SECONDS
from workflows.steps import database_step
from workflows.waiting import Waiting

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_CUSTOMER: Final = SearchAttributeKey.for_keyword(CUSTOMER_REF)
_ASSIGNEE: Final = SearchAttributeKey.for_keyword(ASSIGNEE)
_DUE: Final = SearchAttributeKey.for_datetime(SLA_DUE_AT)
# A backlog beyond this many pages is left to the next day, so that no run's history grows long.
_PAGES: Final = 500


@workflow.defn(name="kyc", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class KycReviewWorkflow(Waiting):
    """One review. Its rows say where it stands; this says what happens next, and when.

    People change rows and wake it (`wake` carries no content). After each wake, timer or step it reads the state that
    the step answered with and goes on from there, so a wake that is early, doubled or lost changes nothing.
    """

    @workflow.init
    def __init__(self, start: KycStart) -> None:
        super().__init__()
        self._start = start

    @workflow.run
    async def run(self, start: KycStart) -> KycState:
        workflow.upsert_search_attributes([_CUSTOMER.value_set(start.customer_ref)])
        state = await self._do(ReviewSteps.review, "Look where the review stands")
        while not state.ended:
            if state.to_check:
                state = await self._check()
            else:
                await self._until(state.look_again_at, f"Next mark while {state.status}")
                state = await self._do(ReviewSteps.review, "Look for decisions, marks and steps of the ladder")
        return await self._do(ReviewSteps.conclude, f"Tell the customer: {state.status}")

    async def _check(self) -> KycState:
        # Not a local step: it reads documents from the store, and waits for the scanner and for lists, however long.
        self._looking()
        state: KycState = await workflow.execute_activity_method(
            CheckSteps.check,
            self._step(),
            start_to_close_timeout=CHECKS_SECONDS,
            heartbeat_timeout=PROVIDER_HEARTBEAT,
            retry_policy=PROVIDER,
            summary="Check documents, screen, rate the risk",
        )
        self._show(state)
        return state

    async def _do(self, step: Callable[[Any, KycStep], Any], summary: str) -> KycState:
        self._looking()
        state: KycState = await database_step(step, self._step(), summary)
        self._show(state)
        return state

    def _step(self) -> KycStep:
        return KycStep(case_id=self._start.case_id, at=workflow.now())

    def _show(self, state: KycState) -> None:
        workflow.set_current_details(case_file(state))
        known = workflow.info().typed_search_attributes
        changes: list[Any] = []
        if known.get(_STATUS) != state.status:
            changes.append(_STATUS.value_set(state.status))
        due = state.sla_deadline if not state.ended else None
        if due is not None and known.get(_DUE) != due:
            changes.append(_DUE.value_set(due))
        if state.assignee is not None and known.get(_ASSIGNEE) != state.assignee:
            changes.append(_ASSIGNEE.value_set(state.assignee))
        if changes:
            workflow.upsert_search_attributes(changes)


@workflow.defn(name="kyc-expiry")
class KycExpiryWorkflow:
    """Looks over all approved customers: opens the reviews that fall due, and those of whom the lists now name."""

    @workflow.run
    async def run(self) -> Swept:
        opened = await self._pages(LifeSteps.open_due, "Open the reviews that are due")
        named = await self._pages(LifeSteps.rescreen, "Screen a page of customers against changed lists")
        workflow.set_current_details(
            f"Opened {opened.opened} reviews that were due. Screened {named.looked_at}, opened {named.opened}."
        )
        return Swept(looked_at=named.looked_at, opened=opened.opened + named.opened)

    async def _pages(self, step: Callable[[Any, Sweep], Any], summary: str) -> Swept:
        at, done = workflow.now(), Swept()
        for _ in range(_PAGES):
            page: Swept = await workflow.execute_activity_method(
                step,
                Sweep(at=at, after=done.after, list_version=done.list_version),
                start_to_close_timeout=UPKEEP_SECONDS,
                retry_policy=DATABASE,
                summary=summary,
            )
            done = Swept(
                looked_at=done.looked_at + page.looked_at,
                opened=done.opened + page.opened,
                after=page.after,
                list_version=page.list_version,
            )
            # A page that opened something may have left more; one without a successor that opened nothing has not.
            if page.after is None and (page.opened == 0 or page.looked_at):
                break
        return done
