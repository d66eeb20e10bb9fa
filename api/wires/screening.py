"""What screening found in a wire, and what the compliance desk rules about it (contract §5, §12).

For staff alone, and never for whoever ordered the wire: to be told that one is looked at is to be tipped off. A ruling
takes two officers (`models.tables.wires.compliance`): the first one's call proposes it, the second one's confirms it.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api import audit
from api.deps import Db, Staff
from api.errors import documented
from api.routing import feature
from api.step_up import require_fresh
from models.errors import NotFound, PermissionMissing
from models.sla import SlaStage
from models.tables import wires
from models.tables.auth import Caller
from models.tables.wires import Wire, cases, compliance
from models.tables.wires.compliance import Ruler, Wish
from models.wires import ComplianceStatus, WireStatus
from models.wires.compliance import LONGEST_REMEMBERED_DAYS, REMEMBERED_DAYS, HitState, Ruling

router = feature("wires")
HitId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2000)]


class Clearing(BaseModel):
    """Why the party is not the listed one. With `remember` the pair does not hit again for so many days, or until
    either of the two changes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Born 1990, listed one 1961."}})

    reason: Reason
    remember: bool = False
    remember_days: Annotated[int, Field(ge=1, le=LONGEST_REMEMBERED_DAYS)] = REMEMBERED_DAYS


class Confirming(BaseModel):
    """Why the party is the listed one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Same passport number."}})

    reason: Reason


class MoneyRuling(BaseModel):
    """What becomes of the money of a blocked wire. `reject`: prohibited, with nothing to block: back to the customer.
    `seize`: blocked property, to the blocked account. `release`: out of it again, by the `licence` named."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ruling": "seize", "reason": "Property of AD-1."}}
    )

    ruling: Literal[Ruling.REJECT, Ruling.SEIZE, Ruling.RELEASE]
    reason: Reason
    licence: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=100)] | None = None

    @model_validator(mode="after")
    def _a_release_has_its_licence(self) -> "MoneyRuling":
        if (self.licence is not None) != (self.ruling is Ruling.RELEASE):
            raise ValueError("a release names its licence, and nothing else does")
        return self


class RulingView(BaseModel):
    """A ruling: proposed, and then confirmed by another officer, or withdrawn."""

    id: UUID
    hit_id: int | None = Field(description="Null where it is about the money.")
    ruling: Ruling
    reason: str
    licence: str | None
    remembered: bool = Field(description="Whether the pair is remembered as false once this is confirmed.")
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    withdrawn_by: UUID | None
    withdrawn_at: datetime | None


class HitView(BaseModel):
    """One hit: what of the wire is like which entry, how strongly and why, and what was ruled about it."""

    id: int
    state: HitState
    field: str = Field(description="Which part of the order.", examples=["creditor"])
    list_name: str = Field(examples=["AURUM-DEMO"])
    list_version: str
    entry_id: str
    matched: str = Field(description="The name or number of the entry that it is like.")
    verdict: str = Field(description="`exact`: with nothing known against it. It confirms nothing.")
    score: Decimal
    parts: dict[str, Any] = Field(description="What the score is made of.")
    listed: dict[str, Any] | None = Field(
        description="The entry as that version of the list had it; null for a place under embargo."
    )
    found_at: datetime
    rulings: list[RulingView] = Field(description="Oldest first.")


class CaseView(BaseModel):
    """The desk's open review of a wire."""

    opened_at: datetime
    due_at: datetime
    hard_stop: datetime | None = Field(description="When the wire expires undecided; null while it is blocked.")
    stage: SlaStage
    assignee: UUID | None
    claimed_at: datetime | None


class ScreeningView(BaseModel):
    """What screening found in a wire, strongest first, and where the desk stands."""

    wire_id: UUID
    status: WireStatus
    compliance_status: ComplianceStatus
    list_version: str | None = Field(description="The lists that it was last screened against.")
    case: CaseView | None
    hits: list[HitView]
    rulings: list[RulingView] = Field(description="About the money, oldest first.")


async def _ruler(officer: Annotated[Caller, Staff("admin:compliance")]) -> Caller:
    if "wires:approve" not in officer.permissions:
        raise PermissionMissing("This needs the permission wires:approve", permission="wires:approve")
    return officer


Officer = Annotated[Caller, Depends(_ruler)]


@router.get("/{wire_id}/screening", summary="Read what screening found", responses=documented(401, 403, 404))
async def read_screening(wire_id: UUID, staff: Annotated[Caller, Staff("wires:read")], db: Db) -> ScreeningView:
    """Each hit with the entry as its list had it, the parts of its score, and what was ruled. Not for customers,
    nor for staff who ordered the wire themselves."""
    wire = await wires.find(db, wire_id)
    if wire.user_id == staff.id:
        raise NotFound("there is no such wire")
    return await _seen(db, wire)


