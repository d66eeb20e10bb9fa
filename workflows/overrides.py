"""The look at an emergency override of a wire's approval, afterwards, by a third person."""

from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.wires import OverrideSteps
from models.search_attributes import CASE_STATUS, SLA_DUE_AT
from models.wires.overrides import AfterReviewStart, AfterReviewState, AfterReviewStep, review_file
from workflows.steps import database_step
from workflows.waiting import Waiting

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_DUE: Final = SearchAttributeKey.for_datetime(SLA_DUE_AT)


@workflow.defn(name="wire-after-review")
class WireAfterReviewWorkflow(Waiting):
    """One after-review. It reminds, escalates when it is overdue, and goes on waiting until somebody closes it."""

    @workflow.run
    async def run(self, start: AfterReviewStart) -> AfterReviewState:
        state = await self._look(start, "Tell of it")
        workflow.upsert_search_attributes([_DUE.value_set(state.due_at)])
        while not state.ended:
            await self._until(state.look_again_at, f"Mark after {state.stage}")
            state = await self._look(start, "Look for a finding, and at the clock")
        return state

    async def _look(self, start: AfterReviewStart, summary: str) -> AfterReviewState:
        self._looking()
        step = AfterReviewStep(override_id=start.override_id, wire_id=start.wire_id, at=workflow.now())
        state: AfterReviewState = await database_step(OverrideSteps.after_review, step, summary)
        workflow.set_current_details(review_file(state))
        status = "closed" if state.ended else f"after_review_{state.stage}"
        if workflow.info().typed_search_attributes.get(_STATUS) != status:
            workflow.upsert_search_attributes([_STATUS.value_set(status)])
        return state
