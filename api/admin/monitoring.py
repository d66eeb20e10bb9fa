"""Cases of transaction monitoring, for officers: what rules found, and what is made of it (contract §12)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from api import audit
from api.admin.audit import router
from api.amounts import Amount
from api.deps import Db, Staff, StaffWithAny
from api.errors import documented
from models.auth import Permission
from models.errors import PermissionMissing
from models.money import to_decimal
from models.monitoring import CaseStatus, Facts, Outcome, Rule, explained
from models.monitoring.cases import LONGEST_SNOOZE_DAYS
from models.tables import monitoring
from models.tables.auth import Caller

Reader = Annotated[Caller, StaffWithAny(Permission.ADMIN_COMPLIANCE, Permission.ADMIN_REPORTS)]
Officer = Annotated[Caller, Staff(Permission.ADMIN_COMPLIANCE)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2000)]
_RULE: Final[TypeAdapter[Rule]] = TypeAdapter(Rule)
# Whoever may list these knows which cases are suspicions.
_TELLING: Final = frozenset({CaseStatus.EXPLAINED, CaseStatus.ESCALATED})
_MOST_ALERTS: Final = 50
_MOST_EVENTS: Final = 200


class MonitoringCaseLine(BaseModel):
    """A case: a customer, and how many alerts it gathers. `due_at`: 30 days after the first of them."""

    id: UUID
    customer_id: UUID
    customer_name: str | None = Field(examples=["Ada Quill"])
    risk_level: str | None = Field(examples=["low"])
    status: CaseStatus
    rules: list[str] = Field(examples=[["structuring_below_report"]])
    alerts: int = Field(examples=[1])
    two_people: bool = Field(description="Whether an explanation takes a second officer.")
    opened_at: datetime
    due_at: datetime
    assignee_id: UUID | None
    claimed_at: datetime | None
    ended_at: datetime | None


class MonitoringCases(BaseModel):
    """Open cases by deadline, closed ones newest first."""

    data: list[MonitoringCaseLine]
    total: int
    page: int
    total_pages: int


class EvidenceLine(BaseModel):
    """A transaction that an alert counts. Below zero it went out."""

    transaction_id: UUID
    transaction_type: str = Field(examples=["transfer"])
    description: str
    amount: Amount
    moved_at: datetime


class AlertView(BaseModel):
    """What a rule found on an account, in words, and the newest hundred of the transactions that it counted."""

    id: UUID
    rule: str = Field(examples=["structuring_below_report"])
    rulebook: int = Field(description="The version of the rules.", examples=[1])
    explanation: str
    account_number: str
    currency: str
    movements: int
    amount: Amount
    begins_at: datetime
    happened_at: datetime
    evidence: list[EvidenceLine]


class EventView(BaseModel):
    """Something that happened to a case."""

    at: datetime
    event: str = Field(examples=["commented"])
    officer_id: UUID | None
    body: str


class SuspicionView(BaseModel):
    """A suspicion to which a case has led."""

    officer_id: UUID
    body: str
    created_at: datetime


class MonitoringCaseView(MonitoringCaseLine):
    """Everything about a case. For whoever does not hold `admin:suspicion`, a closed one has no explanation, no word of
    who closed it, and no suspicions: it reads the same whatever it came to."""

    explanation: int = Field(description="The number of the explanation, to be confirmed by it. 0: none.")
    reason: str | None
    proposed_by: UUID | None
    proposed_at: datetime | None
    snooze_until: datetime | None
    ended_by: UUID | None
    alerts_found: list[AlertView]
    events: list[EventView]
    suspicions: list[SuspicionView]


class Comment(BaseModel):
    """Something for the other officers."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"body": "Asked the branch"}})

    body: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Closing(BaseModel):
    """What the case comes to. `alerts`: how many of them were read, so that nobody decides about what came since.

    `snooze_days`: with an explanation, for how long the same rules are silent about the same accounts.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"outcome": "explained", "reason": "Sold a car, contract seen", "alerts": 1}},
    )

    outcome: Outcome
    reason: Reason
    alerts: int = Field(ge=1, le=2**31 - 1)
    snooze_days: int | None = Field(default=None, ge=1, le=LONGEST_SNOOZE_DAYS)


class Closed(BaseModel):
    """`closed`, or `awaiting_confirmation`: a second officer has to confirm the explanation."""

    id: UUID
    state: str = Field(examples=["closed"])


class ExplanationConfirmed(BaseModel):
    """Which explanation is confirmed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"explanation": 1}})

    explanation: int = Field(ge=1, le=2**31 - 1, description="Its number, as it was read.")


