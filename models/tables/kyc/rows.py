"""Reviews as they are kept. The questions asked about them are in `cases`."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import ARRAY, Column, DateTime, FetchedValue, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel, func
from uuid_utils.compat import uuid7

from models.calendars import AlwaysOpen
from models.kyc.ladder import Rung
from models.kyc.process import KycStart
from models.kyc.states import Occasion, Restriction
from models.sla import SlaClock, SlaStage, sla_clock

MOMENT: Final = DateTime(timezone=True)


def _now() -> Any:
    return Field(default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.now()})


class KycCase(SQLModel, table=True):
    """One review of one customer."""

    __tablename__ = "kyc_cases"
    # `updated_at` is the database's: read back with each change.
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    number: int
    occasion: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    told: bool = Field(default=True, sa_column_kwargs={"server_default": FetchedValue()})
    round: int = 1
    tier: str
    declaration: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    profile: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    due_at: datetime | None = Field(default=None, sa_type=MOMENT)
    rung: str = Field(default=Rung.OPENED, sa_type=Text)
    restriction: str = Field(default=Restriction.NONE, sa_type=Text)
    sla_started_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_remind_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_escalate_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_deadline: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_stage: str = Field(default=SlaStage.NONE, sa_type=Text)
    asked_at: datetime | None = Field(default=None, sa_type=MOMENT)
    answer_due_at: datetime | None = Field(default=None, sa_type=MOMENT)
    answer_stage: str = Field(default=SlaStage.NONE, sa_type=Text)
    assignee_id: UUID | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=MOMENT)
    approvals_required: int = 1
    senior_required: bool = False
    risk_level: str | None = Field(default=None, sa_type=Text)
    risk_points: int | None = None
    list_version: str | None = None
    content_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    next_review_at: datetime | None = Field(default=None, sa_type=MOMENT)
    decided_by: UUID | None = None
    decided_at: datetime | None = Field(default=None, sa_type=MOMENT)
    reason_code: str | None = None
    created_at: datetime | None = _now()
    updated_at: datetime | None = Field(
        default=None,
        sa_type=MOMENT,
        sa_column_kwargs={"server_default": func.now(), "server_onupdate": FetchedValue()},
    )

    @property
    def clock(self) -> SlaClock | None:
        """The marks of the officers' decision, once it is due. It stays due, however late."""
        if not (self.sla_started_at and self.sla_remind_at and self.sla_escalate_at and self.sla_deadline):
            return None
        return SlaClock(
            started_at=self.sla_started_at,
            remind_at=self.sla_remind_at,
            escalate_at=self.sla_escalate_at,
            deadline=self.sla_deadline,
            hard_stop=None,
        )

    @property
    def answer_clock(self) -> SlaClock | None:
        """The marks of the customer's answer: days of the calendar, since the customer keeps no desk's hours."""
        if self.asked_at is None or self.answer_due_at is None:
            return None
        return sla_clock(AlwaysOpen(), self.asked_at, self.answer_due_at - self.asked_at)

    @property
    def start(self) -> KycStart:
        """What the process of the review is started with."""
        return KycStart(
            case_id=self.id,
            customer_ref=str(self.user_id),
            number=self.number,
            occasion=Occasion(self.occasion),
        )


class KycDecision(SQLModel, table=True):
    """The decision of one officer, bound to the hash of what was decided on."""

    __tablename__ = "kyc_decisions"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    case_id: UUID
    customer_id: UUID
    officer_id: UUID
    decision: str
    senior: bool
    content_hash: bytes = Field(sa_type=LargeBinary)
    reason_code: str | None = None
    comment: str = ""
    created_at: datetime | None = _now()


class KycQuestion(SQLModel, table=True):
    """Something that the bank asks the customer."""

    __tablename__ = "kyc_info_requests"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    case_id: UUID
    customer_id: UUID
    officer_id: UUID | None = None
    question: str
    documents: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    asked_at: datetime = Field(sa_type=MOMENT)
    due_at: datetime = Field(sa_type=MOMENT)
    answer: str | None = None
    answered_at: datetime | None = Field(default=None, sa_type=MOMENT)


class KycHit(SQLModel, table=True):
    """One finding of screening."""

    __tablename__ = "kyc_hits"

    id: int | None = Field(default=None, primary_key=True)
    case_id: UUID
    customer_id: UUID
    list: str
    entry_id: str
    entry_hash: bytes = Field(sa_type=LargeBinary)
    list_version: str
    kind: str
    field: str
    matched: str
    score: Decimal
    verdict: str
    parts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)


class KycAssessment(SQLModel, table=True):
    """What the checks of one round found."""

    __tablename__ = "kyc_assessments"

    case_id: UUID = Field(primary_key=True)
    customer_id: UUID
    round: int = Field(primary_key=True)
    # `pass` is a word of Python.
    attempt: int = Field(default=1, sa_column=Column("pass", primary_key=True))
    model_version: str
    level: str
    points: int
    factors: list[dict[str, Any]] = Field(sa_type=JSONB)
    findings: dict[str, Any] = Field(sa_type=JSONB)
    list_version: str
    content_hash: bytes = Field(sa_type=LargeBinary)
    created_at: datetime | None = _now()


class KycNote(SQLModel, table=True):
    """What an officer wrote for the others."""

    __tablename__ = "kyc_notes"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    case_id: UUID
    customer_id: UUID
    officer_id: UUID
    body: str
    created_at: datetime | None = _now()


class KycSuspicion(SQLModel, table=True):
    """A suspicion of money laundering, for those alone who hold `admin:suspicion`."""

    __tablename__ = "kyc_suspicions"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    customer_id: UUID
    case_id: UUID | None = None
    officer_id: UUID
    body: str
    created_at: datetime | None = _now()


class KycEvent(SQLModel, table=True):
    """One line of a review's timeline. `step` names a step of the process, which is written once."""

    __tablename__ = "kyc_events"

    id: int | None = Field(default=None, primary_key=True)
    case_id: UUID
    customer_id: UUID
    at: datetime | None = _now()
    event: str
    status: str
    actor: str
    actor_id: UUID | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    step: str | None = None
