"""The look at an emergency override afterwards: opened, reminded, escalated when it is overdue, closed."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.wires.desk import WireDesk, tell_staff
from infra.database import transaction
from models.sla import SlaStage, next_mark, sla_stage_at
from models.tables import wires
from models.tables.wires import Wire, overrides
from models.wires.overrides import AfterReviewState, AfterReviewStep, Finding

_ORDER: Final = (SlaStage.RUNNING, SlaStage.REMINDED, SlaStage.ESCALATED, SlaStage.BREACHED)
# What each stage says, and to whom. Overdue goes beyond the desk: to those who audit it.
_STAGE_NOTICE: Final = {
    SlaStage.RUNNING: ("admin:compliance", "A wire was approved by an override: a third person looks at it"),
    SlaStage.REMINDED: ("admin:compliance", "An override waits for its after-review: half of its time is over"),
    SlaStage.ESCALATED: (
        "wires:high_value",
        "An override waits for its after-review: four fifths of its time are over",
    ),
    SlaStage.BREACHED: ("admin:reports", "The after-review of an override is overdue"),
}
_THEN: Final = "Say what you find in the console or by the API (PUT /api/v1/admin/overrides/{id}). The wire"


class OverrideSteps:
    """The step of an after-review."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="wire.after_review")
    async def after_review(self, step: AfterReviewStep) -> AfterReviewState:
        """Tells of an after-review that is open, applies the marks of its clock that `step.at` has passed, each once,
        and tells the seniors and the auditors where it found an override not justified. Nothing closes it but a person.
        """
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            review = await overrides.after_review(session, step.override_id)
            stage = SlaStage(review.stage)
            if review.closed_at is None:
                clock = overrides.clock_of(review)
                reached = sla_stage_at(clock, step.at)
                deciders = {review.proposed_by, review.confirmed_by}
                for mark in _ORDER[_ORDER.index(stage) : _ORDER.index(reached) + 1]:
                    await _tell(session, wire, step.override_id, mark, deciders)
                if reached is not stage:
                    await overrides.reach(session, step.override_id, reached)
                return AfterReviewState(
                    override_id=step.override_id,
                    wire_id=wire.id,
                    stage=reached,
                    due_at=review.due_at,
                    look_again_at=next_mark(clock, reached),
                )
            if review.finding == Finding.NOT_JUSTIFIED:
                await _tell_of_finding(session, wire, step.override_id)
            return AfterReviewState(
                override_id=step.override_id,
                wire_id=wire.id,
                stage=stage,
                due_at=review.due_at,
                finding=Finding(review.finding),
            )


async def tell_of_proposal(session: AsyncSession, wire: Wire) -> None:
    """Tells the other senior officers of an override that waits for one of them, once."""
    proposed = await overrides.open_override(session, wire.id)
    if proposed is not None:
        await tell_staff(
            session,
            wire,
            permission="wires:high_value",
            event="wire.override_proposed",
            subject="An override of the approval matrix waits for a second senior officer",
            again=str(proposed.id),
            but={proposed.proposed_by},
        )


async def _tell(session: AsyncSession, wire: Wire, override: UUID, stage: SlaStage, but: Collection[UUID]) -> None:
    permission, subject = _STAGE_NOTICE[stage]
    await tell_staff(
        session,
        wire,
        permission=permission,
        event=f"wire.after_review_{stage}",
        subject=subject,
        again=str(override),
        then=_THEN.format(id=override),
        but=but,
    )
    if stage is not SlaStage.RUNNING:
        await wires.tell(session, wire, f"compliance_after_review_{stage}", step=f"override/{override}/{stage}")


async def _tell_of_finding(session: AsyncSession, wire: Wire, override: UUID) -> None:
    for permission in ("wires:high_value", "admin:reports"):
        await tell_staff(
            session,
            wire,
            permission=permission,
            event="wire.override_not_justified",
            subject="An override was found not to have been justified",
            again=str(override),
            then="Who decided it, and why, is in its evidence. The wire",
        )
