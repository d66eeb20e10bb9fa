"""What other banks ask back from us, and what two people answer them (contract §5, §12)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import col

from api import audit
from api.admin.audit import router
from api.amounts import Amount
from api.deps import Db, StaffWithAny
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.step_up import require_fresh
from models.auth import Permission
from models.bank_cancellations import About, Outcome
from models.money import to_decimal
from models.tables import bank_cancellations, bank_inquiries
from models.tables.auth import Caller
from models.tables.bank_cancellations import BankCancellation, CancellationAnswer

Answerer = Annotated[Caller, StaffWithAny(Permission.ADMIN_SYSTEM, Permission.WIRES_APPROVE)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class AnswerView(BaseModel):
    """What one person proposed to answer, and another one decided."""

    id: UUID
    outcome: Outcome
    reason_code: str | None
    comment: str = Field(description="The bank reads it.")
    reason: str = Field(description="Why; the bank does not read it.")
    status: Literal["proposed", "confirmed", "refused", "sent", "unwritable"]
    proposed_by: UUID
    proposed_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    sent_at: datetime | None


class InquiryView(BaseModel):
    """The bank asked where its answer is (pacs.028)."""

    message_id: UUID
    received_at: datetime


class CaseView(BaseModel):
    """One payment that a bank asks back."""

    id: UUID
    status: Literal["open", "answered"]
    about: About = Field(description="A wire or payment of ours, a credit in quarantine, or nothing that we know.")
    wire_id: UUID | None
    payment_id: UUID | None
    credit_message_id: UUID | None = Field(description="The file in quarantine that tells of the credit.")
    message_id: UUID = Field(description="The request as it came.")
    case_id: str | None = Field(examples=["C-2026-0007"])
    assigner: str | None = Field(description="The bank that asks, by its BIC.", examples=["MOCKNL2A"])
    original_message_id: str | None
    instruction_id: str | None
    end_to_end_id: str | None
    transaction_id: str | None
    uetr: UUID | None
    amount: Amount | None
    currency: str | None
    settled_on: date | None
    reason_code: str | None = Field(examples=["FRAD"])
    reason_text: str | None
    due_at: datetime | None = Field(description="When the answer is due: 15 banking days after the request.")
    received_at: datetime
    ended_at: datetime | None
    answers: list[AnswerView] = Field(description="Oldest first; left out of the list of cases.")
    inquiries: list[InquiryView] = Field(description="Oldest first; left out of the list of cases.")


class Answer(BaseModel):
    """What the bank is answered. `CNCL`: the payment is undone. `RJCR`: it is not given back, and why. `PDCR`: not yet,
    and why; another answer follows."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"outcome": "RJCR", "reason_code": "NOOR", "reason": "No such payment has come to us."}
        },
    )

    outcome: Outcome
    reason_code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}$")] | None = None
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=210)] = ""
    reason: Reason


@router.get("/cancellations", summary="What other banks ask back", responses=documented(401, 403))
async def list_cancellations(
    _staff: Answerer,
    db: Db,
    wanted: PageQuery,
    status: Annotated[list[Literal["open", "answered"]] | None, Query()] = None,
) -> Page[CaseView]:
    """Newest first; open ones, unless other ones are asked for."""
    chosen = bank_cancellations.cases(status or ["open"])
    return await page_of(db, chosen, col(BankCancellation.id), wanted, lambda row: _view(row, (), ()))


@router.get("/cancellations/{case_id}", summary="Read what a bank asks back", responses=documented(401, 403, 404))
async def read_cancellation(case_id: UUID, _staff: Answerer, db: Db) -> CaseView:
    """With what was proposed and decided."""
    return await _seen(db, case_id)


@router.post(
    "/cancellations/{case_id}/answer",
    summary="Propose what a bank is answered",
    responses=documented(400, 401, 403, 404, 409),
)
async def propose_answer(case_id: UUID, body: Answer, request: Request, person: Answerer, db: Db) -> CaseView:
    """It has to agree with what we know: nothing is called cancelled that is not. Somebody else confirms it."""
    audit.note(request, "bank_cancellation", case_id, new=body.model_dump(mode="json"))
    proposed = CancellationAnswer(
        cancellation_id=case_id,
        outcome=body.outcome,
        reason_code=body.reason_code,
        comment=body.comment,
        reason=body.reason,
        proposed_by=person.id,
    )
    await bank_cancellations.propose(db, proposed)
    return await _seen(db, case_id)


@router.post(
    "/cancellations/{case_id}/answers/{answer_id}/confirm",
    summary="Confirm what a bank is answered",
    responses=documented(400, 401, 403, 404, 409),
)
async def confirm_answer(case_id: UUID, answer_id: UUID, request: Request, person: Answerer, db: Db) -> CaseView:
    """The second person's word, proven within five minutes. The process gives the camt.029 to the bank."""
    audit.note(request, "bank_cancellation", case_id, new={"confirmed": str(answer_id)})
    request_id = audit.attempt_of(request).request_id
    await bank_cancellations.confirm(db, case_id, answer_id, person.id, datetime.now(UTC), request_id=request_id)
    await require_fresh(request, db, person)
    return await _seen(db, case_id)


@router.post(
    "/cancellations/{case_id}/answers/{answer_id}/refuse",
    summary="Refuse what is proposed to answer",
    responses=documented(401, 403, 404, 409),
)
async def refuse_answer(case_id: UUID, answer_id: UUID, request: Request, person: Answerer, db: Db) -> CaseView:
    """By somebody else, or by whoever proposed it, who takes it back."""
    audit.note(request, "bank_cancellation", case_id, new={"refused": str(answer_id)})
    await bank_cancellations.refuse(db, case_id, answer_id, person.id, datetime.now(UTC))
    return await _seen(db, case_id)


async def _seen(db: Db, case_id: UUID) -> CaseView:
    case = await bank_cancellations.find_case(db, case_id)
    return _view(case, await bank_cancellations.answers(db, case_id), await bank_inquiries.of_case(db, case_id))


def _view(case: BankCancellation, answers: Sequence[CancellationAnswer], inquiries: Sequence[Any]) -> CaseView:
    carries = case.amount_minor is not None and case.currency is not None
    return CaseView.model_validate(
        case.model_dump(include=set(CaseView.model_fields))
        | {
            "about": case.about,
            "amount": to_decimal(case.amount_minor or 0, case.currency or "") if carries else None,
            "answers": [AnswerView.model_validate(one.model_dump()) for one in answers],
            "inquiries": [InquiryView.model_validate(dict(one._mapping)) for one in inquiries],
        }
    )
