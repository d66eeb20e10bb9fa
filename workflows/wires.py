"""The life of a wire, from the order to the end, over hours or weeks."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.wires import ApprovalSteps, ComplianceSteps, InquirySteps, PaymentSteps, SettlementSteps
from models.search_attributes import AMOUNT_MINOR, ASSIGNEE, CASE_STATUS, CUSTOMER_REF, SLA_DUE_AT
from models.wires import WireStart, WireState, WireStatus, WireStep, case_file
from workflows.steps import database_step, provider_step
from workflows.waiting import OrderToTheBank

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_CUSTOMER: Final = SearchAttributeKey.for_keyword(CUSTOMER_REF)
_AMOUNT: Final = SearchAttributeKey.for_int(AMOUNT_MINOR)
_ASSIGNEE: Final = SearchAttributeKey.for_keyword(ASSIGNEE)
_DUE: Final = SearchAttributeKey.for_datetime(SLA_DUE_AT)

_Step = Callable[[Any, WireStep], Any]


@workflow.defn(name="wire")
class WireWorkflow(OrderToTheBank[WireState]):
    """One wire. Its rows say where it stands; this says what happens next, and when.

    People and the bank change rows and wake it (`wake` carries no content). After each wake, timer or step it reads the
    state that the step answered with and goes on from there, so a wake that is early, doubled or lost changes nothing.
    """

    @workflow.init
    def __init__(self, start: WireStart) -> None:
        super().__init__()
        self._start = start

    @workflow.run
    async def run(self, start: WireStart) -> WireState:
        workflow.upsert_search_attributes(
            [_CUSTOMER.value_set(start.customer_ref), _AMOUNT.value_set(start.amount_minor)]
        )
        state = await self._do(ApprovalSteps.screen, "Screen parties against sanctions lists")
        while not state.ended:
            state = await self._advance(state)
        return await self._do(ApprovalSteps.conclude, f"Tell the customer: {state.status}")

    async def _advance(self, state: WireState) -> WireState:
        """The one thing to do next for a wire that stands where `state` says."""
        match state.status:
            case WireStatus.BLOCKED:
                return await self._desk(state)
            case WireStatus.PENDING if state.undecided:
                return await self._desk(state)
            case WireStatus.PENDING:
                return await self._do(ApprovalSteps.route, "Decide who approves, start the clock")
            case WireStatus.AWAITING_APPROVAL | WireStatus.INFO_REQUESTED:
                await self._until(state.look_again_at, f"SLA mark after {state.sla_stage}")
                return await self._do(ApprovalSteps.review, "Look for decisions and SLA marks")
            case WireStatus.APPROVED:
                if state.undecided:
                    await self._until(state.look_again_at, f"Screening mark after {state.screening_stage}")
                else:
                    await self._until_window(state.look_again_at)
                return await self._do(PaymentSteps.release, "Release in the rail's window")
            case WireStatus.RELEASED if not self._sent:
                # Not only after `release` has answered: a worker that died between the release and its answer is
                # followed by one whose earlier step finds the wire released.
                return await self._send(PaymentSteps.send)
            case WireStatus.RELEASED if state.ask_bank:
                return await self._ask()
            case _:
                return await self._hear(
                    state, apply_answers=SettlementSteps.apply_answers, note_silence=SettlementSteps.note_silence
                )

    async def _ask(self) -> WireState:
        self._looking()
        state: WireState = await provider_step(
            InquirySteps.ask_status, self._step(), "Ask the bank what became of the order"
        )
        self._show(state)
        return state

    async def _desk(self, state: WireState) -> WireState:
        """Waits for the compliance desk: for as long as it takes where the wire is blocked."""
        await self._until(state.look_again_at, f"Screening mark after {state.screening_stage}")
        return await self._do(ComplianceSteps.review_case, "Look for rulings and screening marks")

    async def _until_window(self, opening: datetime | None) -> None:
        if opening is not None and opening > workflow.now():
            await self._until(opening, "Release window opens")

    def _step(self) -> WireStep:
        return WireStep(wire_id=self._start.wire_id, at=workflow.now())

    def _show(self, state: WireState) -> None:
        workflow.set_current_details(case_file(state, self._silent_since))
        status = workflow.info().typed_search_attributes.get(_STATUS)
        if status != state.status:
            changes = [_STATUS.value_set(state.status)]
            due = [_DUE.value_set(state.sla_deadline)] if state.sla_deadline and not state.ended else []
            workflow.upsert_search_attributes([*changes, *due])
        assignee = str(state.assignee) if state.assignee and not state.ended else None
        if workflow.info().typed_search_attributes.get(_ASSIGNEE) != assignee:
            workflow.upsert_search_attributes(
                [_ASSIGNEE.value_unset() if assignee is None else _ASSIGNEE.value_set(assignee)]
            )


@workflow.defn(name="wire-late-answer")
class WireLateAnswerWorkflow:
    """One message of the bank about a wire whose own process has ended: money that comes back days later, mostly."""

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Nothing waits here; the outbox starts and wakes every process alike."""

    @workflow.run
    async def run(self, start: WireStart) -> WireState:
        state = await self._do(SettlementSteps.apply_answers, start, "Apply what the bank says after the end")
        if state.status is WireStatus.RETURNED:
            state = await self._do(ApprovalSteps.conclude, start, "Tell the customer")
        return state

    async def _do(self, step: _Step, start: WireStart, summary: str) -> WireState:
        state: WireState = await database_step(step, WireStep(wire_id=start.wire_id, at=workflow.now()), summary)
        workflow.set_current_details(case_file(state))
        return state
