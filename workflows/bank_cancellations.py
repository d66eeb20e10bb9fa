"""A case in which another bank asks for money back: people answer it, under a clock, over weeks."""

from typing import Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.bank_cancellations import CancellationSteps
from models.bank_cancellations import (
    WORKFLOW,
    CancellationStart,
    CancellationState,
    CancellationStep,
    cancellation_file,
)
from models.search_attributes import CASE_STATUS, SLA_DUE_AT
from workflows.steps import database_step, provider_step
from workflows.waiting import Waiting

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_DUE: Final = SearchAttributeKey.for_datetime(SLA_DUE_AT)


@workflow.defn(name=WORKFLOW)
class BankCancellationWorkflow(Waiting):
    """One case. Two people decide by rows and wake it; it writes what they decided to the bank, once, and reminds
    operations while nobody does. It ends with an answer, never by its clock."""

    @workflow.run
    async def run(self, start: CancellationStart) -> CancellationState:
        self._case = start.cancellation_id
        state = await self._review("Tell operations, start the clock")
        while not state.ended:
            if state.to_send is not None:
                self._looking()
                state = await provider_step(
                    CancellationSteps.send, self._step(), "Put the answer into the bank's folder"
                )
                self._show(state)
            else:
                await self._until(state.look_again_at, "Nobody has answered yet")
                state = await self._review("Look for decisions, and at the clock")
        return state

    async def _review(self, summary: str) -> CancellationState:
        self._looking()
        state: CancellationState = await database_step(CancellationSteps.review, self._step(), summary)
        self._show(state)
        return state

    def _step(self) -> CancellationStep:
        return CancellationStep(cancellation_id=self._case, at=workflow.now())

    def _show(self, state: CancellationState) -> None:
        workflow.set_current_details(cancellation_file(state))
        status = "answered" if state.ended else "open"
        if workflow.info().typed_search_attributes.get(_STATUS) != status:
            due = [_DUE.value_set(state.due_at)] if state.due_at and not state.ended else []
            workflow.upsert_search_attributes([_STATUS.value_set(status), *due])
