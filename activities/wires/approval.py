"""From the order to the decision: screening, routing to officers, the clock of the approval."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.wires import compliance, dialogue, overrides
from activities.wires.desk import WireDesk, tell_staff
from activities.wires.screening import screened
from infra.database import transaction
from models.tables import ledger, notifications, wires
from models.tables.wires import Wire
from models.wires import (
    UNDECIDED,
    ComplianceStatus,
    Routing,
    SlaStage,
    ToRoute,
    WireState,
    WireStatus,
    WireStep,
    sla_clock,
    sla_stage_at,
)
from models.wires.compliance import ReportKind

_ORDER: Final = (SlaStage.RUNNING, SlaStage.REMINDED, SlaStage.ESCALATED, SlaStage.BREACHED, SlaStage.EXPIRED)
# What each stage says, and to whom.
_STAGE_NOTICE: Final = {
    SlaStage.REMINDED: ("wires:approve", "A wire is waiting for approval: half of its time is over"),
    SlaStage.ESCALATED: (
        "wires:high_value",
        "A wire is waiting for approval: four fifths of its time are over",
    ),
    SlaStage.BREACHED: ("wires:high_value", "A wire has missed its approval deadline"),
}
_CUSTOMER_NOTICE: Final = {
    WireStatus.COMPLETED: ("Your wire has been paid", "The bank of the recipient has the money."),
    WireStatus.REJECTED: ("Your wire was not approved", "The amount is available to you again."),
    WireStatus.CANCELLED: ("Your wire is cancelled", "The amount is available to you again."),
    WireStatus.EXPIRED: (
        "Your wire could not be approved in time",
        "Nothing was sent. The amount is available to you again; you can order the wire anew.",
    ),
    WireStatus.FAILED: ("Your wire was refused by the bank", "The amount is available to you again."),
    WireStatus.RETURNED: ("Your wire came back", "The amount that came back is on your account."),
}


class ApprovalSteps:
    """The steps up to the decision, and the notice at the end."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="wire.screen")
    async def screen(self, step: WireStep) -> WireState:
        """Screens a new wire. The listed name or bank itself blocks it; a similar one waits for the compliance desk."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status == WireStatus.PENDING and wire.compliance_status == ComplianceStatus.PENDING:
                hits = await screened(self._desk, session, wire)
                await compliance.settle(self._desk, session, wire, step.at)
                await wires.tell(session, wire, "screened", step="screened", data={"hits": len(hits)})
            return await wires.state(session, wire)

    @activity.defn(name="wire.route")
    async def route(self, step: WireStep) -> WireState:
        """Asks the matrix who has to approve, keeps its answer with the wire, and starts the clock.

        Where nobody has to, the wire is approved: only by a matrix that says so. One that was blocked and is cleared
        keeps the approvers and the approvals that it had. Only a wire whose screening is clear is routed.
        """
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status == WireStatus.PENDING and wire.compliance_status == ComplianceStatus.CLEAR:
                first = await wires.routing_of(session, wire.id) is None
                if first:
                    await wires.keep_routing(session, wire, await self._asked(session, wire, step.at))
                routing = await wires.routing_of(session, wire.id)
                wire.approvals_required, wire.senior_required = len(routing.approvers), "senior" in routing.approvers
                data = {
                    "approvals": wire.approvals_required,
                    "senior": wire.senior_required,
                    "row": routing.matrix_row,
                }
                if (await wires.given(session, [wire.id])).get(wire.id, 0) >= wire.approvals_required:
                    wire.status = WireStatus.APPROVED
                    await session.flush()
                    event = "approved_by_rule" if first else "approved_again"
                    await wires.tell(session, wire, event, step="awaiting_approval" if first else None, data=data)
                    return await wires.state(session, wire)
                await self._start_clock(session, wire, step.at)
                data["deadline"] = wire.sla_deadline
                step_name = "awaiting_approval" if first else None
                await wires.tell(session, wire, wire.status, step=step_name, data=data)
            return await wires.state(session, wire)

    async def _start_clock(self, session: AsyncSession, wire: Wire, at: datetime) -> None:
        clock = sla_clock(await self._desk.desk_hours(session), at, self._desk.sla, self._desk.hard_stop)
        wire.sla_started_at, wire.sla_remind_at = clock.started_at, clock.remind_at
        wire.sla_escalate_at, wire.sla_deadline = clock.escalate_at, clock.deadline
        wire.sla_hard_stop, wire.sla_stage = clock.hard_stop, SlaStage.RUNNING
        # A question that was open when the wire was blocked is open still.
        asked = any(one.answer is None for one in await wires.questions(session, wire.id))
        wire.status = WireStatus.INFO_REQUESTED if asked else WireStatus.AWAITING_APPROVAL
        await session.flush()

    async def _asked(self, session: AsyncSession, wire: Wire, at: datetime) -> Routing:
        return await wires.approvals_needed(
            session,
            ToRoute(
                wire_id=wire.id,
                recipient_bank=wire.recipient_bank_swift or wire.recipient_routing_number or "",
                # What was cleared by hand takes the approvers of a similar name (reference/banking.md §6.6).
                similar_name=any(hit.known is None for hit in await wires.hits(session, wire.id)),
                **wire.model_dump(include=ToRoute.model_fields.keys() - {"wire_id", "recipient_bank", "similar_name"}),
            ),
            base_currency=self._desk.base_currency,
            fingerprint_key=self._desk.fingerprint_key,
            at=at,
        )

    @activity.defn(name="wire.review")
    async def review(self, step: WireStep) -> WireState:
        """Looks at an undecided wire: tells of questions and answers, applies every SLA mark that `step.at` has passed,
        the hard stop last.

        A decision that was committed first wins: the row is locked, and nothing but an undecided wire expires.
        """
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status in UNDECIDED:
                await compliance.look_again(self._desk, session, wire, step.at)
            if wire.status in UNDECIDED and wire.clock is not None:
                await dialogue.tell_of_questions(session, wire)
                await overrides.tell_of_proposal(session, wire)
                await dialogue.tell_of_denial(session, wire)
                if wire.status == WireStatus.AWAITING_APPROVAL:
                    await dialogue.credit_answers(session, wire, await self._desk.desk_hours(session))
                    await dialogue.drop_absent_assignee(session, wire)
                reached = sla_stage_at(wire.clock, step.at)
                if wire.status == WireStatus.INFO_REQUESTED and reached is not SlaStage.EXPIRED:
                    return await wires.state(session, wire)
                for stage in _ORDER[_ORDER.index(SlaStage(wire.sla_stage)) + 1 : _ORDER.index(reached) + 1]:
                    await self._reach(session, wire, stage, step.at)
            return await wires.state(session, wire)

    async def _reach(self, session: AsyncSession, wire: Wire, stage: SlaStage, at: datetime) -> None:
        wire.sla_stage = stage
        assert wire.sla_started_at is not None
        # A wire that was blocked and is cleared gets another clock, which says all of it again.
        clock = wire.sla_started_at.isoformat()
        if stage is SlaStage.EXPIRED:
            wire.status = WireStatus.EXPIRED
            wire.reason_code = "approval_deadline"
            wire.reason_text = "nobody decided before the hard stop"
            await ledger.release_hold(session, "wire", wire.id)
        else:
            permission, subject = _STAGE_NOTICE[stage]
            await tell_staff(session, wire, permission=permission, event=f"wire.{stage}", subject=subject, again=clock)
        await session.flush()
        await wires.tell(session, wire, f"sla_{stage}", step=f"sla_{stage}/{clock}", data={"at": at})

    @activity.defn(name="wire.conclude")
    async def conclude(self, step: WireStep) -> WireState:
        """Tells the customer how the wire ended. A blocked one is not told: that would be tipping off."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            notice = _CUSTOMER_NOTICE.get(WireStatus(wire.status))
            if notice:
                subject, body = notice
                if wire.status == WireStatus.REJECTED and wire.compliance_status == ComplianceStatus.HIT:
                    await compliance.owe_report(self._desk, session, wire, ReportKind.REJECTED, step.at)
                # What an officer noted about a name that screening found stays with the staff (decision 0006).
                withheld = wire.reason_withheld or wire.compliance_status != ComplianceStatus.CLEAR
                told = None if withheld else wire.reason_text
                reason = f"\nReason: {told or wire.reason_code}" if wire.reason_code else ""
                await notifications.tell(
                    session,
                    user_id=wire.user_id,
                    key=f"wire/{wire.id}/{wire.status}",
                    event=f"wire.{wire.status}",
                    subject=subject,
                    body=f"{body}{reason}\n\nWire {wire.end_to_end_id}\n",
                )
            return await wires.state(session, wire)
