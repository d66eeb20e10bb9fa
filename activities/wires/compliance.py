"""What follows from what screening found: a wire that waits for the compliance desk, one that is blocked, seized, given
back; and the clock of the desk's review.

A sure hit, or one that two officers have confirmed, blocks a wire wherever it stands before its release. A likeness
keeps it where it stands until every hit is cleared. Nothing is ever cleared by a clock.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.wires.desk import WireDesk, tell_staff
from activities.wires.screening import screened
from infra.database import transaction
from models.calendars import release
from models.ledger import InternalPurpose
from models.money import written
from models.screening import Verdict
from models.sla import SlaStage, sla_stage_at
from models.tables import ledger, sanctions, wires
from models.tables.wires import Wire, blocked, cases, compliance
from models.wires import ComplianceStatus, WireState, WireStatus, WireStep
from models.wires.compliance import REVIEWABLE, HitState, ReportKind, Ruling, report_due, review_clock
from models.wires.entries import licence_entry, licence_interest_entry, seizure_entry
from models.wires.interest import closing_days

_ORDER: Final = (SlaStage.RUNNING, SlaStage.REMINDED, SlaStage.ESCALATED, SlaStage.BREACHED, SlaStage.EXPIRED)
_STAGE_NOTICE: Final = {
    SlaStage.REMINDED: ("admin:compliance", "Screening of a wire is open: half of its time is over"),
    SlaStage.ESCALATED: ("wires:high_value", "Screening of a wire is open: four fifths of its time are over"),
    SlaStage.BREACHED: ("wires:high_value", "Screening of a wire was not decided in time"),
}
# Before a report of blocked property is due, and when it is overdue, the desk is told.
_REPORT_REMINDER: Final = timedelta(days=3)
_REPORT: Final = text("SELECT due_on, filed_at FROM sanctions_reports WHERE wire_id = :wire_id AND kind = 'blocked'")


class ComplianceSteps:
    """The step of a wire that waits for the compliance desk."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="wire.review_case")
    async def review_case(self, step: WireStep) -> WireState:
        """Looks at a wire whose hits are open, or that is blocked: screens it again if a list has changed, applies the
        marks of the review's clock that `step.at` has passed, and books what two officers have ruled about its money.
        """
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            if wire.status not in {WireStatus.PENDING, WireStatus.BLOCKED}:
                return await wires.state(session, wire)
            if wire.transaction_id is None:
                await look_again(self._desk, session, wire, step.at)
            await self._carry_out(session, wire, step.at)
            report = await self._remind_of_report(session, wire, step.at)
            return await wires.state(session, wire, look_again_at=report)

    async def _carry_out(self, session: AsyncSession, wire: Wire, at: datetime) -> None:
        if wire.status != WireStatus.BLOCKED:
            return
        if wire.transaction_id is None and await compliance.ruled(session, wire.id, Ruling.SEIZE) is not None:
            await self._seize(session, wire, at)
        elif wire.transaction_id is not None:
            licensed = await compliance.ruled(session, wire.id, Ruling.RELEASE)
            if licensed is not None:
                await self._give_back(session, wire, at, licensed.licence)

    async def _seize(self, session: AsyncSession, wire: Wire, at: datetime) -> None:
        hold = await ledger.hold_of(session, "wire", wire.id)
        assert hold is not None
        entry = seizure_entry(
            wire.money,
            hold_id=hold.id,
            blocked=await ledger.internal_account(session, InternalPurpose.BLOCKED, wire.currency),
            value_date=at.astimezone(UTC).date(),
        )
        posted = await ledger.post_one(session, entry)
        wire.transaction_id, wire.compliance_status = posted.transaction_id, ComplianceStatus.BLOCKED
        await session.flush()
        await session.execute(
            text(
                "INSERT INTO blocked_property (wire_id, maker_id, transaction_id, amount_minor, currency, blocked_at)"
                " VALUES (:wire_id, :maker_id, :transaction_id, :amount, :currency, :at)"
            ),
            {
                "wire_id": wire.id,
                "maker_id": wire.user_id,
                "transaction_id": posted.transaction_id,
                "amount": wire.amount_minor,
                "currency": wire.currency,
                "at": at,
            },
        )
        due_on = await owe_report(self._desk, session, wire, ReportKind.BLOCKED, at)
        await wires.tell(session, wire, "compliance_seized", step="seized", data={"report_due": due_on})

    async def _give_back(self, session: AsyncSession, wire: Wire, at: datetime, licence: str) -> None:
        account = await ledger.internal_account(session, InternalPurpose.BLOCKED, wire.currency)
        day = at.astimezone(UTC).date()
        interest, _ = await blocked.book_interest(session, wire.id, partial(closing_days, last=day))
        posted = await ledger.post_one(session, licence_entry(wire.money, blocked=account, value_date=day))
        if interest:
            earned = licence_interest_entry(wire.money, interest_minor=interest, blocked=account, value_date=day)
            await ledger.post_one(session, earned)
        wire.status, wire.reason_code, wire.reason_text = WireStatus.RETURNED, None, None
        await session.flush()
        await session.execute(
            text(
                "UPDATE blocked_property SET released_at = :at, release_id = :release_id, licence = :licence"
                " WHERE wire_id = :wire_id"
            ),
            {"at": at, "release_id": posted.transaction_id, "licence": licence, "wire_id": wire.id},
        )
        await wires.tell(
            session,
            wire,
            "returned",
            step="returned",
            data={"licence": licence, "interest": written(interest, wire.currency)},
        )

    async def _remind_of_report(self, session: AsyncSession, wire: Wire, at: datetime) -> datetime | None:
        """Tells the desk of a report that is due soon or overdue, each once; when to look again."""
        report = (await session.execute(_REPORT, {"wire_id": wire.id})).one_or_none()
        if wire.status != WireStatus.BLOCKED or report is None or report.filed_at is not None:
            return None
        due = datetime.combine(report.due_on, datetime.min.time(), UTC)
        soon, overdue = due - _REPORT_REMINDER, due + timedelta(days=1)
        for mark, event, permission, subject in (
            (soon, "wire.report_due", "admin:compliance", "The report of blocked property is due soon"),
            (overdue, "wire.report_overdue", "wires:high_value", "The report of blocked property is overdue"),
        ):
            if at < mark:
                return mark
            await tell_staff(session, wire, permission=permission, event=event, subject=subject)
        return None


