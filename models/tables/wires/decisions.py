"""What officers decide about a wire: approve it, reject it.

Each is one transaction of the caller: the row is locked, the rule is asked, and the decision, the new status, the
money, the timeline and the outbox row are written together (design §1). Whoever comes second sees what was decided.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import AlreadyDecided, ContentChanged, DeadlinePassed, WrongState
from models.tables import ledger
from models.tables.wires.approvers import check_eyes, check_limit, roles_for
from models.tables.wires.call_backs import check_called_back, check_not_alone
from models.tables.wires.routing import routing_of
from models.tables.wires.rows import Wire, WireApproval, approvals, hits, tell
from models.tables.wires.snapshot import snapshot, snapshot_hash
from models.tables.wires.waking import to_decide, wake
from models.wires import (
    UNDECIDED,
    Approver,
    ComplianceStatus,
    SlaStage,
    WireOrder,
    WireStatus,
    content_hash,
    place_for,
)
from models.wires.compliance import ScreeningOpen
from models.wires.eyes import EvidenceChanged, NotYourTurn


async def approve(
    session: AsyncSession,
    wire_id: UUID,
    officer: UUID,
    *,
    senior: bool,
    rights: frozenset[str] = frozenset(),
    on_behalf_of: UUID | None = None,
    seen: bytes | None = None,
    comment: str = "",
    request_id: str | None = None,
) -> Wire:
    """One officer's approval, which fills a place of the wire's routing. With the last place the wire is approved.

    An officer whom none of the open places is for approves too, and fills none. `seen` is the hash of the evidence that
    the officer looked at. Raises `NotFound`, `FourEyes`, `WrongState`, `DeadlinePassed`, `AlreadyDecided`,
    `ContentChanged`, `EvidenceChanged`, `NotDelegated`, `NotYourTurn`, `ApproverLimitExceeded`, `CallBackMissing`, and
    `ScreeningOpen` while the compliance desk has not decided what screening found.
    """
    wire = await to_decide(session, wire_id, officer)
    check_approvable(wire)
    earlier = await approvals(session, wire.id)
    _check_undecided(wire, officer, earlier)
    held = rights | {"wires:approve"} | ({"wires:high_value"} if senior else set())
    roles = await roles_for(session, officer, held, on_behalf_of)
    await check_eyes(session, wire, officer, on_behalf_of, earlier, datetime.now(UTC))
    routing = await routing_of(session, wire.id)
    await check_called_back(session, wire, routing)
    place = _place(routing, earlier, roles)
    if place is not None:
        await check_limit(session, on_behalf_of or officer, routing.amount_base_minor, routing.base_currency)
    decision = await _decision(session, wire, officer, "approve", senior=senior, comment=comment)
    if seen is not None and seen != decision.evidence_hash:
        raise EvidenceChanged("look at the wire again: its findings, its answers or its routing are not what you saw")
    decision.place, decision.on_behalf_of, decision.base_minor = place, on_behalf_of, routing.amount_base_minor
    session.add(decision)
    await session.flush()
    given = sum(one.place is not None for one in (*earlier, decision))
    if given == wire.approvals_required:
        await check_not_alone(session, wire, routing, [*earlier, decision])
        wire.status = WireStatus.APPROVED
        wire.approved_by, wire.approved_at = officer, datetime.now(UTC)
        wire.sla_stage = SlaStage.MET
        await session.flush()
    fills = None if place is None else routing.approvers[place - 1]
    lent = {"on_behalf_of": on_behalf_of} if on_behalf_of else {}
    data = {"given": given, "required": wire.approvals_required, "comment": comment, "fills": fills, **lent}
    await tell(session, wire, "approval_given", actor="officer", actor_id=officer, data=data)
    await wake(session, wire, request_id)
    return wire


async def reject(
    session: AsyncSession, wire_id: UUID, officer: UUID, *, senior: bool, reason: str, request_id: str | None = None
) -> Wire:
    """An officer's refusal: one is enough. The money is available again when this commits.

    Raises `NotFound`, `FourEyes`, `WrongState`, `AlreadyDecided`, `ContentChanged`, and `ScreeningOpen` where a hit is
    confirmed: then its money is for the compliance desk to decide about.
    """
    wire = await to_decide(session, wire_id, officer)
    if wire.status not in UNDECIDED:
        raise WrongState(f"the wire is {wire.status}; only one that is not decided yet can be rejected")
    if wire.compliance_status == ComplianceStatus.HIT:
        raise ScreeningOpen("a hit of this wire is confirmed; the compliance desk decides about its money")
    _check_undecided(wire, officer, await approvals(session, wire.id))
    session.add(await _decision(session, wire, officer, "reject", senior=senior, comment=reason))
    await session.flush()
    wire.status = WireStatus.REJECTED
    wire.reason_code, wire.reason_text = "rejected_by_officer", reason
    wire.reason_withheld = any(hit.known is None for hit in await hits(session, wire.id))
    wire.sla_stage = SlaStage.MET
    await session.flush()
    await ledger.release_hold(session, "wire", wire.id)
    await tell(session, wire, "rejected", actor="officer", actor_id=officer, data={"reason": reason})
    await wake(session, wire, request_id)
    return wire


def ordered(wire: Wire) -> dict[str, object]:
    """What a stored wire orders, in the form that its content hash was made of."""
    order = WireOrder.model_validate(wire, from_attributes=True)
    return order.model_dump(mode="json") | {"fee_minor": wire.fee_minor, "deducted_minor": wire.deducted_minor}


async def _decision(
    session: AsyncSession, wire: Wire, officer: UUID, decision: str, *, senior: bool, comment: str
) -> WireApproval:
    looked_at = await snapshot(session, wire)
    return WireApproval(
        wire_id=wire.id,
        maker_id=wire.user_id,
        officer_id=officer,
        decision=decision,
        senior=senior,
        content_hash=wire.content_hash,
        comment=comment,
        evidence=looked_at,
        evidence_hash=snapshot_hash(looked_at),
    )


def check_approvable(wire: Wire) -> None:
    """Raises `WrongState`, `ScreeningOpen` and `DeadlinePassed` where a wire does not wait for approval now."""
    if wire.status != WireStatus.AWAITING_APPROVAL:
        raise WrongState(f"the wire is {wire.status}; only one that is awaiting approval can be approved")
    if wire.compliance_status != ComplianceStatus.CLEAR:
        raise ScreeningOpen("screening found something that the compliance desk has not decided about yet")
    if wire.sla_hard_stop is not None and datetime.now(UTC) >= wire.sla_hard_stop:
        raise DeadlinePassed("the hard stop of this wire is over; it expires")


def _check_undecided(wire: Wire, officer: UUID, earlier: Sequence[WireApproval]) -> None:
    if any(decision.officer_id == officer for decision in earlier):
        raise AlreadyDecided("you have decided about this wire before")
    check_content(wire)


def check_content(wire: Wire) -> None:
    """Raises `ContentChanged` for a wire that does not say what was ordered."""
    if content_hash(ordered(wire)) != wire.content_hash:
        raise ContentChanged("the wire does not say what was ordered; it cannot be decided about")


def _place(routing: Any, earlier: Sequence[WireApproval], roles: set[Approver]) -> int | None:
    wanted = [Approver(role) for role in routing.approvers]
    filled = [approval.place for approval in earlier if approval.place is not None]
    place = place_for(wanted, filled, roles, in_order=routing.in_order)
    if place is None and place_for(wanted, filled, roles, in_order=False) is not None:
        due = next(role for number, role in enumerate(wanted, start=1) if number not in filled)
        raise NotYourTurn(f"the approvers of this wire decide in an order; it is for {due} to decide now")
    return place
