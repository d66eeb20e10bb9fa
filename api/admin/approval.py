"""How wires are approved, for those who run the desk: the matrix, country risks, what officers may approve, and who
decides in whose place.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import text

from api import audit
from api.admin.audit import router
from api.amounts import Amount
from api.deps import Configuration, CurrentUser, Db, Staff
from api.errors import documented
from api.step_up import FreshAuthentication
from models.auth import Permission
from models.errors import FourEyes
from models.money import to_decimal, to_minor
from models.tables import wires
from models.tables.auth import Caller
from models.tables.users import user
from models.tables.wires import approvers
from models.wires import Risk, Row

_Reader = Annotated[Caller, Staff(Permission.WIRES_READ)]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_Country = Annotated[str, Path(pattern=r"^[A-Z]{2}$", examples=["NL"])]


class MatrixView(BaseModel):
    """The matrix that decides now, read from the top: the first row that applies decides."""

    version: int
    base_currency: str
    rows: list[Row]
    call_back_over: int | None = Field(
        description="Over this amount of the base currency the customer of a wire to somebody new is called back."
    )


class CountryRisk(BaseModel):
    """How risky the bank holds a country to be. A country that is not in the list counts as medium."""

    country: str = Field(examples=["NL"])
    risk: Risk
    note: str = Field(examples=["Sample, not an official list"])
    updated_by: UUID | None
    updated_at: datetime


class CountryRisks(BaseModel):
    """The countries that were rated."""

    data: list[CountryRisk]


class CountryRiskIn(BaseModel):
    """A new rating, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"risk": "high", "note": "New guidance"}})

    risk: Risk
    note: _Reason


class ApproverLimit(BaseModel):
    """What one officer, or everybody with a preset, may approve; null has no end. `*` is everybody else."""

    person: UUID | None
    preset: str | None
    base_currency: str
    per_wire: Amount | None
    per_day: Amount | None


class ApproverLimits(BaseModel):
    """All limits. A person's own counts before that of their preset, and that before `*`."""

    data: list[ApproverLimit]


class ApproverLimitIn(BaseModel):
    """A limit in whole units of the base currency, for a person or for a preset."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"preset": "compliance_officer", "per_wire": 1000000, "per_day": 10000000}},
    )

    person: UUID | None = None
    preset: Annotated[str | None, StringConstraints(pattern=r"^(\*|[a-z_]{1,40})$")] = None
    per_wire: Annotated[int, Field(ge=0, le=10**12)] | None = None
    per_day: Annotated[int, Field(ge=0, le=10**12)] | None = None

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.person is None) == (self.preset is None):
            raise ValueError("a limit is a person's or a preset's")
        return self


class DelegationView(BaseModel):
    """One officer decides in another's place. `active`: now."""

    id: UUID
    delegator: UUID
    delegate: UUID
    roles: list[str]
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_at: datetime
    ended_at: datetime | None
    ended_by: UUID | None
    active: bool


class Delegations(BaseModel):
    """Delegations, newest first."""

    data: list[DelegationView]


class DelegationIn(BaseModel):
    """Whom you let decide in your place, and until when: at most 90 days."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "delegate": "01890a5d-ac96-774b-bcce-b302099a8057",
                "ends_at": "2026-12-01T18:00:00Z",
                "reason": "On leave",
            }
        },
    )

    delegate: UUID
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime
    reason: _Reason


@router.get("/approval-matrix", summary="Read the approval matrix", responses=documented(401, 403))
async def read_matrix(_staff: _Reader, db: Db, settings: Configuration) -> MatrixView:
    """The version that decides now. Another one is proposed and published at `/approval-matrices`."""
    version, matrix = await wires.newest_matrix(db)
    return MatrixView(
        version=version,
        base_currency=settings.base_currency,
        rows=list(matrix.rows),
        call_back_over=matrix.call_back_over,
    )


@router.get("/country-risks", summary="List country risks", responses=documented(401, 403))
async def list_country_risks(_staff: _Reader, db: Db) -> CountryRisks:
    """What was rated, by country. What is shipped is a sample and no official list."""
    rows = await db.execute(text("SELECT country, risk, note, updated_by, updated_at FROM country_risks ORDER BY 1"))
    return CountryRisks(data=[CountryRisk.model_validate(dict(row._mapping)) for row in rows])


@router.put("/country-risks/{country}", summary="Rate a country", responses=documented(401, 403))
async def rate_country(
    country: _Country,
    body: CountryRiskIn,
    request: Request,
    _senior: Annotated[Caller, Staff(Permission.WIRES_HIGH_VALUE)],
    db: Db,
) -> CountryRisk:
    """A senior officer's act: it says how many people look at a wire. Wires that were routed keep their approvers."""
    audit.note(request, "country_risk", country, new={"risk": body.risk, "note": body.note})
    before = (
        await db.execute(
            text("SELECT country_risk_set(:country, :risk, :note)"),
            {"country": country, "risk": body.risk, "note": body.note},
        )
    ).scalar_one()
    audit.note(request, "country_risk", country, old={"risk": before})
    row = await db.execute(
        text("SELECT country, risk, note, updated_by, updated_at FROM country_risks WHERE country = :country"),
        {"country": country},
    )
    return CountryRisk.model_validate(dict(row.one()._mapping))


