"""The cases of the compliance desk: wires whose hits are open, each with its clock; and reports."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import AlreadyDecided, NotFound, WrongState
from models.sla import SlaClock, SlaStage
from models.tables.wires.rows import Wire, tell
from models.tables.wires.waking import to_decide
from models.wires.compliance import ReportKind
from models.wires.eyes import ClaimedByAnother

_OPEN: Final = text(
    "SELECT id, opened_at, remind_at, escalate_at, due_at, hard_stop, stage, assignee, claimed_at"
    " FROM screening_cases WHERE wire_id = :wire_id AND closed_at IS NULL"
)
_CASES: Final = text(
    "SELECT c.wire_id, c.opened_at, c.due_at, c.hard_stop, c.stage, c.assignee, c.claimed_at, w.status,"
    " w.compliance_status, w.amount_minor, w.currency, w.recipient_name, w.recipient_country,"
    " (SELECT count(*) FROM wire_hits h WHERE h.wire_id = w.id AND h.known IS NULL) AS hits,"
    " (SELECT max(score) FROM wire_hits h WHERE h.wire_id = w.id AND h.known IS NULL) AS score,"
    " (SELECT count(*) FROM wire_rulings r WHERE r.wire_id = w.id AND r.confirmed_at IS NULL"
    " AND r.withdrawn_at IS NULL) AS proposed"
    " FROM screening_cases c JOIN wire_transfers w ON w.id = c.wire_id WHERE c.closed_at IS NULL"
    " ORDER BY c.due_at, c.id LIMIT :limit OFFSET :offset"
)
_REPORTS: Final = text(
    "SELECT r.*, w.amount_minor, w.currency FROM sanctions_reports r JOIN wire_transfers w ON w.id = r.wire_id"
    " WHERE NOT :open OR r.filed_at IS NULL ORDER BY r.filed_at IS NOT NULL, r.due_on, r.wire_id"
    " LIMIT :limit OFFSET :offset"
)


async def open_case(session: AsyncSession, wire_id: UUID) -> Any:
    """The open case of a wire, None where there is none."""
    return (await session.execute(_OPEN, {"wire_id": wire_id})).one_or_none()


def clock_of(case: Any) -> SlaClock:
    """The marks of a case's review."""
    return SlaClock(
        started_at=case.opened_at,
        remind_at=case.remind_at,
        escalate_at=case.escalate_at,
        deadline=case.due_at,
        hard_stop=case.hard_stop,
    )


async def begin_case(session: AsyncSession, wire: Wire, clock: SlaClock) -> None:
    """Opens a case with that clock; one that is open keeps its own, and loses its hard stop if `clock` has none.

    For the worker's role.
    """
    await session.execute(
        text(
            "INSERT INTO screening_cases (wire_id, maker_id, opened_at, remind_at, escalate_at, due_at, hard_stop)"
            " VALUES (:wire_id, :maker_id, :opened, :remind, :escalate, :due, :hard_stop)"
            " ON CONFLICT (wire_id) WHERE closed_at IS NULL DO UPDATE SET hard_stop = NULL"
            " WHERE excluded.hard_stop IS NULL"
        ),
        {
            "wire_id": wire.id,
            "maker_id": wire.user_id,
            "opened": clock.started_at,
            "remind": clock.remind_at,
            "escalate": clock.escalate_at,
            "due": clock.deadline,
            "hard_stop": clock.hard_stop,
        },
    )


async def reach(session: AsyncSession, case_id: UUID, stage: SlaStage) -> None:
    """Keeps how far the clock of a case has run. For the worker's role."""
    await session.execute(
        text("UPDATE screening_cases SET stage = :stage WHERE id = :id"), {"stage": stage, "id": case_id}
    )


async def cases(session: AsyncSession, *, limit: int, offset: int) -> Sequence[Any]:
    """The open cases that whoever asks may see, what is due first first."""
    return (await session.execute(_CASES, {"limit": limit, "offset": offset})).all()


async def count_cases(session: AsyncSession) -> int:
    """How many there are."""
    found = await session.execute(text("SELECT count(*) FROM screening_cases WHERE closed_at IS NULL"))
    return int(found.scalar_one())


async def claim_case(session: AsyncSession, wire_id: UUID, officer: UUID, *, senior: bool, mine: bool) -> Any:
    """An officer looks after a case from now on, or (`mine` false) gives it back; a senior one somebody else's too.

    Raises `NotFound`, `FourEyes`, `WrongState` (there is no open case), `ClaimedByAnother`.
    """
    wire = await to_decide(session, wire_id, officer)
    case = await open_case(session, wire.id)
    if case is None:
        raise WrongState("nothing is open about this wire")
    if case.assignee not in {None, officer} and not (senior and not mine):
        raise ClaimedByAnother("somebody else looks after this case; they, or a senior officer, can give it back")
    if case.assignee == (officer if mine else None):
        return case
    await session.execute(
        text("UPDATE screening_cases SET assignee = :who, claimed_at = :at WHERE id = :id"),
        {"who": officer if mine else None, "at": datetime.now(UTC) if mine else None, "id": case.id},
    )
    await tell(session, wire, f"compliance_{'claimed' if mine else 'given_back'}", actor="officer", actor_id=officer)
    return await open_case(session, wire.id)


async def owe_report(session: AsyncSession, wire: Wire, kind: ReportKind, happened_at: datetime, due_on: date) -> None:
    """Keeps that something has to be told to the authority, and by when; once. For the worker's role."""
    await session.execute(
        text(
            "INSERT INTO sanctions_reports (wire_id, maker_id, kind, happened_at, due_on) VALUES"
            " (:wire_id, :maker_id, :kind, :at, :due_on) ON CONFLICT (wire_id, kind) DO NOTHING"
        ),
        {"wire_id": wire.id, "maker_id": wire.user_id, "kind": kind, "at": happened_at, "due_on": due_on},
    )


async def report_filed(session: AsyncSession, wire_id: UUID, kind: ReportKind, officer: UUID, reference: str) -> Any:
    """An officer says that a report was filed, and how the authority calls it. Raises `NotFound`, `FourEyes`,
    `AlreadyDecided`."""
    wire = await to_decide(session, wire_id, officer)
    values = {"wire_id": wire.id, "kind": kind, "reference": reference, "officer": officer}
    changed = await session.execute(
        text(
            "UPDATE sanctions_reports SET reference = :reference, filed_by = :officer, filed_at = clock_timestamp()"
            " WHERE wire_id = :wire_id AND kind = :kind AND filed_at IS NULL RETURNING *"
        ),
        values,
    )
    row = changed.one_or_none()
    if row is None:
        found = await session.execute(
            text("SELECT 1 FROM sanctions_reports WHERE wire_id = :wire_id AND kind = :kind"), values
        )
        if found.one_or_none() is None:
            raise NotFound("no such report is due")
        raise AlreadyDecided("this report is filed already")
    data = {"kind": kind, "reference": reference}
    await tell(session, wire, "compliance_reported", actor="officer", actor_id=officer, data=data)
    return row


async def reports(session: AsyncSession, *, only_open: bool, limit: int, offset: int) -> Sequence[Any]:
    """Reports, those that are due first first."""
    return (await session.execute(_REPORTS, {"open": only_open, "limit": limit, "offset": offset})).all()
