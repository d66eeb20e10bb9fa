"""Emergency overrides of the approval matrix, and the look at them afterwards, as they are kept.

Each act is one transaction of the caller: the row is locked, the rule is asked, and the override, its after-review, the
new status, the timeline and the outbox rows are written together (design §1). The database refuses whatever is refused
here (`app.guard_override`, `app.guard_after_review`, `app.guard_wire`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import AlreadyDecided, FourEyes, NotFound
from models.sla import SlaClock, SlaStage
from models.tables.outbox import enqueue
from models.tables.wires.approvers import check_limit, same_eyes
from models.tables.wires.call_backs import check_called_back
from models.tables.wires.decisions import check_approvable, check_content
from models.tables.wires.routing import routing_of
from models.tables.wires.rows import Wire, tell
from models.tables.wires.snapshot import snapshot, snapshot_hash
from models.tables.wires.waking import to_decide, wake
from models.wires import WireStatus
from models.wires.eyes import EvidenceChanged
from models.wires.overrides import AfterReviewStart, Finding, OverrideProposed

_OF_WIRE: Final = text(
    "SELECT o.*, r.due_at, r.stage, r.finding, r.note, r.closed_by, r.closed_at FROM wire_overrides o"
    " LEFT JOIN wire_after_reviews r ON r.override_id = o.id WHERE o.wire_id = :wire_id ORDER BY o.proposed_at, o.id"
)
_AFTER_REVIEWS: Final = text(
    "SELECT r.*, o.wire_id, o.reason, o.passed_over, o.proposed_by, o.confirmed_by, o.confirmed_at, w.status,"
    " w.amount_minor, w.currency, w.recipient_name FROM wire_after_reviews r"
    " JOIN wire_overrides o ON o.id = r.override_id JOIN wire_transfers w ON w.id = o.wire_id"
    " WHERE NOT :only_open OR r.closed_at IS NULL ORDER BY r.closed_at IS NOT NULL, r.due_at, r.override_id"
    " LIMIT :limit OFFSET :offset"
)
_COUNT: Final = text("SELECT count(*) FROM wire_after_reviews WHERE NOT :only_open OR closed_at IS NULL")
_REVIEW: Final = text(
    "SELECT r.*, o.wire_id, o.maker_id, o.proposed_by, o.confirmed_by, o.confirmed_at FROM wire_after_reviews r"
    " JOIN wire_overrides o ON o.id = r.override_id WHERE r.override_id = :id"
)
_PART: Final = text(
    "SELECT officer_id FROM wire_approvals WHERE wire_id = :wire_id UNION SELECT on_behalf_of FROM wire_approvals"
    " WHERE wire_id = :wire_id AND on_behalf_of IS NOT NULL ORDER BY 1"
)


@dataclass(frozen=True)
class Senior:
    """A senior officer, and the hash of the evidence that they looked at, where they named it."""

    id: UUID
    seen: bytes | None = None


async def overrides(session: AsyncSession, wire_id: UUID) -> Sequence[Any]:
    """The overrides of a wire in order, with their after-reviews; those that were withdrawn or wait too."""
    return (await session.execute(_OF_WIRE, {"wire_id": wire_id})).all()


async def open_override(session: AsyncSession, wire_id: UUID) -> Any:
    """The override that is proposed and waits for a second senior officer, None where there is none."""
    found = await overrides(session, wire_id)
    return next((one for one in found if one.confirmed_at is None and one.withdrawn_at is None), None)


async def propose_override(
    session: AsyncSession, wire_id: UUID, officer: Senior, *, reason: str, request_id: str | None = None
) -> Wire:
    """A senior officer proposes to approve a wire without the approvers who are missing. Again, changes nothing.

    Raises `NotFound`, `FourEyes`, `WrongState`, `ScreeningOpen`, `DeadlinePassed`, `ContentChanged`, `EvidenceChanged`,
    `ApproverLimitExceeded`, `CallBackMissing`, and `OverrideProposed` where another officer has proposed one.
    """
    wire = await _overridable(session, wire_id, officer)
    proposed = await open_override(session, wire.id)
    if proposed is not None and proposed.proposed_by == officer.id:
        return wire
    if proposed is not None:
        raise OverrideProposed("another senior officer has proposed it: confirm that, or withdraw it")
    routing = await routing_of(session, wire.id)
    await check_limit(session, officer.id, routing.amount_base_minor, routing.base_currency)
    looked_at = await snapshot(session, wire)
    _check_seen(officer, snapshot_hash(looked_at))
    await session.execute(
        text(
            "INSERT INTO wire_overrides (id, wire_id, maker_id, content_hash, reason, evidence, evidence_hash,"
            " base_minor, proposed_by) VALUES (:id, :wire_id, :maker_id, :content_hash, :reason, :evidence,"
            " :evidence_hash, :base_minor, :officer)"
        ),
        {
            "id": uuid7(),
            "wire_id": wire.id,
            "maker_id": wire.user_id,
            "content_hash": wire.content_hash,
            "reason": reason,
            "evidence": looked_at,
            "evidence_hash": snapshot_hash(looked_at),
            "base_minor": routing.amount_base_minor,
            "officer": officer.id,
        },
    )
    await _tell(session, wire, "proposed", officer, {"reason": reason})
    await wake(session, wire, request_id)
    return wire


async def confirm_override(
    session: AsyncSession, wire_id: UUID, officer: Senior, clock: SlaClock, *, request_id: str | None = None
) -> Wire:
    """The second senior officer's word: the wire is approved, and its after-review is open, with that clock.

    Raises what `propose_override` does, and `NotFound` where nothing is proposed.
    """
    wire = await _overridable(session, wire_id, officer)
    proposal = await open_override(session, wire.id)
    if proposal is None:
        raise NotFound("no override is proposed that could be confirmed")
    if proposal.proposed_by == officer.id:
        raise FourEyes("you proposed this; another senior officer confirms it")
    if await same_eyes(session, proposal.proposed_by, officer.id, proposal.proposed_at):
        raise FourEyes("whoever proposed this lends you their right, or you lend them yours")
    if snapshot_hash(await snapshot(session, wire)) != proposal.evidence_hash:
        raise EvidenceChanged(
            "there is something new about the wire since it was proposed: withdraw it, propose it anew"
        )
    _check_seen(officer, proposal.evidence_hash)
    routing = await routing_of(session, wire.id)
    # In one order for everybody, so that two who confirm for each other do not wait for each other.
    for person in sorted((proposal.proposed_by, officer.id)):
        await check_limit(session, person, routing.amount_base_minor, routing.base_currency)
    await session.execute(
        text("UPDATE wire_overrides SET confirmed_by = :officer WHERE id = :id"),
        {"officer": officer.id, "id": proposal.id},
    )
    await _open_review(session, proposal.id, clock)
    wire.status = WireStatus.APPROVED
    wire.approved_by, wire.approved_at = officer.id, datetime.now(UTC)
    wire.sla_stage = SlaStage.MET
    await session.flush()
    await _tell(session, wire, "confirmed", officer, {"reason": proposal.reason, "review_due": clock.deadline})
    await tell(session, wire, "approval_given", actor="officer", actor_id=officer.id, data={"override": proposal.id})
    await wake(session, wire, request_id)
    await _wake_review(session, proposal.id, wire.id, request_id)
    return wire


async def withdraw_override(
    session: AsyncSession, wire_id: UUID, officer: Senior, *, request_id: str | None = None
) -> Wire:
    """A senior officer takes a proposal back, their own or another one's. Raises `NotFound` and `FourEyes`."""
    wire = await to_decide(session, wire_id, officer.id)
    proposal = await open_override(session, wire.id)
    if proposal is None:
        raise NotFound("no override is proposed that could be withdrawn")
    await session.execute(
        text("UPDATE wire_overrides SET withdrawn_by = :officer, withdrawn_at = clock_timestamp() WHERE id = :id"),
        {"officer": officer.id, "id": proposal.id},
    )
    await _tell(session, wire, "withdrawn", officer, {})
    await wake(session, wire, request_id)
    return wire


