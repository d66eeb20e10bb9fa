"""What time does to a review, and the letter at its end."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.kyc.desk import KycDesk, tell_customer, tell_staff
from infra.database import transaction
from models.kyc import letters
from models.kyc.ladder import RESTRICTIONS, Rung, passed
from models.kyc.process import KycState, KycStep
from models.kyc.states import CURABLE, KycStatus, Occasion, Rejection, Restriction
from models.sla import SlaStage, sla_stage_at
from models.tables.kyc import cases
from models.tables.kyc.rows import KycCase

_ORDER: Final = (SlaStage.RUNNING, SlaStage.REMINDED, SlaStage.ESCALATED, SlaStage.BREACHED)
_STRICTER: Final = tuple(Restriction)
# What each stage of the officers' clock says, and to whom. It goes on after the last: no review is decided by a clock.
_STAGE_NOTICE: Final = {
    SlaStage.REMINDED: ("admin:compliance", "A KYC review is waiting: half of its time is over"),
    SlaStage.ESCALATED: ("wires:high_value", "A KYC review is waiting: four fifths of its time are over"),
    SlaStage.BREACHED: ("wires:high_value", "A KYC review has missed its deadline"),
}


class ReviewSteps:
    """The steps beside the checks."""

    def __init__(self, desk: KycDesk) -> None:
        self._desk = desk

    @activity.defn(name="kyc.review")
    async def review(self, step: KycStep) -> KycState:
        """Looks at an undecided review: applies what `step.at` has passed of the ladder and of both clocks.

        A decision that was committed first wins: the row is locked, and nothing that has ended is touched.
        """
        async with transaction(self._desk.engine) as session:
            case = await cases.locked(session, step.case_id)
            match case.status:
                case KycStatus.PENDING:
                    await self._climb(session, case, step.at)
                case KycStatus.IN_REVIEW:
                    await self._officers_clock(session, case, step.at)
                case KycStatus.INFO_REQUESTED:
                    await self._tell_question(session, case)
                    await self._climb(session, case, step.at)
                    await self._customers_clock(session, case, step.at)
            return await cases.state(session, case)

    async def _climb(self, session: AsyncSession, case: KycCase, at: datetime) -> None:
        if case.due_at is None:
            return
        rungs = passed(case.due_at, Rung(case.rung), at)
        for rung in rungs:
            case.rung = rung
            # Whom a list names is held already, and stays so.
            case.restriction = max(
                RESTRICTIONS.get(rung, Restriction.NONE), Restriction(case.restriction), key=_STRICTER.index
            )
            await session.flush()
            await cases.tell(session, case, rung, step=rung, data={"due": case.due_at})
        # Of several that are due at once the last says it all.
        letter = letters.on_the_ladder(rungs[-1], Occasion(case.occasion), case.due_at) if rungs else None
        if letter is not None:
            await tell_customer(session, case, rungs[-1], letter)
        if Rung.EXIT in rungs:
            await tell_staff(
                session,
                case,
                permission="wires:high_value",
                event="exit_review",
                subject="A KYC review is overdue for three months: decide whether the customer leaves",
            )

    async def _officers_clock(self, session: AsyncSession, case: KycCase, at: datetime) -> None:
        if case.clock is None:
            return
        for stage in _after(SlaStage(case.sla_stage), sla_stage_at(case.clock, at)):
            case.sla_stage = stage
            await session.flush()
            permission, subject = _STAGE_NOTICE[stage]
            await tell_staff(session, case, permission=permission, event=f"sla_{stage}", subject=subject)
            step = f"sla_{stage}/{case.sla_started_at}"
            await cases.tell(session, case, f"sla_{stage}", step=step, data={"at": at})

    async def _customers_clock(self, session: AsyncSession, case: KycCase, at: datetime) -> None:
        clock = case.answer_clock
        if clock is None:
            return
        for stage in _after(SlaStage(case.answer_stage), sla_stage_at(clock, at)):
            case.answer_stage = stage
            if stage is SlaStage.BREACHED:
                if case.occasion == Occasion.INITIAL:
                    case.status, case.reason_code, case.decided_at = KycStatus.EXPIRED, "unanswered", at
            else:
                await tell_customer(session, case, f"{stage}/{case.round}", letters.asked(clock.deadline, again=True))
            await session.flush()
            await cases.tell(session, case, f"answer_{stage}", step=f"answer_{stage}/{case.round}", data={"at": at})

    async def _tell_question(self, session: AsyncSession, case: KycCase) -> None:
        if case.answer_due_at is not None:
            await tell_customer(session, case, f"asked/{case.round}", letters.asked(case.answer_due_at))

    @activity.defn(name="kyc.conclude")
    async def conclude(self, step: KycStep) -> KycState:
        """Tells the customer how the review ended. Of one that they never knew of, only a refusal is told."""
        async with transaction(self._desk.engine) as session:
            case = await cases.locked(session, step.case_id)
            match case.status, case.reason_code:
                case KycStatus.APPROVED, _ if case.told:
                    letter = letters.approved(again=case.occasion != Occasion.INITIAL)
                    await tell_customer(session, case, "approved", letter)
                case KycStatus.REJECTED, reason:
                    known = Rejection(reason or Rejection.OUTSIDE_POLICY)
                    letter = letters.rejected(known, may_apply_again=known in CURABLE)
                    await tell_customer(session, case, "rejected", letter)
                case KycStatus.EXPIRED, "unanswered":
                    await tell_customer(session, case, "unanswered", letters.unanswered())
            return await cases.state(session, case)


def _after(stage: SlaStage, reached: SlaStage) -> tuple[SlaStage, ...]:
    return _ORDER[_ORDER.index(stage) + 1 : _ORDER.index(reached) + 1]
