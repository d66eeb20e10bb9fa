"""What a review looks like: to its customer, who is told what to do and nothing of what was found, and to officers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from models.kyc.declaration import Declaration
from models.kyc.documents import DocumentType
from models.kyc.requirements import Missing
from models.kyc.risk import RiskLevel
from models.kyc.states import KycStatus, Occasion, Rejection, Restriction
from models.sla import SlaStage

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Submission(BaseModel):
    """What a customer submits beside the documents that were sent before."""

    model_config = ConfigDict(extra="forbid")

    tier: Literal["standard", "premium", "private"] = "standard"
    declaration: Declaration


class Answer(BaseModel):
    """A customer's answer to what the bank asked."""

    model_config = ConfigDict(extra="forbid")

    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class Approval(BaseModel):
    """A word to an approval; needed where screening found something."""

    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""


class Refusal(BaseModel):
    """Why a customer is refused: the reason is what they are told, the comment stays with the officers."""

    model_config = ConfigDict(extra="forbid")

    reason: Rejection
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""


class InfoRequest(BaseModel):
    """What a customer is asked, and which documents would answer it."""

    model_config = ConfigDict(extra="forbid")

    question: Words
    documents: Annotated[list[DocumentType], Field(max_length=8)] = []


class Note(BaseModel):
    """Something for the other officers. A `suspicion` is seen by those alone who hold `admin:suspicion`."""

    model_config = ConfigDict(extra="forbid")

    body: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    suspicion: bool = False


class Required(BaseModel):
    """One thing to prove, by any one of these documents."""

    name: str = Field(examples=["identity"])
    any_of: list[DocumentType]


class Question(BaseModel):
    """What the bank has asked. `documents` would answer it."""

    id: UUID
    question: str
    documents: list[DocumentType]
    asked_at: datetime
    due_at: datetime


class OwnReview(BaseModel):
    """A review as its customer sees it."""

    id: UUID
    status: KycStatus
    tier: str
    due_at: datetime | None
    created_at: datetime
    may_withdraw: bool


class StatusView(BaseModel):
    """Where a customer stands, and what is next: `complete_profile`, `upload`, `submit`, `answer`, `wait`,
    `speak_to_us` or `nothing`."""

    status: KycStatus
    restriction: Restriction
    tier: str
    next_step: str = Field(examples=["upload"])
    review: OwnReview | None
    question: Question | None
    required: list[Required]
    missing: list[Missing]
    profile_missing: list[str]


class Eyes(BaseModel):
    """How many officers have to approve, and how many have."""

    required: int
    given: int
    senior_required: bool


class CaseLine(BaseModel):
    """A review in the officers' queue."""

    id: UUID
    customer_id: UUID
    customer_name: str = Field(examples=["Lev Reed"])
    number: int
    occasion: Occasion
    status: KycStatus
    tier: str
    risk_level: RiskLevel | None
    risk_points: int | None
    approvals: Eyes
    assignee_id: UUID | None
    sla_deadline: datetime | None
    sla_stage: SlaStage
    due_at: datetime | None
    restriction: Restriction
    reason_code: str | None
    created_at: datetime
    updated_at: datetime


class CaseDocument(BaseModel):
    """A document of the customer; its content is at `/kyc/cases/{case_id}/documents/{document_id}`."""

    id: UUID
    document_type: DocumentType
    status: str
    scan_status: str
    country: str | None
    expires_at: date | None
    sha256: str
    created_at: datetime


class CaseAssessment(BaseModel):
    """What the checks of one round found: every point with its reason."""

    round: int
    model_version: str
    level: RiskLevel
    points: int
    factors: list[dict[str, Any]]
    findings: dict[str, Any]
    list_version: str
    created_at: datetime


class CaseHit(BaseModel):
    """A finding of screening."""

    list: str
    entry_id: str
    kind: str
    field: str
    matched: str
    score: Decimal
    verdict: str
    list_version: str
    parts: dict[str, Any]


class CaseDecision(BaseModel):
    """What an officer decided. `void`: about what the review is not about any more."""

    officer_id: UUID
    decision: str
    senior: bool
    reason_code: str | None
    comment: str
    void: bool
    created_at: datetime


class CaseQuestion(Question):
    """A question, with who asked (nobody: the checks) and the answer."""

    officer_id: UUID | None
    answer: str | None
    answered_at: datetime | None


class CaseNote(BaseModel):
    """What an officer wrote."""

    officer_id: UUID
    body: str
    created_at: datetime


class CaseEvent(BaseModel):
    """One thing that happened."""

    at: datetime
    event: str
    status: KycStatus
    actor: str
    actor_id: UUID | None
    data: dict[str, Any]


class CaseView(CaseLine):
    """All that officers know of a review. `stale`: something has changed since it was checked, and an approval would
    have it checked again."""

    profile: dict[str, Any]
    declaration: dict[str, Any]
    stale: bool
    missing: list[Missing]
    documents: list[CaseDocument]
    assessments: list[CaseAssessment]
    hits: list[CaseHit]
    decisions: list[CaseDecision]
    questions: list[CaseQuestion]
    notes: list[CaseNote]
    suspicions: list[CaseNote]
    timeline: list[CaseEvent]
    workflow_id: str