async def after_reviews(session: AsyncSession, *, only_open: bool, limit: int, offset: int) -> Sequence[Any]:
    """After-reviews of overrides, the open ones first, by what is due first."""
    values = {"only_open": only_open, "limit": limit, "offset": offset}
    return (await session.execute(_AFTER_REVIEWS, values)).all()


async def count_after_reviews(session: AsyncSession, *, only_open: bool) -> int:
    """How many there are."""
    return int((await session.execute(_COUNT, {"only_open": only_open})).scalar_one())


async def after_review(session: AsyncSession, override_id: UUID) -> Any:
    """The after-review of an override, with who decided it. Raises `NotFound`."""
    found = (await session.execute(_REVIEW, {"id": override_id})).one_or_none()
    if found is None:
        raise NotFound("there is no such after-review")
    return found


async def close_after_review(
    session: AsyncSession,
    override_id: UUID,
    officer: UUID,
    *,
    finding: Finding,
    note: str,
    request_id: str | None = None,
) -> Any:
    """A third person says what they found.

    Raises `NotFound`, `AlreadyDecided`, and `FourEyes` for whoever had a part in the wire, or is one pair of eyes with
    somebody who had.
    """
    wire = await to_decide(session, (await after_review(session, override_id)).wire_id, officer)
    review = await after_review(session, override_id)
    if review.closed_at is not None:
        raise AlreadyDecided("this after-review is closed")
    approvers = (await session.execute(_PART, {"wire_id": wire.id})).scalars().all()
    for person in (wire.user_id, review.proposed_by, review.confirmed_by, *approvers):
        if person == officer or await same_eyes(session, person, officer, review.confirmed_at):
            raise FourEyes("you had a part in this wire; a third person looks at its override afterwards")
    await session.execute(
        text(
            "UPDATE wire_after_reviews SET finding = :finding, note = :note, closed_by = :officer,"
            " closed_at = clock_timestamp() WHERE override_id = :id"
        ),
        {"finding": finding, "note": note, "officer": officer, "id": override_id},
    )
    await tell(
        session,
        wire,
        "compliance_override_reviewed",
        actor="officer",
        actor_id=officer,
        data={"override": override_id, "finding": finding, "note": note},
    )
    await _wake_review(session, override_id, wire.id, request_id)
    return await after_review(session, override_id)


