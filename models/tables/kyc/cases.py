"""Reviews: finding them, holding them, and what their process is told. Functions take a session and never commit."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from models.errors import NotFound
from models.kyc.ladder import Rung, next_rung
from models.kyc.process import KycState, process_id
from models.kyc.risk import RiskLevel
from models.kyc.states import OPEN, KycStatus, Occasion, Restriction
from models.sla import SlaStage, next_mark
from models.tables.kyc.rows import KycAssessment, KycCase, KycDecision, KycQuestion
from models.tables.outbox import enqueue


async def locked(session: AsyncSession, case_id: UUID) -> KycCase:
    """The review, its row locked until the transaction ends. Raises `NotFound`.

    Every change of a review starts here: whoever gets the lock first decides, the others see what was decided.
    """
    statement = select(KycCase).where(KycCase.id == case_id).with_for_update().execution_options(populate_existing=True)
    case = (await session.execute(statement)).scalar_one_or_none()
    if case is None:
        raise NotFound("there is no such review")
    return case


async def find(session: AsyncSession, case_id: UUID) -> KycCase:
    """The review as it is now, if it can be seen. Raises `NotFound`."""
    case = (await session.execute(select(KycCase).where(KycCase.id == case_id))).scalar_one_or_none()
    if case is None:
        raise NotFound("there is no such review")
    return case


async def newest(session: AsyncSession, user_id: UUID, *, still_open: bool = False) -> KycCase | None:
    """The last review of a customer that can be seen; None if there is none (open)."""
    statement = select(KycCase).where(KycCase.user_id == user_id).order_by(col(KycCase.number).desc()).limit(1)
    if still_open:
        statement = statement.where(col(KycCase.status).in_(OPEN))
    return (await session.execute(statement)).scalar_one_or_none()


async def tell(
    session: AsyncSession,
    case: KycCase,
    event: str,
    *,
    actor: str = "process",
    actor_id: UUID | None = None,
    step: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Adds a line to the review's timeline. With a `step` that is there already, adds nothing."""
    await session.execute(
        text(
            "INSERT INTO kyc_events (case_id, customer_id, event, status, actor, actor_id, step, data)"
            " VALUES (:case_id, :customer_id, :event, :status, :actor, :actor_id, :step, cast(:data AS jsonb))"
            " ON CONFLICT (case_id, step) DO NOTHING"
        ),
        {
            "case_id": case.id,
            "customer_id": case.user_id,
            "event": event,
            "status": case.status,
            "actor": actor,
            "actor_id": actor_id,
            "step": step,
            "data": json.dumps(data or {}, default=str),
        },
    )


async def wake(session: AsyncSession, case: KycCase, request_id: str | None = None) -> None:
    """Asks that the review's process runs and looks."""
    await enqueue(
        session,
        workflow="kyc",
        workflow_id=process_id(str(case.user_id), case.number),
        argument=case.start.model_dump(mode="json"),
        summary=f"KYC {case.occasion.replace('_', ' ')}",
        request_id=request_id,
    )


async def approvals(session: AsyncSession, case: KycCase) -> Sequence[KycDecision]:
    """The approvals of what the review is about now; those of what it was about before are void."""
    statement = select(KycDecision).where(
        KycDecision.case_id == case.id,
        KycDecision.decision == "approve",
        KycDecision.content_hash == case.content_hash,
    )
    return (await session.execute(statement)).scalars().all()


async def open_question(session: AsyncSession, case_id: UUID) -> KycQuestion | None:
    """What the customer is asked and has not answered."""
    statement = select(KycQuestion).where(KycQuestion.case_id == case_id, col(KycQuestion.answered_at).is_(None))
    return (await session.execute(statement)).scalar_one_or_none()


async def of_case(session: AsyncSession, table: type[Any], case_id: UUID) -> Sequence[Any]:
    """The rows of one of the tables above that belong to a review, oldest first."""
    order = table.created_at if table is KycAssessment else table.id
    rows: Sequence[Any] = (
        await session.execute(select(table).where(table.case_id == case_id).order_by(order))
    ).scalars().all()  # fmt: skip
    return rows


def look_again(case: KycCase) -> datetime | None:
    """When the process has to look if nobody wakes it."""
    marks: list[datetime | None] = []
    # The ladder stands still while the bank is at work: nobody is restricted because officers are late.
    if case.due_at and case.status in {KycStatus.PENDING, KycStatus.INFO_REQUESTED}:
        marks.append(next_rung(case.due_at, Rung(case.rung)))
    if case.status == KycStatus.IN_REVIEW and case.clock:
        marks.append(next_mark(case.clock, SlaStage(case.sla_stage)))
    if case.status == KycStatus.INFO_REQUESTED and case.answer_clock:
        marks.append(next_mark(case.answer_clock, SlaStage(case.answer_stage)))
    return min((mark for mark in marks if mark is not None), default=None)


def to_check(case: KycCase) -> bool:
    """Whether the checks have to run before anything else can happen."""
    late = case.rung == Rung.EXIT
    # Held sooner than the ladder would: by a list that names the customer.
    named = case.restriction == Restriction.FROZEN and case.rung != Rung.FROZEN
    unanswered = case.occasion != Occasion.INITIAL and case.answer_stage == SlaStage.BREACHED
    match case.status:
        case KycStatus.SUBMITTED:
            return True
        case KycStatus.PENDING:
            return late or named
        case KycStatus.INFO_REQUESTED:
            return unanswered
    return False


async def state(session: AsyncSession, case: KycCase) -> KycState:
    """What the process is told about a review after each step."""
    return KycState(
        case_id=case.id,
        status=KycStatus(case.status),
        occasion=Occasion(case.occasion),
        round=case.round,
        risk_level=RiskLevel(case.risk_level) if case.risk_level else None,
        approvals_required=case.approvals_required,
        approvals_given=len(await approvals(session, case)) if case.content_hash else 0,
        senior_required=case.senior_required,
        assignee=str(case.assignee_id) if case.assignee_id else None,
        sla_stage=SlaStage(case.sla_stage),
        sla_deadline=case.sla_deadline,
        due_at=case.due_at,
        rung=Rung(case.rung),
        restriction=Restriction(case.restriction),
        look_again_at=look_again(case),
        to_check=to_check(case),
        reason_code=case.reason_code,
    )
