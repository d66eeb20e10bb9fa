"""From the order to the decision: screening, routing to officers, the clock of the approval."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.wires import dialogue
from activities.wires.desk import WireDesk, tell_staff
from activities.wires.screening import screened
from infra.database import transaction
from models.screening import Verdict
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
        """Screens a new wire. The listed name or bank itself blocks it; a similar name goes to two officers."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status == WireStatus.PENDING and wire.compliance_status == ComplianceStatus.PENDING:
                hits = await screened(self._desk, session, wire)
                exact = any(hit.verdict is Verdict.EXACT for hit in hits)
                wire.compliance_status = (
                    ComplianceStatus.HIT if exact else ComplianceStatus.IN_REVIEW if hits else ComplianceStatus.CLEAR
                )
                if exact:
                    wire.status = WireStatus.BLOCKED
                    wire.reason_code = "sanctions_hit"
                    await tell_staff(
                        session,
                        wire,
                        permission="admin:compliance",
                        event="wire.blocked",
                        subject="A wire is blocked by a sanctions hit",
                    )
                await session.flush()
                await wires.tell(session, wire, "screened", step="screened", data={"hits": len(hits)})
            return await wires.state(session, wire)

    @activity.defn(name="wire.route")
    async def route(self, step: WireStep) -> WireState:
        """Asks the matrix who has to approve, keeps its answer with the wire, and starts the clock.

        Where nobody has to, the wire is approved: only a clear one, and only by a matrix that says so.
        """
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status == WireStatus.PENDING:
                routing = await self._routed(session, wire, step.at)
                wire.approvals_required, wire.senior_required = len(routing.approvers), routing.senior
                data = {"approvals": wire.approvals_required, "senior": routing.senior, "row": routing.row.name}
                if not routing.approvers:
                    wire.status = WireStatus.APPROVED
                    await session.flush()
                    await wires.tell(session, wire, "approved_by_rule", step="awaiting_approval", data=data)
                    return await wires.state(session, wire)
                clock = sla_clock(await self._desk.desk_hours(session), step.at, self._desk.sla, self._desk.hard_stop)
                wire.sla_started_at, wire.sla_remind_at = clock.started_at, clock.remind_at
                wire.sla_escalate_at, wire.sla_deadline = clock.escalate_at, clock.deadline
                wire.sla_hard_stop, wire.sla_stage = clock.hard_stop, SlaStage.RUNNING
                wire.status = WireStatus.AWAITING_APPROVAL
                await session.flush()
                data |= {"deadline": clock.deadline}
                await wires.tell(session, wire, "awaiting_approval", step="awaiting_approval", data=data)
            return await wires.state(session, wire)

    async def _routed(self, session: AsyncSession, wire: Wire, at: datetime) -> Routing:
        routing = await wires.approvals_needed(
            session,
            ToRoute(
                wire_id=wire.id,
                recipient_bank=wire.recipient_bank_swift or wire.recipient_routing_number or "",
                similar_name=wire.compliance_status != ComplianceStatus.CLEAR,
                **wire.model_dump(include=ToRoute.model_fields.keys() - {"wire_id", "recipient_bank", "similar_name"}),
            ),
            base_currency=self._desk.base_currency,
            fingerprint_key=self._desk.fingerprint_key,
            at=at,
        )
        await wires.keep_routing(session, wire, routing)
        return routing

    @activity.defn(name="wire.review")
    async def review(self, step: WireStep) -> WireState:
        """Looks at an undecided wire: tells of questions and answers, applies every SLA mark that `step.at` has passed,
        the hard stop last.

        A decision that was committed first wins: the row is locked, and nothing but an undecided wire expires.
        """
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status in UNDECIDED and wire.clock is not None:
                await dialogue.tell_of_questions(session, wire)
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
        if stage is SlaStage.EXPIRED:
            wire.status = WireStatus.EXPIRED
            wire.reason_code = "approval_deadline"
            wire.reason_text = "nobody decided before the hard stop"
            await ledger.release_hold(session, "wire", wire.id)
        else:
            permission, subject = _STAGE_NOTICE[stage]
            await tell_staff(session, wire, permission=permission, event=f"wire.{stage}", subject=subject)
        await session.flush()
        await wires.tell(session, wire, f"sla_{stage}", step=f"sla_{stage}", data={"at": at})

    @activity.defn(name="wire.conclude")
    async def conclude(self, step: WireStep) -> WireState:
        """Tells the customer how the wire ended. A blocked one is not told: that would be tipping off."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            notice = _CUSTOMER_NOTICE.get(WireStatus(wire.status))
            if notice:
                subject, body = notice
                # What an officer noted about a name that screening found stays with the staff (decision 0006).
                told = wire.reason_text if wire.compliance_status == ComplianceStatus.CLEAR else None
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
