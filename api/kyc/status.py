"""A customer's own identity check: where it stands, submit, answer, take back (contract §6)."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.deps import CurrentUser, Db
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.kyc.shapes import Answer, OwnReview, Question, Required, StatusView, Submission
from api.routing import feature
from models.auth import Role
from models.errors import Forbidden
from models.kyc.documents import DocumentType
from models.kyc.requirements import lacking, required
from models.kyc.states import OPEN, KycStatus, Mover, Occasion, Restriction, may_move
from models.tables.auth import Caller
from models.tables.kyc import acts, cases, documents
from models.tables.kyc.content import what_is_missing
from models.tables.kyc.rows import KycCase, KycQuestion
from models.tables.users import User, user

router: APIRouter = feature("kyc")
# The name that an older specification gave it.
_alias: APIRouter = feature("kyc", prefix="/users/kyc")


async def _customer(caller: CurrentUser) -> Caller:
    if caller.role != Role.CUSTOMER:
        raise Forbidden("Staff have no identity check here")
    return caller


Customer = Annotated[Caller, Depends(_customer)]


async def now() -> datetime:
    """The present moment; a dependency, so that a test can say when it is."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(now)]


@router.get("/status", summary="Where your identity check stands", responses=documented(401, 403))
@_alias.get("/status", summary="Where your identity check stands (as GET /kyc/status)", responses=documented(401, 403))
async def read_status(customer: Customer, db: Db, at: Now) -> StatusView:
    """What is there, what is missing, and what to do next."""
    return await _status(db, customer.id, at)


@router.post(
    "/submit", status_code=201, summary="Submit your identity check", responses=documented(400, 401, 403, 404, 409)
)
async def submit(
    body: Submission, request: Request, customer: Customer, db: Db, _key: IdempotencyKey, at: Now
) -> StatusView:
    """Hands in the documents that were sent, as an application or for the review that waits for them.

    What is missing is said at once: 400 `documents_missing` or `profile_incomplete`, with `missing`.
    """
    audit.note(request, "kyc_case", new={"tier": body.tier})
    case = await acts.submit(
        db, customer.id, body.tier, body.declaration, at=at, request_id=audit.attempt_of(request).request_id
    )
    audit.note(request, "kyc_case", case.id, new={"status": case.status})
    return await _status(db, customer.id, at)


@router.put("/cases/{case_id}/info", summary="Answer the bank's question", responses=documented(401, 403, 404, 409))
async def answer_question(
    case_id: UUID, body: Answer, request: Request, customer: CurrentUser, db: Db, at: Now
) -> StatusView:
    """Send the documents that are asked for first. The checks run again over what is there then."""
    audit.note(request, "kyc_case", case_id, new={"decision": "answer"})
    case = await acts.answer(
        db, case_id, customer.id, body.answer, at=at, request_id=audit.attempt_of(request).request_id
    )
    audit.note(request, "kyc_case", case.id, new={"status": case.status})
    return await _status(db, customer.id, at)


@router.delete("/cases/{case_id}", summary="Take your application back", responses=documented(401, 403, 404, 409))
async def withdraw(case_id: UUID, request: Request, customer: CurrentUser, db: Db, at: Now) -> StatusView:
    """As if it had not been; your documents stay until you withdraw them. A review of the bank cannot be taken back."""
    audit.note(request, "kyc_case", case_id, new={"decision": "withdraw"})
    case = await acts.withdraw(db, case_id, customer.id, at=at, request_id=audit.attempt_of(request).request_id)
    audit.note(request, "kyc_case", case.id, new={"status": case.status})
    return await _status(db, customer.id, at)


async def _status(db: AsyncSession, customer: UUID, at: datetime) -> StatusView:
    person = await user(db, customer)
    case = await cases.newest(db, customer)
    still_open = case if case and case.status in OPEN else None
    question = await cases.open_question(db, case.id) if case else None
    country = (person.address or {}).get("country")
    tier = still_open.tier if still_open else person.tier
    lack = what_is_missing(person, still_open, tier, await documents.of_customer(db, customer), at.date())
    fields = lacking(person.first_name, person.last_name, person.date_of_birth, country)
    occasion = Occasion(still_open.occasion) if still_open else Occasion.INITIAL
    stands = person.standing
    return StatusView(
        status=stands.kyc_status,
        # That an exit is decided on is told by a letter; the effect is the same.
        restriction=Restriction.FROZEN if stands.restriction is Restriction.EXIT else stands.restriction,
        tier=person.tier,
        next_step=_next(person, still_open, fields=bool(fields), papers=bool(lack)),
        review=_own(still_open) if still_open else None,
        question=_question(question) if question else None,
        required=[Required(name=one.name, any_of=list(one.documents)) for one in required(tier, country, occasion)],
        missing=lack,
        profile_missing=list(fields),
    )


def _next(person: User, case: KycCase | None, *, fields: bool, papers: bool) -> str:
    status = person.standing.kyc_status
    asked = case is not None and case.status == KycStatus.PENDING
    if case is not None and case.status == KycStatus.INFO_REQUESTED:
        return "answer"
    if status is KycStatus.APPROVED and not asked:
        return "nothing"
    if status in {KycStatus.SUBMITTED, KycStatus.IN_REVIEW, KycStatus.INFO_REQUESTED} or (case and not asked):
        return "wait"
    if status is KycStatus.REJECTED:
        return "speak_to_us"
    return "complete_profile" if fields else "upload" if papers else "submit"


def _own(case: KycCase) -> OwnReview:
    assert case.created_at is not None
    status = KycStatus(case.status)
    return OwnReview(
        id=case.id,
        status=status,
        tier=case.tier,
        due_at=case.due_at,
        created_at=case.created_at,
        may_withdraw=case.occasion == Occasion.INITIAL and may_move(status, KycStatus.EXPIRED, Mover.CUSTOMER),
    )


def _question(question: KycQuestion) -> Question:
    return Question(
        id=question.id,
        question=question.question,
        documents=[DocumentType(one) for one in question.documents],
        asked_at=question.asked_at,
        due_at=question.due_at,
    )


routers = (router, _alias)