@router.get("/approver-limits", summary="List what officers may approve", responses=documented(401, 403))
async def list_limits(_staff: _Reader, db: Db) -> ApproverLimits:
    """By preset, and by person where somebody has a limit of their own."""
    return ApproverLimits(data=await _limits(db))


@router.put("/approver-limits", summary="Set what officers may approve", responses=documented(401, 403, 404))
async def set_limit(
    body: ApproverLimitIn,
    request: Request,
    admin: Annotated[Caller, Staff(Permission.ADMIN_USERS)],
    _fresh: FreshAuthentication,
    db: Db,
    settings: Configuration,
) -> ApproverLimits:
    """In one wire and in 24 hours, in the base currency. Nobody sets their own, nor that of their own preset."""
    audit.note(request, "approver_limit", body.person or body.preset or "", new=body.model_dump(mode="json"))
    me = await user(db, admin.id)
    if body.person == admin.id or (body.preset is not None and body.preset == me.preset):
        raise FourEyes("nobody sets their own limit")
    if body.person is not None:
        await user(db, body.person)
    base = settings.base_currency
    await db.execute(
        text("SELECT approver_limit_set(:person, :preset, :base, :per_wire, :per_day)"),
        {
            "person": body.person,
            "preset": body.preset,
            "base": base,
            "per_wire": None if body.per_wire is None else to_minor(body.per_wire, base),
            "per_day": None if body.per_day is None else to_minor(body.per_day, base),
        },
    )
    return ApproverLimits(data=await _limits(db))


@router.get("/delegations", summary="List who decides in whose place", responses=documented(401, 403))
async def list_delegations(
    _staff: _Reader, db: Db, active: Annotated[bool, Query(description="Only those that hold now.")] = False
) -> Delegations:
    """Everybody on the desk sees all of them."""
    return Delegations(data=[_delegation(row) for row in await approvers.delegations(db, active=active)])


@router.post(
    "/delegations",
    status_code=201,
    summary="Let somebody decide in your place",
    responses=documented(400, 401, 403, 404),
)
async def delegate(
    body: DelegationIn,
    request: Request,
    officer: Annotated[Caller, Staff(Permission.WIRES_APPROVE)],
    _fresh: FreshAuthentication,
    db: Db,
) -> DelegationView:
    """Until it ends, another officer fills your places within your limits. Meanwhile the two of you are one pair of
    eyes: what one has approved, the other does not approve too."""
    audit.note(request, "delegation", new=body.model_dump(mode="json"))
    made = await approvers.delegate(
        db,
        await user(db, officer.id),
        body.delegate,
        starts_at=body.starts_at or datetime.now(UTC),
        ends_at=body.ends_at,
        reason=body.reason,
    )
    audit.note(request, "delegation", made.id)
    return _delegation(made)


@router.delete("/delegations/{delegation_id}", summary="End a delegation", responses=documented(401, 403, 404))
async def end_delegation(delegation_id: UUID, request: Request, caller: CurrentUser, db: Db) -> DelegationView:
    """Now, instead of when it would end by itself: the delegator's act, or that of an administrator of people."""
    audit.note(request, "delegation", delegation_id)
    return _delegation(await approvers.end_delegation(db, delegation_id, caller.id))


def _delegation(row: Any) -> DelegationView:
    return DelegationView.model_validate(dict(row._mapping))


async def _limits(db: Db) -> list[ApproverLimit]:
    rows = await db.execute(
        text(
            "SELECT person, preset, base_currency, per_wire_minor, per_day_minor FROM approver_limits"
            " ORDER BY preset NULLS LAST, person"
        )
    )
    return [
        ApproverLimit(
            person=row.person,
            preset=row.preset,
            base_currency=row.base_currency,
            per_wire=None if row.per_wire_minor is None else to_decimal(row.per_wire_minor, row.base_currency),
            per_day=None if row.per_day_minor is None else to_decimal(row.per_day_minor, row.base_currency),
        )
        for row in rows
    ]
