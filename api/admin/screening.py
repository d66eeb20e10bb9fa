"""The compliance desk's lists: open cases, blocked property, reports that are due (contract §12)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.admin.audit import router
from api.amounts import Amount, Percent
from api.deps import Db, Staff, StaffWithAny
from api.errors import documented
from models.auth import Permission
from models.money import to_decimal
from models.sla import SlaStage
from models.tables.auth import Caller
from models.tables.wires import blocked, cases
from models.wires import ComplianceStatus, WireStatus
from models.wires.compliance import ANNUAL_DUE, ANNUAL_HELD, ReportKind

Reader = Annotated[Caller, StaffWithAny(Permission.ADMIN_COMPLIANCE, Permission.ADMIN_REPORTS)]
Officer = Annotated[Caller, Staff(Permission.ADMIN_COMPLIANCE)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]
Limit = Annotated[int, Query(ge=1, le=100)]


class CaseLine(BaseModel):
    """A wire that waits for the compliance desk."""

    wire_id: UUID
    status: WireStatus
    compliance_status: ComplianceStatus
    amount: Amount
    currency: str
    recipient_name: str
    recipient_country: str
    hits: int = Field(description="Hits that are no remembered false positives.")
    score: Decimal | None = Field(description="Of the strongest of them.")
    proposed: int = Field(description="Rulings that wait for a second officer.")
    opened_at: datetime
    due_at: datetime
    hard_stop: datetime | None
    stage: SlaStage
    assignee: UUID | None
    claimed_at: datetime | None


class Claim(BaseModel):
    """Who looks after a case; nobody where it was given back."""

    wire_id: UUID
    assignee: UUID | None
    claimed_at: datetime | None


class Filed(BaseModel):
    """A report that was filed."""

    wire_id: UUID
    kind: ReportKind
    reference: str = Field(examples=["OFAC-2026-000123"])
    filed_at: datetime


class Cases(BaseModel):
    """The open cases, what is due first first."""

    data: list[CaseLine]
    total: int
    page: int
    total_pages: int


class Property(BaseModel):
    """Blocked property, and its report."""

    wire_id: UUID
    amount: Amount
    currency: str
    recipient_name: str
    recipient_country: str
    interest: Amount = Field(description="What it has earned and was booked: it is blocked as well.")
    accrued: Amount = Field(description="What it has earned since, which is booked when the month is over.")
    total: Amount = Field(description="All of it, in whole minor units.")
    rate_percent: Percent | None = Field(description="What it earns a year of 360 days; null where none is published.")
    transaction_id: UUID
    blocked_at: datetime
    report_due_on: date
    report_filed_at: datetime | None
    report_reference: str | None
    released_at: datetime | None
    licence: str | None


class Properties(BaseModel):
    """Blocked property, oldest first. With a year: what was held on its 30 June, for the report by 30 September."""

    data: list[Property]
    held_on: date | None
    annual_report_due_on: date | None


class Report(BaseModel):
    """A report to the authority: of blocked property, or of a rejected transaction."""

    wire_id: UUID
    kind: ReportKind
    amount: Amount
    currency: str
    happened_at: datetime
    due_on: date
    filed_at: datetime | None
    filed_by: UUID | None
    reference: str | None


class Reports(BaseModel):
    """Reports, those that are due first first."""

    data: list[Report]


class Filing(BaseModel):
    """How the authority calls the report."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reference": "BR-2026-0042"}})

    reference: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


