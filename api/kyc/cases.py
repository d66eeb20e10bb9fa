"""Reviews of customers, for officers: the queue, a case, claim, approve, reject, ask, note (contract §6)."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Select, and_, func, select
from sqlmodel import col

from api import audit
from api.answers import answer as answered
from api.deps import Configuration, Db, Staff
from api.errors import documented, refusal
from api.kyc.case_view import case_line, case_view
from api.kyc.documents import document_content
from api.kyc.shapes import Approval, CaseLine, CaseView, InfoRequest, Note, Refusal
from api.kyc.status import Now
from api.pages import Page, PageQuery
from api.routing import feature
from models.auth import Permission
from models.errors import ContentChanged
from models.kyc.risk import RiskLevel
from models.kyc.states import OPEN, KycStatus, Occasion
from models.tables.auth import Caller
from models.tables.kyc import cases, desk, documents
from models.tables.kyc.desk import Officer
from models.tables.kyc.rows import KycCase
from models.tables.users import User

router: APIRouter = feature("kyc", prefix="/kyc/cases")

Compliance = Annotated[Caller, Staff("admin:compliance")]


def _acting(caller: Caller) -> Officer:
    return Officer(id=caller.id, senior=Permission.WIRES_HIGH_VALUE in caller.permissions)


@router.get("", summary="The queue of reviews", responses=documented(401, 403))
async def list_cases(
    officer: Compliance,
    db: Db,
    wanted: PageQuery,
    at: Now,
    status: Annotated[list[KycStatus] | None, Query(description="Those that are open, if not said.")] = None,
    risk: Annotated[list[RiskLevel] | None, Query()] = None,
    occasion: Annotated[list[Occasion] | None, Query()] = None,
    assignee: Annotated[Literal["me", "nobody"] | UUID | None, Query()] = None,
    overdue: Annotated[bool, Query(description="Only those whose deadline is over.")] = False,
    customer_id: UUID | None = None,
) -> Page[CaseLine]:
    """What is due first stands first; what waits for its customer stands at the end."""
    chosen = select(KycCase, User).join(User, and_(col(User.id) == col(KycCase.user_id)))
    chosen = chosen.where(col(KycCase.status).in_(status or sorted(OPEN)))
    if risk:
        chosen = chosen.where(col(KycCase.risk_level).in_(risk))
    if occasion:
        chosen = chosen.where(col(KycCase.occasion).in_(occasion))
    if assignee == "nobody":
        chosen = chosen.where(col(KycCase.assignee_id).is_(None))
    elif assignee is not None:
        chosen = chosen.where(col(KycCase.assignee_id) == (officer.id if assignee == "me" else assignee))
    if overdue:
        chosen = chosen.where(col(KycCase.sla_deadline) < at)
    if customer_id is not None:
        chosen = chosen.where(col(KycCase.user_id) == customer_id)
    return await _page(db, chosen, wanted)


async def _page(db: Db, chosen: Select[KycCase, User], wanted: PageQuery) -> Page[CaseLine]:
    total = (await db.execute(select(func.count()).select_from(chosen.subquery()))).scalar_one()
    waiting = col(KycCase.status) == KycStatus.IN_REVIEW
    ordered = chosen.order_by(waiting.desc(), col(KycCase.sla_deadline).asc().nulls_last(), col(KycCase.id).desc())
    rows = [(row[0], row[1]) for row in await db.execute(ordered.limit(wanted.limit).offset(wanted.offset))]
    return Page(
        data=[case_line(case, person, len(await cases.approvals(db, case))) for case, person in rows],
        total=total,
        page=wanted.page,
        total_pages=max(1, -(-total // wanted.limit)),
    )


@router.get("/{case_id}", summary="One review", responses=documented(401, 403, 404))
async def read_case(case_id: UUID, _officer: Compliance, db: Db, at: Now) -> CaseView:
    """Everything that a decision is about, and everything that happened."""
    return await case_view(db, await cases.find(db, case_id), at)


@router.get(
    "/{case_id}/documents/{document_id}",
    summary="Read a document of a review",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 409),
        200: {"description": "The content, to be saved", "content": {"application/pdf": {}, "image/png": {}}},
    },
)
@audit.disclosing
async def read_document(
    case_id: UUID, document_id: UUID, request: Request, _officer: Compliance, db: Db
) -> StreamingResponse:
    """Its content, as an attachment. Who read it stays in the audit log."""
    case = await cases.find(db, case_id)
    return await document_content(request, await documents.find(db, document_id, case.user_id))


@router.put("/{case_id}/claim", summary="Take a review on", responses=documented(401, 403, 404, 409))
async def claim_case(case_id: UUID, request: Request, officer: Compliance, db: Db, at: Now) -> CaseView:
    """From then on its claimant decides; a senior officer may take over."""
    audit.note(request, "kyc_case", case_id, new={"decision": "claim"})
    request_id = audit.attempt_of(request).request_id
    case = await desk.claim(db, case_id, _acting(officer), at=at, request_id=request_id)
    return await case_view(db, case, at)


@router.put(
    "/{case_id}/approve",
    summary="Approve a customer",
    responses={**documented(400, 401, 403, 404, 409)},
    response_model=CaseView,
)
async def approve_case(
    case_id: UUID, request: Request, officer: Compliance, db: Db, at: Now, body: Approval | None = None
) -> Response:
    """One officer's approval; with the last that is needed the customer is approved. High risk takes two, one senior.

    Where something has changed since the review was checked, 409 `content_changed`, and it is checked again.
    """
    audit.note(request, "kyc_case", case_id, new={"decision": "approve"})
    outcome = await desk.approve(
        db,
        case_id,
        _acting(officer),
        at=at,
        comment=body.comment if body else "",
        request_id=audit.attempt_of(request).request_id,
    )
    if outcome.stale:
        # Returned and not raised: that it is checked again has to stay.
        return refusal(
            request, ContentChanged("something has changed since this review was checked; it is checked again")
        )
    audit.note(request, "kyc_case", case_id, new={"status": outcome.case.status})
    return answered(await case_view(db, outcome.case, at))


@router.put("/{case_id}/reject", summary="Refuse a customer", responses=documented(401, 403, 404, 409))
async def reject_case(case_id: UUID, body: Refusal, request: Request, officer: Compliance, db: Db, at: Now) -> CaseView:
    """One officer's refusal is enough. No money leaves the customer's accounts from then on."""
    audit.note(request, "kyc_case", case_id, new={"decision": "reject", "reason_code": body.reason})
    case = await desk.reject(
        db,
        case_id,
        _acting(officer),
        body.reason,
        at=at,
        comment=body.comment,
        request_id=audit.attempt_of(request).request_id,
    )
    audit.note(request, "kyc_case", case_id, new={"status": case.status})
    return await case_view(db, case, at)


@router.put("/{case_id}/request-info", summary="Ask the customer", responses=documented(401, 403, 404, 409))
async def request_info(
    case_id: UUID,
    body: InfoRequest,
    request: Request,
    officer: Compliance,
    db: Db,
    settings: Configuration,
    at: Now,
) -> CaseView:
    """The customer reads the question and has two weeks, if nothing else is configured, with two reminders."""
    audit.note(request, "kyc_case", case_id, new={"decision": "request_info", "documents": body.documents})
    case = await desk.request_info(
        db,
        case_id,
        _acting(officer),
        body.question,
        at=at,
        answer_within=timedelta(seconds=settings.kyc.answer_seconds),
        wanted=tuple(body.documents),
        request_id=audit.attempt_of(request).request_id,
    )
    audit.note(request, "kyc_case", case_id, new={"status": case.status})
    return await case_view(db, case, at)


@router.post("/{case_id}/notes", status_code=201, summary="Note something", responses=documented(401, 403, 404))
async def add_note(case_id: UUID, body: Note, request: Request, officer: Compliance, db: Db, at: Now) -> CaseView:
    """For the other officers; a suspicion for those alone who hold `admin:suspicion`.

    One operation for both, so that no log of requests tells that there is a suspicion.
    """
    audit.note(request, "kyc_case", case_id, new={"note": "added"})
    write = desk.suspect if body.suspicion else desk.note
    return await case_view(db, await write(db, case_id, _acting(officer), body.body), at)