@router.get("/monitoring/cases", summary="Cases of transaction monitoring", responses=documented(401, 403))
async def list_monitoring_cases(
    reader: Reader,
    db: Db,
    status: CaseStatus = CaseStatus.OPEN,
    mine: Annotated[bool, Query(description="Only those that you look after.")] = False,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> MonitoringCases:
    """What rules found and nobody has closed yet, or what was closed. The customer never learns of it.

    What a case came to (`explained`, `escalated`) is told to those alone who hold `admin:suspicion`; to others both are
    `closed`.
    """
    if status in _TELLING and Permission.ADMIN_SUSPICION not in reader.permissions:
        needed = Permission.ADMIN_SUSPICION
        raise PermissionMissing(f"What a case came to needs the permission {needed}", permission=needed)
    assignee = reader.id if mine else None
    total = await monitoring.count_cases(db, status, assignee)
    rows = await monitoring.cases_with(db, status, assignee=assignee, limit=limit, offset=(page - 1) * limit)
    return MonitoringCases(
        data=[MonitoringCaseLine.model_validate(dict(row._mapping)) for row in rows],
        total=total,
        page=page,
        total_pages=max(1, -(-total // limit)),
    )


@router.get("/monitoring/cases/{case_id}", summary="A case of monitoring", responses=documented(401, 403, 404))
@audit.disclosing
async def read_monitoring_case(case_id: UUID, request: Request, _reader: Reader, db: Db) -> MonitoringCaseView:
    """Its alerts with their transactions, and what officers did. Who reads it is kept in the audit log."""
    audit.note(request, "monitoring_case", case_id)
    return await _view(db, case_id)


@router.put("/monitoring/cases/{case_id}/claim", summary="Look after a case", responses=documented(401, 403, 404, 409))
async def claim_monitoring_case(case_id: UUID, request: Request, officer: Officer, db: Db) -> MonitoringCaseView:
    """Tells the others who looks after it. They may still decide: a claim is a name and no lock."""
    audit.note(request, "monitoring_case", case_id, new={"assignee": str(officer.id)})
    await monitoring.claim(db, case_id, officer.id, datetime.now(UTC))
    return await _view(db, case_id)


@router.delete(
    "/monitoring/cases/{case_id}/claim", summary="Give a case back", responses=documented(401, 403, 404, 409)
)
async def give_back_monitoring_case(case_id: UUID, request: Request, officer: Officer, db: Db) -> MonitoringCaseView:
    """Nobody looks after it any more."""
    audit.note(request, "monitoring_case", case_id, new={"assignee": None})
    await monitoring.give_back(db, case_id, officer.id)
    return await _view(db, case_id)


@router.post(
    "/monitoring/cases/{case_id}/comments",
    status_code=201,
    summary="Comment on a case",
    responses=documented(401, 403, 404, 409),
)
async def comment_on_monitoring_case(
    case_id: UUID, body: Comment, request: Request, officer: Officer, db: Db
) -> MonitoringCaseView:
    """For the other officers; it stays with the case."""
    audit.note(request, "monitoring_case", case_id, new={"commented": True})
    await monitoring.comment(db, case_id, officer.id, body.body)
    return await _view(db, case_id)


@router.put("/monitoring/cases/{case_id}/close", summary="Close a case", responses=documented(401, 403, 404, 409))
async def close_monitoring_case(case_id: UUID, body: Closing, request: Request, _officer: Officer, db: Db) -> Closed:
    """Explains it, which some cases take two officers for, or reports a suspicion of money laundering. Either way it is
    closed; which of them it was is told to those alone who hold `admin:suspicion`.

    One operation for both, so that no log of requests tells that there is a suspicion.
    """
    audit.note(request, "monitoring_case", case_id, new={"closed": True})
    snooze = None if body.snooze_days is None else timedelta(days=body.snooze_days)
    done = await monitoring.close(db, case_id, body.outcome, body.reason, seen=body.alerts, snooze=snooze)
    return Closed(id=case_id, state="awaiting_confirmation" if done == "proposed" else "closed")


@router.put(
    "/monitoring/cases/{case_id}/confirm",
    summary="Confirm the explanation of a case",
    responses=documented(401, 403, 404, 409),
)
async def confirm_monitoring_case(
    case_id: UUID, body: ExplanationConfirmed, request: Request, _officer: Officer, db: Db
) -> Closed:
    """By another officer than who explained it."""
    audit.note(request, "monitoring_case", case_id, new={"confirmed": body.explanation})
    await monitoring.confirm(db, case_id, body.explanation)
    return Closed(id=case_id, state="closed")


async def _view(db: Db, case_id: UUID) -> MonitoringCaseView:
    row = await monitoring.find_case(db, case_id)
    alerts = await monitoring.alerts_of(db, case_id, _MOST_ALERTS)
    evidence = await monitoring.evidence_of(db, [one.id for one in alerts])
    return MonitoringCaseView.model_validate(
        {
            **row._mapping,
            "explanation": row.proposal,
            "alerts_found": [_alert(one, [line for line in evidence if line.alert_id == one.id]) for one in alerts],
            "events": [dict(one._mapping) for one in await monitoring.events_of(db, case_id, _MOST_EVENTS)],
            "suspicions": [dict(one._mapping) for one in await monitoring.suspicions_of(db, case_id)],
        }
    )


def _alert(row: Any, evidence: list[Any]) -> AlertView:
    def money(minor: int) -> Decimal:
        return to_decimal(minor, row.currency)

    return AlertView(
        explanation=explained(_RULE.validate_python(row.parameters), Facts.model_validate(dict(row._mapping))),
        amount=money(row.amount_minor),
        evidence=[
            EvidenceLine.model_validate({**line._mapping, "amount": money(line.amount_minor)}) for line in evidence
        ],
        **{
            name: row._mapping[name]
            for name in (
                "id", "rule", "rulebook", "account_number", "currency", "movements", "begins_at", "happened_at"
            )
        },
    )  # fmt: skip
