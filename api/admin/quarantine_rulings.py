"""What two people rule about a file in quarantine: which order an answer of it is about, or that it is read as it is
(contract §12)."""

from datetime import UTC, date, datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api import audit
from api.admin.audit import router
from api.admin.quarantine import Operator, QuarantinedFile, Why, view_of
from api.amounts import Amount
from api.deps import Db
from api.errors import documented
from api.step_up import require_fresh
from models.bank_rulings import QuarantineRuling, RulingStatus
from models.money import to_decimal
from models.tables import bank_rulings
from models.tables.bank import quarantined
from models.tables.bank_rulings import Assignment, QuarantinedAnswer, Ruling

# A notification of a whole day can name thousands of payments.
_SHOWN = 200


class AnswerView(BaseModel):
    """What a file says of one order. Credits and debits are told apart by the kind."""

    position: int = Field(description="Its place in the file.", examples=[0])
    kind: str = Field(examples=["booked"])
    matched: bool = Field(description="Whether it has found its order.")
    end_to_end_id: str | None = Field(examples=["W-UNKNOWN"])
    uetr: UUID | None
    original_message_id: str | None
    amount: Amount | None
    currency: str | None = Field(examples=["USD"])
    booked_on: date | None
    reason_code: str | None
    reason_text: str | None
    bank_reference: str | None


class RulingView(BaseModel):
    """What one person proposed, and another one decided."""

    id: UUID
    ruling: QuarantineRuling
    position: int | None = Field(description="Which answer of the file; null where it is about the file.")
    wire_id: UUID | None
    payment_id: UUID | None
    reason: str
    status: RulingStatus
    proposed_by: UUID
    proposed_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    decision_reason: str | None
    ended_at: datetime | None = Field(description="When the reader has done it, or found nothing left to do.")


class QuarantineDetail(QuarantinedFile):
    """A file in quarantine, what it says, and what people said of it."""

    answers: list[AnswerView] = Field(description=f"The first {_SHOWN}, in the order of the file.")
    rulings: list[RulingView] = Field(description="Oldest first.")


class WhoseIsIt(BaseModel):
    """Which wire, or which payment, an answer of a file is about, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "position": 0,
                "wire_id": "0199a3c4-7e1f-7a2b-8c3d-4e5f60718293",
                "reason": "Amount, day and recipient agree; the bank cut the reference.",
            }
        },
    )

    position: Annotated[int, Field(ge=0, le=10**6)] = 0
    wire_id: UUID | None = None
    payment_id: UUID | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]

    @model_validator(mode="after")
    def _names_one_order(self) -> Self:
        if (self.wire_id is None) == (self.payment_id is None):
            raise ValueError("one order is named: a wire or a payment")
        return self


@router.get("/quarantine/{message_id}", summary="Read a file in quarantine", responses=documented(401, 403, 404))
async def read_file(message_id: UUID, _operator: Operator, db: Db) -> QuarantineDetail:
    """What the file says of orders, as far as it could be read, and what was proposed and decided about it."""
    return await _detail(db, message_id)


@router.post(
    "/quarantine/{message_id}/assign",
    summary="Propose whose an answer is",
    responses=documented(400, 401, 403, 404, 409),
)
async def propose_assignment(
    message_id: UUID, body: WhoseIsIt, request: Request, operator: Operator, db: Db
) -> QuarantineDetail:
    """Says that an answer of the file, which names no order of ours, is about this wire, or this payment. Amount,
    currency and direction have to fit where the message carries them. Somebody else confirms it; then it counts as if
    it had matched."""
    audit.note(request, "bank_message", message_id, new=body.model_dump(mode="json"))
    await bank_rulings.propose_assignment(
        db, message_id, operator.id, Assignment(body.position, body.wire_id, body.payment_id), body.reason
    )
    return await _detail(db, message_id)


@router.post(
    "/quarantine/{message_id}/read-as-is",
    summary="Propose that a file is read as it is",
    responses=documented(400, 401, 403, 404, 409),
)
async def propose_reading(
    message_id: UUID, body: Why, request: Request, operator: Operator, db: Db
) -> QuarantineDetail:
    """For a file that breaks the schema of its message and can be read all the same (`readable_as_is`). Somebody else
    confirms it."""
    audit.note(request, "bank_message", message_id, new={"ruling": "read_as_is", "reason": body.reason})
    await bank_rulings.propose_reading(db, message_id, operator.id, body.reason)
    return await _detail(db, message_id)


@router.post(
    "/quarantine/{message_id}/rulings/{ruling_id}/confirm",
    summary="Confirm what is proposed about a file",
    responses=documented(400, 401, 403, 404, 409),
)
async def confirm_ruling(
    message_id: UUID, ruling_id: UUID, request: Request, operator: Operator, db: Db
) -> QuarantineDetail:
    """The second person's word, proven within five minutes, since money follows. The reader takes the file again within
    seconds."""
    audit.note(request, "bank_message", message_id, new={"confirmed": str(ruling_id)})
    await bank_rulings.confirm(db, message_id, ruling_id, operator.id, datetime.now(UTC))
    await require_fresh(request, db, operator)
    return await _detail(db, message_id)


@router.post(
    "/quarantine/{message_id}/rulings/{ruling_id}/refuse",
    summary="Refuse what is proposed about a file",
    responses=documented(401, 403, 404, 409),
)
async def refuse_ruling(
    message_id: UUID, ruling_id: UUID, body: Why, request: Request, operator: Operator, db: Db
) -> QuarantineDetail:
    """By somebody else, or by whoever proposed it, who takes it back."""
    audit.note(request, "bank_message", message_id, new={"refused": str(ruling_id), "reason": body.reason})
    await bank_rulings.refuse(db, message_id, ruling_id, operator.id, body.reason, datetime.now(UTC))
    return await _detail(db, message_id)


async def _detail(db: Db, message_id: UUID) -> QuarantineDetail:
    message = await quarantined(db, message_id)
    answers = (await db.execute(bank_rulings.answers(message_id).limit(_SHOWN))).scalars()
    return QuarantineDetail(
        answers=[_answer(one) for one in answers],
        rulings=[_ruling(one) for one in await bank_rulings.rulings(db, message_id)],
        **view_of(message).model_dump(),
    )


def _answer(row: QuarantinedAnswer) -> AnswerView:
    carries = row.amount_minor is not None and row.currency is not None
    return AnswerView(
        amount=to_decimal(row.amount_minor or 0, row.currency or "") if carries else None,
        **row.model_dump(include=set(AnswerView.model_fields) - {"amount"}),
    )


def _ruling(row: Ruling) -> RulingView:
    return RulingView.model_validate(row.model_dump(include=set(RulingView.model_fields)))
