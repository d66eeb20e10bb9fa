"""What officers do about a review: claim, approve, reject, ask, note.

Each act is one transaction of the caller, as in `acts`. An officer never acts on a review of themselves: the act says
so first, and row level security would not let them have the row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import AlreadyDecided, FourEyes, RuleRefused, WrongState
from models.kyc.content import Content, content_hash
from models.kyc.documents import SCAN_PASSED, DocumentStatus, DocumentType
from models.kyc.risk import RiskLevel, next_review
from models.kyc.states import ENDED, UNDECIDED, KycStatus, Rejection
from models.sla import SlaStage
from models.tables import sanctions
from models.tables.kyc import documents
from models.tables.kyc.cases import approvals, find, locked, of_case, open_question, tell, wake
from models.tables.kyc.content import gathered, hashed
from models.tables.kyc.rows import KycCase, KycDecision, KycHit, KycNote, KycQuestion, KycSuspicion


@dataclass(frozen=True)
class Officer:
    """Who acts, and whether as a senior one."""

    id: UUID
    senior: bool


@dataclass(frozen=True)
class Approved:
    """What an approval came to. `stale`: what was checked is no longer what is there, so nothing was decided, and the
    checks run again; that has to be committed, and told to the officer as a refusal."""

    case: KycCase
    stale: bool = False


async def claim(
    session: AsyncSession, case_id: UUID, officer: Officer, *, at: datetime, request_id: str | None = None
) -> KycCase:
    """Takes a review on. A senior officer may take over; asked again by the same one, nothing changes.

    Raises `NotFound`, `FourEyes` and `WrongState` (ended, or claimed by somebody else).
    """
    case = await _to_act(session, case_id, officer)
    if case.status in ENDED:
        raise WrongState(f"the review is {case.status}; there is nothing to claim")
    if case.assignee_id == officer.id:
        return case
    if case.assignee_id is not None and not officer.senior:
        raise WrongState("the review is claimed by another officer; a senior one may take over")
    case.assignee_id, case.claimed_at = officer.id, at
    await session.flush()
    await tell(session, case, "claimed", actor="officer", actor_id=officer.id)
    await wake(session, case, request_id)
    return case


async def approve(
    session: AsyncSession,
    case_id: UUID,
    officer: Officer,
    *,
    at: datetime,
    comment: str = "",
    request_id: str | None = None,
) -> Approved:
    """One officer's approval. With the last one that is needed the customer is approved when this commits.

    What was checked by older lists is checked again: a sweep over all customers, once lists have changed, passes by
    whom nobody has approved yet. No newer version of a list appears while this runs.

    Raises `NotFound`, `FourEyes`, `WrongState`, `AlreadyDecided`, and `RuleRefused` where screening found something and
    the comment does not say why the customer is not meant.
    """
    await sanctions.hold_versions(session)
    case = await _to_act(session, case_id, officer)
    if case.status != KycStatus.IN_REVIEW:
        raise WrongState(f"the review is {case.status}; only one that is in review can be approved")
    given = await approvals(session, case)
    _check_claim(case, officer, [one.officer_id for one in given])
    if any(one.officer_id == officer.id for one in given):
        raise AlreadyDecided("you have approved this review before")
    content = await gathered(session, case)
    if await is_stale(session, case, content):
        return await _check_again(session, case, officer, request_id)
    if await of_case(session, KycHit, case.id) and not comment.strip():
        raise RuleRefused("screening found something: say in the comment why the customer is not meant")
    await _decide(session, case, officer, "approve", comment=comment)
    given = await approvals(session, case)
    enough = len(given) >= case.approvals_required
    if enough and (not case.senior_required or any(one.senior for one in given)):
        await _accept_documents(session, content, officer)
        case.status, case.sla_stage = KycStatus.APPROVED, SlaStage.MET
        case.decided_by, case.decided_at = officer.id, at
        case.next_review_at = next_review(RiskLevel(case.risk_level or RiskLevel.HIGH), at)
        await session.flush()
    data = {"given": len(given), "required": case.approvals_required, "comment": comment}
    await tell(session, case, "approval_given", actor="officer", actor_id=officer.id, data=data)
    await wake(session, case, request_id)
    return Approved(case)


async def is_stale(session: AsyncSession, case: KycCase, content: Content | None = None) -> bool:
    """Whether the review is about something else than was checked, or lists have changed since: it is checked again
    before anybody approves. `content`: what it is about now, where that is known."""
    now = content_hash(content or await gathered(session, case))
    return now != case.content_hash or await sanctions.customer_versions(session) != case.list_version


async def reject(
    session: AsyncSession,
    case_id: UUID,
    officer: Officer,
    reason: Rejection,
    *,
    at: datetime,
    comment: str = "",
    request_id: str | None = None,
) -> KycCase:
    """An officer's refusal: one is enough. No money leaves the customer's accounts when this commits.

    Raises `NotFound`, `FourEyes`, `WrongState` and `AlreadyDecided` (the officer has approved the same content).
    """
    case = await _to_act(session, case_id, officer)
    if case.status not in UNDECIDED:
        raise WrongState(f"the review is {case.status}; only one that is not decided yet can be rejected")
    given = await approvals(session, case) if case.content_hash else []
    _check_claim(case, officer, [one.officer_id for one in given])
    if any(one.officer_id == officer.id for one in given):
        raise AlreadyDecided("you have approved this review before")
    await _decide(session, case, officer, "reject", comment=comment, reason=reason)
    case.status, case.reason_code = KycStatus.REJECTED, reason
    case.decided_by, case.decided_at, case.sla_stage = officer.id, at, SlaStage.MET
    await session.flush()
    await tell(session, case, "rejected", actor="officer", actor_id=officer.id, data={"reason": reason})
    await wake(session, case, request_id)
    return case


async def request_info(
    session: AsyncSession,
    case_id: UUID,
    officer: Officer,
    question: str,
    *,
    at: datetime,
    answer_within: timedelta,
    wanted: tuple[DocumentType, ...] = (),
    request_id: str | None = None,
) -> KycCase:
    """Asks the customer. Until they answer the officers' clock stands still; the answer is checked like a submission.

    Raises `NotFound`, `FourEyes` and `WrongState`.
    """
    case = await _to_act(session, case_id, officer)
    if case.status != KycStatus.IN_REVIEW:
        raise WrongState(f"the review is {case.status}; something is asked only while it is in review")
    _check_claim(case, officer, [one.officer_id for one in await approvals(session, case)])
    await ask(session, case, officer.id, question, at=at, answer_within=answer_within, wanted=wanted)
    await tell(
        session,
        case,
        "info_requested",
        actor="officer",
        actor_id=officer.id,
        data={"documents": [str(w) for w in wanted]},
    )
    await wake(session, case, request_id)
    return case


async def ask(
    session: AsyncSession,
    case: KycCase,
    officer: UUID | None,
    question: str,
    *,
    at: datetime,
    answer_within: timedelta,
    wanted: tuple[DocumentType, ...] = (),
) -> None:
    """Puts a question to the customer of a locked review, an officer's or (None) the process's own."""
    due = at + answer_within
    session.add(
        KycQuestion(
            case_id=case.id,
            customer_id=case.user_id,
            officer_id=officer,
            question=question,
            documents=[str(one) for one in wanted],
            asked_at=at,
            due_at=due,
        )
    )
    case.status, case.told = KycStatus.INFO_REQUESTED, True
    case.asked_at, case.answer_due_at, case.answer_stage = at, due, SlaStage.RUNNING
    await session.flush()


async def note(session: AsyncSession, case_id: UUID, officer: Officer, body: str) -> KycCase:
    """Writes something for the other officers. Raises `NotFound` and `FourEyes`."""
    case = await _to_see(session, case_id, officer)
    session.add(KycNote(case_id=case.id, customer_id=case.user_id, officer_id=officer.id, body=body))
    await session.flush()
    return case


_SUSPECT: Final = text(
    "INSERT INTO kyc_suspicions (id, customer_id, case_id, officer_id, body)"
    " VALUES (uuidv7(), :customer_id, :case_id, :officer_id, :body)"
)


async def suspect(session: AsyncSession, case_id: UUID, officer: Officer, body: str) -> KycCase:
    """Reports a suspicion. Nothing that others see of the review tells of it. Raises `NotFound` and `FourEyes`."""
    case = await _to_see(session, case_id, officer)
    # Without reading it back: whoever reports one may not see it.
    values = {"customer_id": case.user_id, "case_id": case.id, "officer_id": officer.id, "body": body}
    await session.execute(_SUSPECT, values)
    return case


async def suspicions(session: AsyncSession, case_id: UUID) -> list[KycSuspicion]:
    """The suspicions about a review that the transaction may see: none without `admin:suspicion`."""
    return list(await of_case(session, KycSuspicion, case_id))


def _check_claim(case: KycCase, officer: Officer, approved_by: list[UUID]) -> None:
    # Whoever claimed a review decides first; a second pair of eyes comes after that, and a senior one at any time.
    free = case.assignee_id in {None, officer.id} or case.assignee_id in approved_by
    if not free and not officer.senior:
        raise WrongState("the review is claimed by another officer")


async def _check_again(session: AsyncSession, case: KycCase, officer: Officer, request_id: str | None) -> Approved:
    case.status, case.sla_stage = KycStatus.SUBMITTED, SlaStage.NONE
    await session.flush()
    await tell(session, case, "changed_since_checked", actor="officer", actor_id=officer.id)
    await wake(session, case, request_id)
    return Approved(case, stale=True)


async def _accept_documents(session: AsyncSession, content: Content, officer: Officer) -> None:
    """What the customer was approved with is verified with them, and nothing that has come in the meantime."""
    for known in content.documents:
        document = await documents.find(session, UUID(known["id"]))
        if document.verification_status == DocumentStatus.PENDING and document.scan_status in SCAN_PASSED:
            await documents.verify(session, document.id, officer.id)


async def _decide(
    session: AsyncSession,
    case: KycCase,
    officer: Officer,
    decision: str,
    *,
    comment: str,
    reason: Rejection | None = None,
) -> None:
    session.add(
        KycDecision(
            case_id=case.id,
            customer_id=case.user_id,
            officer_id=officer.id,
            decision=decision,
            senior=officer.senior,
            content_hash=case.content_hash or await hashed(session, case),
            reason_code=reason,
            comment=comment,
        )
    )
    await session.flush()


async def _to_see(session: AsyncSession, case_id: UUID, officer: Officer) -> KycCase:
    case = await find(session, case_id)
    if case.user_id == officer.id:
        raise FourEyes("this review is about you; somebody else decides about it")
    return case


async def _to_act(session: AsyncSession, case_id: UUID, officer: Officer) -> KycCase:
    await _to_see(session, case_id, officer)
    return await locked(session, case_id)


async def question_of(session: AsyncSession, case: KycCase) -> KycQuestion | None:
    """What the customer of a review is asked now."""
    return await open_question(session, case.id) if case.status == KycStatus.INFO_REQUESTED else None
