"""The recall of a wire: a request to the bank and its answer, over weeks."""

from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey, VersioningBehavior

from activities.wires import RecallSteps
from models.search_attributes import AMOUNT_MINOR, CASE_STATUS, CUSTOMER_REF, SLA_DUE_AT
from models.wires.recalls import RecallStart, RecallState, RecallStep, recall_file
from workflows.steps import database_step, provider_step
from workflows.waiting import Waiting

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_CUSTOMER: Final = SearchAttributeKey.for_keyword(CUSTOMER_REF)
_AMOUNT: Final = SearchAttributeKey.for_int(AMOUNT_MINOR)
_DUE: Final = SearchAttributeKey.for_datetime(SLA_DUE_AT)


@workflow.defn(name="wire-recall", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class WireRecallWorkflow(Waiting):
    """One recall. The bank's answers and the wire's own process change rows and wake it; it looks at them, writes the
    request once, and reminds operations while nobody answers. It ends with an answer, never by its clock."""

    @workflow.init
    def __init__(self, start: RecallStart) -> None:
        super().__init__()
        self._start = start

    @workflow.run
    async def run(self, start: RecallStart) -> RecallState:
        workflow.upsert_search_attributes(
            [_CUSTOMER.value_set(start.customer_ref), _AMOUNT.value_set(start.amount_minor)]
        )
        state = await self._review("Write the request to the bank")
        while not state.ended:
            if state.to_send:
                state = await self._send()
            else:
                await self._until(state.look_again_at, "The answer is not there yet")
                state = await self._review("Look for answers, and at the clock")
        return state

    async def _review(self, summary: str) -> RecallState:
        self._looking()
        state: RecallState = await database_step(RecallSteps.review, self._step(), summary)
        self._show(state)
        return state

    async def _send(self) -> RecallState:
        state: RecallState = await provider_step(
            RecallSteps.send, self._step(), "Put the request into the bank's folder"
        )
        self._show(state)
        return state

    def _step(self) -> RecallStep:
        return RecallStep(recall_id=self._start.recall_id, wire_id=self._start.wire_id, at=workflow.now())

    def _show(self, state: RecallState) -> None:
        workflow.set_current_details(recall_file(state))
        if workflow.info().typed_search_attributes.get(_STATUS) != state.status:
            due = [_DUE.value_set(state.due_at)] if state.due_at and not state.ended else []
            workflow.upsert_search_attributes([_STATUS.value_set(state.status), *due])