# Before those with a hit's number: `money` would be taken for one.
@router.put(
    "/{wire_id}/screening/money", summary="Rule about blocked money", responses=documented(400, 401, 403, 404, 409)
)
async def rule_about_money(
    wire_id: UUID, body: MoneyRuling, request: Request, officer: Officer, db: Db
) -> ScreeningView:
    """Proposes what becomes of the money of a blocked wire, or confirms that another officer proposed the same. One of
    the two is a senior officer; each has proven their identity within five minutes."""
    return await _rule(wire_id, request, officer, db, Wish(body.ruling, body.reason, licence=body.licence))


@router.put(
    "/{wire_id}/screening/money/confirm",
    summary="Confirm what is proposed about blocked money",
    responses=documented(401, 403, 404, 409),
)
async def confirm_ruling_about_money(wire_id: UUID, request: Request, officer: Officer, db: Db) -> ScreeningView:
    """The second officer's word to whatever the first one proposed."""
    return await _confirm(wire_id, request, officer, db, None)


@router.put("/{wire_id}/screening/{hit_id}/clear", summary="Clear a hit", responses=documented(400, 401, 403, 404, 409))
async def clear_hit(
    wire_id: UUID, hit_id: HitId, body: Clearing, request: Request, officer: Officer, db: Db
) -> ScreeningView:
    """Proposes that the party is not the listed one, or confirms that another officer proposed it. When all hits of a
    wire are cleared it goes on; a blocked one only with a senior officer among the two of each ruling since."""
    days = body.remember_days if body.remember else None
    return await _rule(wire_id, request, officer, db, Wish(Ruling.CLEAR, body.reason, hit_id, remember_days=days))


@router.put(
    "/{wire_id}/screening/{hit_id}/confirm-hit", summary="Confirm a hit", responses=documented(400, 401, 403, 404, 409)
)
async def confirm_hit(
    wire_id: UUID, hit_id: HitId, body: Confirming, request: Request, officer: Officer, db: Db
) -> ScreeningView:
    """Proposes that the party is the listed one, or confirms that another officer proposed it. It blocks the wire."""
    return await _rule(wire_id, request, officer, db, Wish(Ruling.CONFIRM, body.reason, hit_id))


@router.put(
    "/{wire_id}/screening/{hit_id}/confirm",
    summary="Confirm what is proposed about a hit",
    responses=documented(401, 403, 404, 409),
)
async def confirm_ruling_about_hit(
    wire_id: UUID, hit_id: HitId, request: Request, officer: Officer, db: Db
) -> ScreeningView:
    """The second officer's word to whatever the first one proposed about this hit."""
    return await _confirm(wire_id, request, officer, db, hit_id)


async def _rule(wire_id: UUID, request: Request, officer: Caller, db: Db, wish: Wish) -> ScreeningView:
    audit.note(
        request,
        "wire",
        wire_id,
        new={"ruling": wish.ruling, "hit": wish.hit_id, "reason": wish.reason, "licence": wish.licence},
    )
    request_id = audit.attempt_of(request).request_id
    wire = await compliance.rule(db, wire_id, as_ruler(officer), wish, request_id=request_id)
    if wish.hit_id is None:
        await require_fresh(request, db, officer)
    return await _seen(db, wire)


async def _confirm(wire_id: UUID, request: Request, officer: Caller, db: Db, hit_id: int | None) -> ScreeningView:
    audit.note(request, "wire", wire_id, new={"ruling": "confirmed", "hit": hit_id})
    request_id = audit.attempt_of(request).request_id
    wire = await compliance.confirm_ruling(db, wire_id, as_ruler(officer), hit_id=hit_id, request_id=request_id)
    if hit_id is None:
        await require_fresh(request, db, officer)
    return await _seen(db, wire)


def as_ruler(officer: Caller) -> Ruler:
    """The officer as one who rules, senior where they approve high values."""
    return Ruler(officer.id, "wires:high_value" in officer.permissions)


async def _seen(db: Db, wire: Wire) -> ScreeningView:
    ruled = await compliance.rulings(db, wire.id)
    case = await cases.open_case(db, wire.id)
    return ScreeningView(
        wire_id=wire.id,
        status=WireStatus(wire.status),
        compliance_status=ComplianceStatus(wire.compliance_status),
        list_version=wire.list_version,
        case=None if case is None else CaseView.model_validate(dict(case._mapping)),
        hits=[_hit(one, ruled) for one in await compliance.findings(db, wire.id)],
        rulings=[_ruling(one) for one in ruled if one.hit_id is None],
    )


def _hit(found: Any, ruled: Sequence[Any]) -> HitView:
    about = [_ruling(one) for one in ruled if one.hit_id == found.id]
    return HitView.model_validate(
        {**dict(found._mapping), "list_name": found.list, "found_at": found.created_at, "rulings": about}
    )


def _ruling(row: Any) -> RulingView:
    return RulingView.model_validate({**dict(row._mapping), "remembered": row.memory_id is not None})
