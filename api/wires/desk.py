"""The desk's work on a wire: why it goes to whom, questions and answers, who looks after it (contract §5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from api import audit
from api.amounts import Amount
from api.deps import Db, Requires, Staff
from api.errors import documented
from api.routing import feature
from api.wires.shapes import WireView, view
from models.auth import Role
from models.money import to_decimal
from models.tables import wires
from models.tables.auth import Caller
from models.tables.wires import Wire, WireApproval
from models.wires import Approver

router = feature("wires")


class QuestionIn(BaseModel):
    """What an officer wants to know."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"question": "What is invoice 7 for?"}})

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class AnswerIn(BaseModel):
    """What the customer answers."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"answer": "Machine parts for our plant."}})

    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class Question(BaseModel):
    """One question and its answer, null before it is given. Customers are not told which officer asked."""

    round: int
    question: str
    asked_by: UUID | None
    asked_at: datetime
    answer: str | None
    answered_at: datetime | None


class Questions(BaseModel):
    """Everything that was asked about a wire, in order."""

    data: list[Question]


class Decision(BaseModel):
    """What one officer decided. `place` is the place of the routing that it fills, null where it fills none."""

    officer_id: UUID
    on_behalf_of: UUID | None
    decision: str
    place: int | None
    comment: str
    evidence: str | None
    evidence_hash: str | None
    created_at: datetime


class RoutingView(BaseModel):
    """Who has to approve a wire, and why; amounts in the base currency, null where no current rate said them."""

    matrix_version: int
    row: str
    approvers: list[Approver]
    in_order: bool
    base_currency: str
    amount: Amount | None
    summed: Amount | None
    inputs: dict[str, Any]
    explanation: str
    routed_at: datetime


class ApprovalCase(BaseModel):
    """All that is needed to decide about a wire, or to see years later why it was decided so."""

    wire_id: UUID
    routing: RoutingView | None
    decisions: list[Decision]
    evidence_hash: str
    assignee: UUID | None
    claimed_at: datetime | None


async def _seen(db: Db, wire: Wire, caller: Caller) -> WireView:
    return view(wire, (await wires.given(db, [wire.id])).get(wire.id, 0), caller)


@router.get("/{wire_id}/approval", summary="Read why a wire goes to whom", responses=documented(401, 403, 404))
async def read_approval(wire_id: UUID, _staff: Annotated[Caller, Staff("wires:read")], db: Db) -> ApprovalCase:
    """The row of the matrix that decided with all it was asked about, the decisions, and the hash of what there is to
    see now. Not for customers."""
    wire = await wires.find(db, wire_id)
    routing = await wires.routing_of(db, wire.id)
    return ApprovalCase(
        wire_id=wire.id,
        routing=None if routing is None else _routing(routing),
        decisions=_decisions(await wires.approvals(db, wire.id)),
        evidence_hash=wires.snapshot_hash(await wires.snapshot(db, wire)).hex(),
        assignee=wire.assignee,
        claimed_at=wire.claimed_at,
    )


@router.get("/{wire_id}/questions", summary="Read questions and answers", responses=documented(401, 403, 404))
async def read_questions(wire_id: UUID, caller: Annotated[Caller, Requires("wires:read")], db: Db) -> Questions:
    """What officers asked about a wire, and what its customer answered."""
    wire = await wires.find(db, wire_id)
    asked = [Question.model_validate(dict(row._mapping)) for row in await wires.questions(db, wire.id)]
    if caller.role == Role.CUSTOMER:
        asked = [one.model_copy(update={"asked_by": None}) for one in asked]
    return Questions(data=asked)


@router.put("/{wire_id}/request-info", summary="Ask the customer", responses=documented(400, 401, 403, 404, 409))
async def request_info(
    wire_id: UUID, body: QuestionIn, request: Request, officer: Annotated[Caller, Staff("wires:approve")], db: Db
) -> WireView:
    """Nobody approves before the customer has answered. The desk's clock stands meanwhile; the hard stop stays."""
    audit.note(request, "wire", wire_id, new={"decision": "request_info", "question": body.question})
    wire = await wires.request_info(
        db, wire_id, officer.id, question=body.question, request_id=audit.attempt_of(request).request_id
    )
    audit.note(request, "wire", wire_id, new={"status": wire.status})
    return await _seen(db, wire, officer)


@router.put("/{wire_id}/info", summary="Answer a question", responses=documented(401, 403, 404, 409))
async def give_info(
    wire_id: UUID, body: AnswerIn, request: Request, caller: Annotated[Caller, Requires("wires:create")], db: Db
) -> WireView:
    """The customer answers the open question, and the wire waits for officers again."""
    audit.note(request, "wire", wire_id, new={"decision": "give_info"})
    wire = await wires.give_info(
        db, wire_id, caller.id, answer=body.answer, request_id=audit.attempt_of(request).request_id
    )
    audit.note(request, "wire", wire_id, new={"status": wire.status})
    return await _seen(db, wire, caller)


@router.put("/{wire_id}/claim", summary="Look after a wire", responses=documented(401, 403, 404, 409))
async def claim_wire(
    wire_id: UUID, request: Request, officer: Annotated[Caller, Staff("wires:approve")], db: Db
) -> WireView:
    """Tells everybody who looks after the wire. Others may still decide: a claim is a name and no lock."""
    audit.note(request, "wire", wire_id, new={"assignee": str(officer.id)})
    wire = await wires.claim(db, wire_id, officer.id, request_id=audit.attempt_of(request).request_id)
    return await _seen(db, wire, officer)


@router.delete("/{wire_id}/claim", summary="Give a wire back to the desk", responses=documented(401, 403, 404, 409))
async def give_back_wire(
    wire_id: UUID, request: Request, officer: Annotated[Caller, Staff("wires:approve")], db: Db
) -> WireView:
    """One's own, or as a senior officer anybody's. A wire that nobody looks after stays as it is."""
    audit.note(request, "wire", wire_id, new={"assignee": None})
    senior = "wires:high_value" in officer.permissions
    wire = await wires.give_back(
        db, wire_id, officer.id, senior=senior, request_id=audit.attempt_of(request).request_id
    )
    return await _seen(db, wire, officer)


def _routing(routing: Any) -> RoutingView:
    base = routing.base_currency
    return RoutingView.model_validate(
        {
            **dict(routing._mapping),
            "row": routing.matrix_row,
            "amount": None if routing.amount_base_minor is None else to_decimal(routing.amount_base_minor, base),
            "summed": None if routing.summed_base_minor is None else to_decimal(routing.summed_base_minor, base),
        }
    )


def _decisions(decisions: Sequence[WireApproval]) -> list[Decision]:
    return [
        Decision.model_validate(
            {**one.model_dump(), "evidence_hash": one.evidence_hash.hex() if one.evidence_hash else None}
        )
        for one in decisions
    ]
