"""An emergency override of the approval matrix: two senior officers in place of approvers who are not there, and what a
third person finds afterwards (reference/banking.md §6.6).

For staff alone. Who proposes or confirms one has proven their identity within five minutes.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import Configuration, Db, Staff
from api.errors import documented
from api.routing import feature
from api.step_up import require_fresh
from infra.settings import BankHours
from models.errors import NotFound, PermissionMissing, Unavailable
from models.sla import SlaClock, SlaStage, sla_clock
from models.tables import calendars, wires
from models.tables.auth import Caller
from models.tables.wires import overrides
from models.tables.wires.overrides import Senior
from models.wires import Approver, WireStatus
from models.wires.overrides import Finding

router = feature("wires")
Hash = Annotated[str | None, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_SEEN = Field(
    default=None,
    description="What you looked at, as `GET /wires/{id}/approval` named it: refused when there is something new.",
)


class OverrideIn(BaseModel):
    """Why the wire cannot wait for the approvers that the matrix asks for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"reason": "Closing of the plant's sale at noon; both officers are unreachable."}
        },
    )

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=2000)]
    evidence_hash: Hash = _SEEN


class OverrideConfirmation(BaseModel):
    """The second senior officer's word."""

    model_config = ConfigDict(extra="forbid")

    evidence_hash: Hash = _SEEN


class OverrideView(BaseModel):
    """One override: proposed, and then confirmed by another senior officer, or withdrawn; and the look at it after."""

    id: UUID
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    withdrawn_by: UUID | None
    withdrawn_at: datetime | None
    passed_over: list[Approver] | None = Field(description="Whose approvals were missing when it was confirmed.")
    due_at: datetime | None = Field(description="When the after-review is due.")
    stage: SlaStage | None = Field(description="How far the clock of the after-review has run.")
    finding: Finding | None
    note: str | None
    closed_by: UUID | None
    closed_at: datetime | None


class OverridesView(BaseModel):
    """The overrides of a wire, oldest first."""

    wire_id: UUID
    status: WireStatus
    data: list[OverrideView]


async def _senior(officer: Annotated[Caller, Staff("wires:high_value")]) -> Caller:
    if "wires:approve" not in officer.permissions:
        raise PermissionMissing("This needs the permission wires:approve", permission="wires:approve")
    return officer


Officer = Annotated[Caller, Depends(_senior)]


@router.get("/{wire_id}/override", summary="Read the overrides of a wire", responses=documented(401, 403, 404))
async def read_overrides(wire_id: UUID, staff: Annotated[Caller, Staff("wires:read")], db: Db) -> OverridesView:
    """Those that were withdrawn too. Not for customers, nor for staff who ordered the wire themselves."""
    wire = await wires.find(db, wire_id)
    if wire.user_id == staff.id:
        raise NotFound("there is no such wire")
    return await _seen(db, wire)


@router.put(
    "/{wire_id}/override", summary="Propose an emergency override", responses=documented(400, 401, 403, 404, 409)
)
async def propose_override(
    wire_id: UUID, body: OverrideIn, request: Request, officer: Officer, db: Db
) -> OverridesView:
    """A senior officer proposes to approve the wire without the approvers who are missing; another one confirms it.

    It passes by the matrix alone: screening, officers' limits, the release window and the age of the lists hold.
    """
    audit.note(request, "wire", wire_id, new={"override": "proposed", "reason": body.reason})
    wire = await overrides.propose_override(
        db,
        wire_id,
        _as_senior(officer, body.evidence_hash),
        reason=body.reason,
        request_id=audit.attempt_of(request).request_id,
    )
    await require_fresh(request, db, officer)
    return await _seen(db, wire)


@router.put(
    "/{wire_id}/override/confirm",
    summary="Confirm an emergency override",
    responses=documented(401, 403, 404, 409, 503),
)
async def confirm_override(
    wire_id: UUID,
    request: Request,
    officer: Officer,
    db: Db,
    settings: Configuration,
    body: OverrideConfirmation | None = None,
) -> OverridesView:
    """The second senior officer, who is neither the maker nor the first one. The wire is approved, and its after-review
    by a third person is open."""
    audit.note(request, "wire", wire_id, new={"override": "confirmed"})
    wire = await overrides.confirm_override(
        db,
        wire_id,
        _as_senior(officer, body.evidence_hash if body else None),
        await _review_clock(db, settings),
        request_id=audit.attempt_of(request).request_id,
    )
    await require_fresh(request, db, officer)
    audit.note(request, "wire", wire_id, new={"status": wire.status})
    return await _seen(db, wire)


@router.delete("/{wire_id}/override", summary="Withdraw a proposed override", responses=documented(401, 403, 404, 409))
async def withdraw_override(wire_id: UUID, request: Request, officer: Officer, db: Db) -> OverridesView:
    """One's own proposal or another senior officer's. The wire waits for its approvers as before."""
    audit.note(request, "wire", wire_id, new={"override": "withdrawn"})
    wire = await overrides.withdraw_override(
        db, wire_id, _as_senior(officer, None), request_id=audit.attempt_of(request).request_id
    )
    return await _seen(db, wire)


async def _review_clock(db: Db, settings: Configuration) -> SlaClock:
    try:
        hours = await calendars.open_hours(db, calendars.DESK, always=settings.bank_hours is BankHours.ALWAYS)
        return sla_clock(hours, datetime.now(UTC), timedelta(seconds=settings.wire_after_review_seconds))
    except LookupError as missing:
        # The years that are loaded end there: operations load more, and nothing is decided on a guess.
        raise Unavailable(f"When the after-review is due cannot be told: {missing}") from None


def _as_senior(officer: Caller, seen: str | None) -> Senior:
    return Senior(officer.id, bytes.fromhex(seen) if seen else None)


async def _seen(db: Db, wire: wires.Wire) -> OverridesView:
    found = await overrides.overrides(db, wire.id)
    return OverridesView(
        wire_id=wire.id,
        status=WireStatus(wire.status),
        data=[OverrideView.model_validate(dict(one._mapping)) for one in found],
    )