async def owe_report(desk: WireDesk, session: AsyncSession, wire: Wire, kind: ReportKind, at: datetime) -> str:
    """Keeps that the authority has to be told of what happened at `at`; by when, as an ISO date."""
    due_on = report_due(await desk.rail_hours(session, wire.currency), at)
    await cases.owe_report(session, wire, kind, at, due_on)
    return due_on.isoformat()


async def look_again(desk: WireDesk, session: AsyncSession, wire: Wire, at: datetime) -> None:
    """Screens a wire again if a list has changed since, settles what was found, and applies the marks of the desk's
    review. The wire's row is locked by the caller."""
    if wire.status not in REVIEWABLE:
        return
    if wire.compliance_status != ComplianceStatus.PENDING and await sanctions.version(session) != wire.list_version:
        await screened(desk, session, wire)
    await settle(desk, session, wire, at)
    await _apply_marks(session, wire, at)


async def settle(desk: WireDesk, session: AsyncSession, wire: Wire, at: datetime) -> None:
    """Makes the state of a wire what its hits say."""
    if wire.status == WireStatus.BLOCKED:
        return
    hits = await compliance.unsettled(session, wire.id)
    if not hits:
        wire.compliance_status = ComplianceStatus.CLEAR
        await session.flush()
    elif any(hit.verdict == Verdict.EXACT or hit.state == HitState.CONFIRMED for hit in hits):
        await _block(desk, session, wire, at)
    elif wire.compliance_status != ComplianceStatus.IN_REVIEW:
        wire.compliance_status = ComplianceStatus.IN_REVIEW
        await session.flush()
        await _begin(desk, session, wire, at, "wire.in_review", "Screening found something similar to a listed name")
        await wires.tell(session, wire, "compliance_in_review", data={"hits": len(hits)})


async def _block(desk: WireDesk, session: AsyncSession, wire: Wire, at: datetime) -> None:
    approved = wire.status == WireStatus.APPROVED
    first = wire.compliance_status == ComplianceStatus.PENDING
    wire.status, wire.compliance_status = WireStatus.BLOCKED, ComplianceStatus.HIT
    wire.reason_code = "sanctions_hit_at_release" if approved else "sanctions_hit"
    await session.flush()
    subject = "An approved wire is blocked: " if approved else "A wire is blocked by "
    subject += "the sanctions lists have changed" if approved else "a sanctions hit"
    await _begin(desk, session, wire, at, "wire.blocked", subject)
    if not first:
        await wires.tell(session, wire, "blocked_at_release" if approved else "blocked")


async def _begin(desk: WireDesk, session: AsyncSession, wire: Wire, at: datetime, event: str, subject: str) -> None:
    """Opens the case, and tells the desk."""
    leaves = release(await desk.rail_hours(session, wire.currency), at, wire.execution_date)
    blocked = wire.status == WireStatus.BLOCKED
    clock = review_clock(
        await desk.desk_hours(session),
        at,
        span=desk.screening,
        cut_off=leaves.cut_off,
        hard_stop=None if blocked else desk.hard_stop,
    )
    await cases.begin_case(session, wire, clock)
    case = await cases.open_case(session, wire.id)
    await tell_staff(session, wire, permission="admin:compliance", event=event, subject=subject, again=str(case.id))


async def _apply_marks(session: AsyncSession, wire: Wire, at: datetime) -> None:
    case = await cases.open_case(session, wire.id)
    if case is None:
        return
    reached = sla_stage_at(cases.clock_of(case), at)
    for stage in _ORDER[_ORDER.index(SlaStage(case.stage)) + 1 : _ORDER.index(reached) + 1]:
        await cases.reach(session, case.id, stage)
        if stage is SlaStage.EXPIRED:
            await _expire(session, wire, at)
            continue
        permission, subject = _STAGE_NOTICE[stage]
        await tell_staff(
            session, wire, permission=permission, event=f"wire.screening_{stage}", subject=subject, again=str(case.id)
        )
        await wires.tell(session, wire, f"compliance_{stage}", step=f"case/{case.id}/{stage}", data={"at": at})


async def _expire(session: AsyncSession, wire: Wire, at: datetime) -> None:
    # By the same code as a wire that no approver has looked at: it does not tell which desk was late.
    wire.status, wire.reason_code = WireStatus.EXPIRED, "approval_deadline"
    wire.reason_text = "screening was not decided before the hard stop"
    await ledger.release_hold(session, "wire", wire.id)
    await session.flush()
    await wires.tell(session, wire, "sla_expired", step="sla_expired", data={"at": at})
