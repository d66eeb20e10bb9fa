"""The life of a payment by a local rail, and of the standing order that repeats it."""

from collections.abc import Callable
from typing import Any, Final

from temporalio import workflow
from temporalio.common import SearchAttributeKey, VersioningBehavior

from activities.payments import FundingSteps, ReleaseSteps, SettlementSteps, StandingOrderSteps
from models.payments import (
    PaymentStart,
    PaymentState,
    PaymentStatus,
    PaymentStep,
    StandingOrderStart,
    StandingOrderState,
    StandingOrderStep,
    case_file,
    standing_case_file,
)
from models.search_attributes import AMOUNT_MINOR, CASE_STATUS, CUSTOMER_REF
from workflows.steps import database_step
from workflows.waiting import OrderToTheBank, Waiting

_STATUS: Final = SearchAttributeKey.for_keyword(CASE_STATUS)
_CUSTOMER: Final = SearchAttributeKey.for_keyword(CUSTOMER_REF)
_AMOUNT: Final = SearchAttributeKey.for_int(AMOUNT_MINOR)
# A date of a standing order takes about ten events of history; it begins anew long before that is slow to replay.
_DATES_A_RUN: Final = 100

_Step = Callable[[Any, PaymentStep], Any]


@workflow.defn(name="payment", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class PaymentWorkflow(OrderToTheBank[PaymentState]):
    """One payment. Its rows say where it stands; this says what happens next, and when.

    People and the bank change rows and wake it (`wake` carries no content). After each wake, timer or step it reads the
    state that the step answered with and goes on from there, so a wake that is early, doubled or lost changes nothing.
    """

    @workflow.init
    def __init__(self, start: PaymentStart) -> None:
        super().__init__()
        self._start = start

    @workflow.run
    async def run(self, start: PaymentStart) -> PaymentState:
        workflow.upsert_search_attributes(
            [_CUSTOMER.value_set(start.customer_ref), _AMOUNT.value_set(start.amount_minor)]
        )
        state = await self._do(FundingSteps.fund, "Set the money aside on its day")
        while not state.ended:
            state = await self._advance(state)
        return await self._do(FundingSteps.conclude, f"Tell the customer: {state.status}")

    async def _advance(self, state: PaymentState) -> PaymentState:
        """The one thing to do next for a payment that stands where `state` says."""
        match state.status:
            case PaymentStatus.SCHEDULED:
                await self._until(state.look_again_at, "Its money is looked for" if state.try_until else "Its day")
                return await self._do(FundingSteps.fund, "Set the money aside on its day")
            case PaymentStatus.FUNDED:
                if state.look_again_at is not None and state.look_again_at > workflow.now():
                    await self._until(state.look_again_at, "The rail opens")
                return await self._do(ReleaseSteps.release, "Screen, and release while the rail is open")
            case PaymentStatus.RELEASED if not self._sent:
                # Not only after `release` has answered: a worker that died between the release and its answer is
                # followed by one whose earlier step finds the payment released.
                return await self._send(ReleaseSteps.send)
            case _:
                return await self._hear(
                    state, apply_answers=SettlementSteps.apply_answers, note_silence=SettlementSteps.note_silence
                )

    def _step(self) -> PaymentStep:
        return PaymentStep(payment_id=self._start.payment_id, at=workflow.now())

    def _show(self, state: PaymentState) -> None:
        workflow.set_current_details(case_file(state, self._silent_since))
        if workflow.info().typed_search_attributes.get(_STATUS) != state.status:
            workflow.upsert_search_attributes([_STATUS.value_set(state.status)])


@workflow.defn(name="payment-late-answer")
class PaymentLateAnswerWorkflow:
    """One message of the bank about a payment whose own process has ended: money that comes back days later, mostly."""

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Nothing waits here; the outbox starts and wakes every process alike."""

    @workflow.run
    async def run(self, start: PaymentStart) -> PaymentState:
        state = await self._do(SettlementSteps.apply_answers, start, "Apply what the bank says after the end")
        if state.status is PaymentStatus.RETURNED:
            state = await self._do(FundingSteps.conclude, start, "Tell the customer")
        return state

    async def _do(self, step: _Step, start: PaymentStart, summary: str) -> PaymentState:
        state: PaymentState = await database_step(
            step, PaymentStep(payment_id=start.payment_id, at=workflow.now()), summary
        )
        workflow.set_current_details(case_file(state))
        return state


@workflow.defn(name="payment-ruling")
class PaymentRulingWorkflow:
    """What follows when the compliance desk has cleared a blocked payment: its customer is told how it ended."""

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Nothing waits here; the outbox starts and wakes every process alike."""

    @workflow.run
    async def run(self, start: PaymentStart) -> PaymentState:
        state: PaymentState = await database_step(
            FundingSteps.conclude,
            PaymentStep(payment_id=start.payment_id, at=workflow.now()),
            "Tell the customer how it ended",
        )
        workflow.set_current_details(case_file(state))
        return state


@workflow.defn(name="standing-order", versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class StandingOrderWorkflow(Waiting):
    """One standing order. On the day of each payment it makes the next one, which has a process of its own.

    Over years it goes through many dates, so it continues as a new run, with nothing to hand on but its id: where it
    stands is in its row.
    """

    @workflow.init
    def __init__(self, start: StandingOrderStart) -> None:
        super().__init__()
        self._start = start

    @workflow.run
    async def run(self, start: StandingOrderStart) -> StandingOrderState:
        workflow.upsert_search_attributes(
            [_CUSTOMER.value_set(start.customer_ref), _AMOUNT.value_set(start.amount_minor)]
        )
        looks = 0
        while True:
            state = await self._look()
            if state.ended:
                return state
            looks += 1
            if looks >= _DATES_A_RUN or workflow.info().is_continue_as_new_suggested():
                # A wake that was not looked at yet is no loss: the next run begins with a look.
                workflow.continue_as_new(start)
            await self._until(state.look_again_at, "Day of its next payment")

    async def _look(self) -> StandingOrderState:
        self._looking()
        state: StandingOrderState = await database_step(
            StandingOrderSteps.advance,
            StandingOrderStep(standing_order_id=self._start.standing_order_id, at=workflow.now()),
            "Make the payments that are due",
        )
        workflow.set_current_details(standing_case_file(state))
        if workflow.info().typed_search_attributes.get(_STATUS) != state.status:
            workflow.upsert_search_attributes([_STATUS.value_set(state.status)])
        return state