async def reach(session: AsyncSession, override_id: UUID, stage: SlaStage) -> None:
    """Keeps how far the clock of an after-review has run. For the worker's role."""
    await session.execute(
        text("UPDATE wire_after_reviews SET stage = :stage WHERE override_id = :id"),
        {"stage": stage, "id": override_id},
    )


def clock_of(review: Any) -> SlaClock:
    """The marks of an after-review."""
    return SlaClock(
        started_at=review.started_at,
        remind_at=review.remind_at,
        escalate_at=review.escalate_at,
        deadline=review.due_at,
        hard_stop=None,
    )


async def _overridable(session: AsyncSession, wire_id: UUID, officer: Senior) -> Wire:
    wire = await to_decide(session, wire_id, officer.id)
    check_approvable(wire)
    check_content(wire)
    if await same_eyes(session, wire.user_id, officer.id):
        raise FourEyes("whoever ordered this wire lends you their right, or you lend them yours")
    await check_called_back(session, wire, await routing_of(session, wire.id))
    return wire


def _check_seen(officer: Senior, evidence_hash: bytes) -> None:
    if officer.seen is not None and officer.seen != evidence_hash:
        raise EvidenceChanged("look at the wire again: its findings, its answers or its routing are not what you saw")


async def _open_review(session: AsyncSession, override_id: UUID, clock: SlaClock) -> None:
    await session.execute(
        text(
            "INSERT INTO wire_after_reviews (override_id, started_at, remind_at, escalate_at, due_at)"
            " VALUES (:id, :started_at, :remind_at, :escalate_at, :due_at)"
        ),
        {
            "id": override_id,
            "started_at": clock.started_at,
            "remind_at": clock.remind_at,
            "escalate_at": clock.escalate_at,
            "due_at": clock.deadline,
        },
    )


async def _wake_review(session: AsyncSession, override_id: UUID, wire_id: UUID, request_id: str | None) -> None:
    await enqueue(
        session,
        workflow="wire-after-review",
        workflow_id=f"wire-after-review/{override_id}",
        argument=AfterReviewStart(override_id=override_id, wire_id=wire_id).model_dump(mode="json"),
        summary="After-review of an override",
        request_id=request_id,
    )


async def _tell(session: AsyncSession, wire: Wire, what: str, officer: Senior, data: dict[str, Any]) -> None:
    event = f"compliance_override_{what}"
    await tell(session, wire, event, actor="officer", actor_id=officer.id, data=data)