@router.get("/screening/cases", summary="Open cases of the compliance desk", responses=documented(401, 403))
async def list_cases(_reader: Reader, db: Db, page: PageNumber = 1, limit: Limit = 20) -> Cases:
    """Wires whose hits are open, blocked ones too, by deadline."""
    total = await cases.count_cases(db)
    rows = await cases.cases(db, limit=limit, offset=(page - 1) * limit)
    return Cases(
        data=[CaseLine.model_validate(_with_amount(row)) for row in rows],
        total=total,
        page=page,
        total_pages=max(1, -(-total // limit)),
    )


@router.put("/screening/cases/{wire_id}/claim", summary="Look after a case", responses=documented(401, 403, 404, 409))
async def claim_case(wire_id: UUID, request: Request, officer: Officer, db: Db) -> Claim:
    """Tells everybody who looks after the case. Others may still rule: a claim is a name and no lock."""
    audit.note(request, "wire", wire_id, new={"assignee": str(officer.id)})
    return await _claim(wire_id, officer, db, mine=True)


@router.delete("/screening/cases/{wire_id}/claim", summary="Give a case back", responses=documented(401, 403, 404, 409))
async def give_back_case(wire_id: UUID, request: Request, officer: Officer, db: Db) -> Claim:
    """One's own, or as a senior officer anybody's."""
    audit.note(request, "wire", wire_id, new={"assignee": None})
    return await _claim(wire_id, officer, db, mine=False)


@router.get("/screening/blocked", summary="Blocked property", responses=documented(401, 403))
async def list_blocked_property(
    _reader: Reader,
    db: Db,
    year: Annotated[int | None, Query(ge=2000, le=2200, description="For the annual report of that year.")] = None,
    page: PageNumber = 1,
    limit: Limit = 100,
) -> Properties:
    """What is or was held on the blocked accounts, with the interest that it has earned by the beginning of this day
    (UTC), or of the 30th of June by its end, and with the date and number of each report."""
    held_on = None if year is None else date(year, *ANNUAL_HELD)
    until = datetime.now(UTC).date() if held_on is None else held_on + timedelta(days=1)
    rows = await blocked.held(db, until=until, only_held=held_on is not None, limit=limit, offset=(page - 1) * limit)
    return Properties(
        data=[_property(*one) for one in rows],
        held_on=held_on,
        annual_report_due_on=None if year is None else date(year, *ANNUAL_DUE),
    )


@router.get("/screening/reports", summary="Reports to the authority", responses=documented(401, 403))
async def list_reports(
    _reader: Reader, db: Db, only_open: bool = False, page: PageNumber = 1, limit: Limit = 100
) -> Reports:
    """Of blocked property and of rejected transactions: each is due ten business days after."""
    rows = await cases.reports(db, only_open=only_open, limit=limit, offset=(page - 1) * limit)
    return Reports(data=[Report.model_validate(_with_amount(row)) for row in rows])


@router.put(
    "/screening/reports/{wire_id}/{kind}",
    summary="Say that a report is filed",
    responses=documented(401, 403, 404, 409),
)
async def file_report(
    wire_id: UUID, kind: Annotated[ReportKind, Path()], body: Filing, request: Request, officer: Officer, db: Db
) -> Filed:
    """Keeps who filed it, when, and how the authority calls it. Once."""
    audit.note(request, "wire", wire_id, new={"report": kind, "reference": body.reference})
    row = await cases.report_filed(db, wire_id, kind, officer.id, body.reference)
    return Filed(wire_id=wire_id, kind=kind, reference=row.reference, filed_at=row.filed_at)


async def _claim(wire_id: UUID, officer: Caller, db: Db, *, mine: bool) -> Claim:
    senior = "wires:high_value" in officer.permissions
    case = await cases.claim_case(db, wire_id, officer.id, senior=senior, mine=mine)
    return Claim(wire_id=wire_id, assignee=case.assignee, claimed_at=case.claimed_at)


def _property(row: Any, accrued_minor: int, rate_percent: Decimal | None) -> Property:
    interest_minor = int(row.interest_minor)
    return Property.model_validate(
        {
            **_with_amount(row),
            "interest": to_decimal(interest_minor, row.currency),
            "accrued": to_decimal(accrued_minor, row.currency),
            "total": to_decimal(row.amount_minor + interest_minor + accrued_minor, row.currency),
            "rate_percent": rate_percent,
            "report_due_on": row.due_on,
            "report_filed_at": row.filed_at,
            "report_reference": row.reference,
        }
    )


def _with_amount(row: Any) -> dict[str, Any]:
    return {**dict(row._mapping), "amount": to_decimal(row.amount_minor, row.currency)}
