"""What people do to a wire: order it, approve it, reject it, cancel it.

Each act is one transaction of the caller: the row is locked, the rule is asked, and the decision, the new status, the
money, the timeline and the outbox row are written together (design §1). Whoever comes second sees what was decided.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import (
    AlreadyDecided,
    ContentChanged,
    DeadlinePassed,
    FourEyes,
    NotFound,
    RuleRefused,
    WrongState,
)
from models.money import written
from models.tables import ledger
from models.tables.limits import use_limits
from models.tables.outbox import enqueue
from models.tables.wires.quotes import TERMS, WIRE, quote
from models.tables.wires.rows import Wire, WireApproval, approvals, find, locked, tell
from models.wires import (
    UNDECIDED,
    ComplianceStatus,
    Mover,
    SlaStage,
    WireOrder,
    WireStatus,
    WireTerms,
    content_hash,
    decimals,
    end_to_end_id,
    may_move,
)


async def place(
    session: AsyncSession,
    maker: UUID,
    order: WireOrder,
    *,
    at: datetime | None = None,
    terms: WireTerms = TERMS,
    request_id: str | None = None,
) -> Wire:
    """Orders a wire, `at` that moment or now: stores it, sets its money aside, uses up its part of the limits, and asks
    for its process.

    Raises what `quote` does, `InsufficientFunds` and `LimitExceeded`; then nothing is stored. Whoever lacks both money
    and room is told of the money. Locks are taken in one order: the person, then the account.
    """
    quoted = await quote(session, maker, order, terms=terms, at=at or datetime.now(UTC), lock=True)
    cost = quoted.price
    wire_id = uuid7()
    content = order.model_dump(mode="json") | cost.model_dump()
    wire = Wire(
        **order.model_dump(exclude={"charges", "recipient_address"}),
        **cost.model_dump(),
        id=wire_id,
        user_id=maker,
        charges=order.charges,
        recipient_address=content["recipient_address"],
        exponent=decimals(order.currency),
        uetr=uuid4(),
        end_to_end_id=end_to_end_id(wire_id),
        content_hash=content_hash(content),
    )
    session.add(wire)
    await session.flush()
    await ledger.place_hold(session, wire.sender_account_id, wire.money.debited_minor, "wire", wire.id, maker)
    await use_limits(
        session,
        maker,
        WIRE,
        quoted.limits,
        amount_minor=wire.amount_minor,
        currency=wire.currency,
        transaction_id=wire.id,
    )
    await tell(session, wire, "ordered", actor="customer", actor_id=maker, step="ordered")
    await _wake(session, wire, request_id)
    return wire


async def approve(
    session: AsyncSession,
    wire_id: UUID,
    officer: UUID,
    *,
    senior: bool,
    comment: str = "",
    request_id: str | None = None,
) -> Wire:
    """One officer's approval. With the last one that is needed the wire is approved.

    Raises `NotFound`, `FourEyes` (the maker), `WrongState`, `DeadlinePassed`, `AlreadyDecided`, `ContentChanged`, and
    `RuleRefused` when a similar listed name is to be passed without a reason.
    """
    wire = await _to_decide(session, wire_id, officer)
    if wire.status != WireStatus.AWAITING_APPROVAL:
        raise WrongState(f"the wire is {wire.status}; only one that is awaiting approval can be approved")
    if wire.sla_hard_stop is not None and datetime.now(UTC) >= wire.sla_hard_stop:
        raise DeadlinePassed("the hard stop of this wire is over; it expires")
    if wire.compliance_status == ComplianceStatus.IN_REVIEW and not comment.strip():
        raise RuleRefused("screening found a similar listed name: say in the comment why it is not meant")
    await _decide(session, wire, officer, "approve", senior=senior, comment=comment)
    given = [decision for decision in await approvals(session, wire.id) if decision.decision == "approve"]
    enough = len(given) >= wire.approvals_required
    if enough and (not wire.senior_required or any(decision.senior for decision in given)):
        wire.status = WireStatus.APPROVED
        wire.approved_by, wire.approved_at = officer, datetime.now(UTC)
        wire.sla_stage = SlaStage.MET
        await session.flush()
    data = {"given": len(given), "required": wire.approvals_required, "comment": comment}
    await tell(session, wire, "approval_given", actor="officer", actor_id=officer, data=data)
    await _wake(session, wire, request_id)
    return wire


async def reject(
    session: AsyncSession, wire_id: UUID, officer: UUID, *, senior: bool, reason: str, request_id: str | None = None
) -> Wire:
    """An officer's refusal: one is enough. The money is available again when this commits.

    Raises `NotFound`, `FourEyes`, `WrongState`, `AlreadyDecided`, `ContentChanged`.
    """
    wire = await _to_decide(session, wire_id, officer)
    if wire.status not in UNDECIDED:
        raise WrongState(f"the wire is {wire.status}; only one that is not decided yet can be rejected")
    await _decide(session, wire, officer, "reject", senior=senior, comment=reason)
    wire.status = WireStatus.REJECTED
    wire.reason_code, wire.reason_text = "rejected_by_officer", reason
    wire.sla_stage = SlaStage.MET
    await session.flush()
    await ledger.release_hold(session, "wire", wire.id)
    await tell(session, wire, "rejected", actor="officer", actor_id=officer, data={"reason": reason})
    await _wake(session, wire, request_id)
    return wire


async def cancel(session: AsyncSession, wire_id: UUID, customer: UUID, *, request_id: str | None = None) -> Wire:
    """The customer takes a wire back. Possible until it is released to the bank; then it takes a recall.

    Raises `NotFound` (somebody else's, too) and `WrongState`.
    """
    wire = await find(session, wire_id)
    if wire.user_id != customer:
        raise NotFound("there is no such wire")
    wire = await locked(session, wire_id)
    if not may_move(WireStatus(wire.status), WireStatus.CANCELLED, Mover.PERSON):
        raise WrongState(f"the wire is {wire.status} and can no longer be cancelled")
    wire.status = WireStatus.CANCELLED
    wire.reason_code = "cancelled_by_customer"
    await session.flush()
    await ledger.release_hold(session, "wire", wire.id)
    await tell(session, wire, "cancelled", actor="customer", actor_id=customer)
    await _wake(session, wire, request_id)
    return wire


async def _to_decide(session: AsyncSession, wire_id: UUID, officer: UUID) -> Wire:
    # Looked at before it is locked: row level security hides the maker's own wire from the lock, and a plain "not
    # found" would not say why.
    if (await find(session, wire_id)).user_id == officer:
        raise FourEyes("you ordered this wire; somebody else decides about it")
    return await locked(session, wire_id)


async def _decide(
    session: AsyncSession, wire: Wire, officer: UUID, decision: str, *, senior: bool, comment: str
) -> None:
    if any(earlier.officer_id == officer for earlier in await approvals(session, wire.id)):
        raise AlreadyDecided("you have decided about this wire before")
    if content_hash(ordered(wire)) != wire.content_hash:
        raise ContentChanged("the wire does not say what was ordered; it cannot be decided about")
    session.add(
        WireApproval(
            wire_id=wire.id,
            maker_id=wire.user_id,
            officer_id=officer,
            decision=decision,
            senior=senior,
            content_hash=wire.content_hash,
            comment=comment,
        )
    )
    await session.flush()


def ordered(wire: Wire) -> dict[str, object]:
    """What a stored wire orders, in the form that its content hash was made of."""
    order = WireOrder.model_validate(wire, from_attributes=True)
    return order.model_dump(mode="json") | {"fee_minor": wire.fee_minor, "deducted_minor": wire.deducted_minor}


async def _wake(session: AsyncSession, wire: Wire, request_id: str | None) -> None:
    await enqueue(
        session,
        workflow="wire",
        workflow_id=f"wire/{wire.id}",
        argument=wire.start.model_dump(mode="json"),
        summary=written(wire.amount_minor, wire.currency),
        request_id=request_id,
    )
