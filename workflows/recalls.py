"""The recall of a wire: a request to the bank and its answer, over weeks."""

from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.wires import RecallSteps
from models.search_attributes import AMOUNT_MINOR, CASE_STATUS, CUSTOMER_REF, SLA_DUE_AT
from models.wires.recalls import RecallStart, RecallState, RecallStep, recall_file
from workflows.policies import PROVIDER, PROVIDER_HEARTBEAT, PROVIDER_SECONDS
from workflows.steps import database_step

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_CUSTOMER: Final = SearchAttributeKey.for_keyword(CUSTOMER_REF)
_AMOUNT: Final = SearchAttributeKey.for_int(AMOUNT_MINOR)
_DUE: Final = SearchAttributeKey.for_datetime(SLA_DUE_AT)


@workflow.defn(name="wire-recall")
class WireRecallWorkflow:
    """One recall. The bank's answers and the wire's own process change rows and wake it; it looks at them, writes the
    request once, and reminds operations while nobody answers. It ends with an answer, never by its clock."""

    @workflow.init
    def __init__(self, start: RecallStart) -> None:
        self._start = start
        self._wakes = 0
        self._seen = 0

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Something about this recall or its wire has changed: look at the rows."""
        self._wakes += 1

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
                await self._until(state.look_again_at)
                state = await self._review("Look for answers, and at the clock")
        return state

    async def _until(self, moment: datetime | None) -> None:
        timeout = None if moment is None else max(moment - workflow.now(), timedelta(0))
        try:
            await workflow.wait_condition(
                lambda: self._wakes > self._seen, timeout=timeout, timeout_summary="The answer is not there yet"
            )
        except TimeoutError:
            return

    async def _review(self, summary: str) -> RecallState:
        # What was signalled before the step runs is seen by it; what comes while it runs is looked at after it.
        self._seen = self._wakes
        state: RecallState = await database_step(RecallSteps.review, self._step(), summary)
        self._show(state)
        return state

    async def _send(self) -> RecallState:
        state = await workflow.execute_activity_method(
            RecallSteps.send,
            self._step(),
            start_to_close_timeout=PROVIDER_SECONDS,
            heartbeat_timeout=PROVIDER_HEARTBEAT,
            retry_policy=PROVIDER,
            summary="Put the request into the bank's folder",
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
