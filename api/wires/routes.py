"""The operations on wires. The acts and their rules are in `models.tables.wires.acts`; here they are asked for."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from sqlalchemy import select
from sqlmodel import col

from api import audit
from api.deps import Configuration, Db, Requires, Staff
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.pages import Page, PageQuery, page_of
from api.routing import feature
from api.step_up import require_fresh
from api.wires.beneficiaries import saved_recipient
from api.wires.orders import WireIn
from api.wires.shapes import Approval, Found, Rejection, Timeline, WireDetail, WireView, recall_view, timeline_of, view
from models.tables import wires
from models.tables.auth import Caller
from models.tables.wires import Wire
from models.wires import WireStatus

router = feature("wires")
WireSort = Literal["newest", "deadline"]


async def now() -> datetime:
    """The present moment; a dependency, so that a test can say when it is."""
    return datetime.now(UTC)


async def _seen(db: Db, wire: Wire, caller: Caller) -> WireView:
    return view(wire, (await wires.given(db, [wire.id])).get(wire.id, 0), caller)


@router.post("", status_code=201, summary="Order a wire", responses=documented(400, 401, 403, 404, 409))
async def create_wire(
    body: WireIn,
    request: Request,
    caller: Annotated[Caller, Requires("wires:create")],
    db: Db,
    settings: Configuration,
    _key: IdempotencyKey,
    at: Annotated[datetime, Depends(now)],
) -> WireView:
    """Checks the order, sets amount and fee aside, starts the wire's process. Refused, it leaves nothing behind."""
    audit.note(request, "wire", new=body.model_dump(mode="json"))
    order = body.order(await saved_recipient(request, db, caller, body.beneficiary_id))
    wire = await wires.place(
        db, caller.id, order, at=at, terms=settings.wire_terms, request_id=audit.attempt_of(request).request_id
    )
    audit.note(request, "wire", wire.id)
    return view(wire, 0, caller)


@router.get("", summary="List wires", responses=documented(401, 403))
async def list_wires(
    caller: Annotated[Caller, Requires("wires:read")],
    db: Db,
    wanted: PageQuery,
    status: Annotated[list[WireStatus] | None, Query()] = None,
    account_id: UUID | None = None,
    order: Annotated[WireSort, Query(description="`deadline`: what has to be decided first comes first.")] = "newest",
) -> Page[WireView]:
    """The wires that the caller may see, newest first: a customer's own, everybody's for staff."""
    chosen = select(Wire)
    if status:
        chosen = chosen.where(col(Wire.status).in_(status))
    if account_id:
        chosen = chosen.where(col(Wire.sender_account_id) == account_id)
    first = (col(Wire.sla_deadline).asc().nulls_last(),) if order == "deadline" else ()
    page: Page[Wire] = await page_of(db, chosen, col(Wire.id), wanted, lambda wire: wire, first=first)
    given = await wires.given(db, [wire.id for wire in page.data])
    views = [view(wire, given.get(wire.id, 0), caller) for wire in page.data]
    return Page[WireView].model_validate(page.model_dump(exclude={"data"}) | {"data": views})


@router.get("/find", summary="Find wires", responses=documented(401, 403))
async def find_wires(
    caller: Annotated[Caller, Staff("wires:read")],
    db: Db,
    q: Annotated[str, Query(min_length=1, max_length=100, description="Words of recipient or reference; an id.")],
) -> Found:
    """The newest ten that have it: by id, UETR, end-to-end id, recipient or reference."""
    found = await wires.found(db, q.strip(), most=10)
    given = await wires.given(db, [wire.id for wire in found])
    return Found(data=[view(wire, given.get(wire.id, 0), caller) for wire in found])


@router.get("/{wire_id}", summary="Read a wire", responses=documented(401, 403, 404))
async def read_wire(wire_id: UUID, caller: Annotated[Caller, Requires("wires:read")], db: Db) -> WireDetail:
    """Where a wire stands, and what was asked of the bank about it since it left."""
    seen = await _seen(db, await wires.find(db, wire_id), caller)
    recalls = [recall_view(one, caller) for one in await wires.of_wire(db, wire_id)]
    return WireDetail.model_validate(seen.model_dump() | {"recalls": recalls})


@router.get("/{wire_id}/timeline", summary="Read what happened to a wire", responses=documented(401, 403, 404))
async def read_timeline(wire_id: UUID, caller: Annotated[Caller, Requires("wires:read")], db: Db) -> Timeline:
    """Every step in its order. Customers see that officers acted, and not who they are or what they noted."""
    wire = await wires.find(db, wire_id)
    return timeline_of(await wires.timeline(db, wire.id), caller)


@router.put("/{wire_id}/approve", summary="Approve a wire", responses=documented(400, 401, 403, 404, 409))
async def approve_wire(
    wire_id: UUID,
    request: Request,
    officer: Annotated[Caller, Staff("wires:approve")],
    db: Db,
    body: Approval | None = None,
) -> WireView:
    """One officer's approval. The maker is refused, whoever it is; the last approval needed approves the wire.

    A wire that takes a senior officer asks each of its approvers for a proof that is at most five minutes old.
    """
    given = body or Approval()
    behalf = str(given.on_behalf_of) if given.on_behalf_of else None
    audit.note(request, "wire", wire_id, new={"decision": "approve", "on_behalf_of": behalf})
    wire = await wires.approve(
        db,
        wire_id,
        officer.id,
        senior="wires:high_value" in officer.permissions,
        rights=officer.permissions,
        on_behalf_of=given.on_behalf_of,
        seen=bytes.fromhex(given.evidence_hash) if given.evidence_hash else None,
        comment=given.comment,
        request_id=audit.attempt_of(request).request_id,
    )
    if wire.senior_required:
        # By the row that was locked; a refusal takes the approval back.
        await require_fresh(request, db, officer)
    audit.note(request, "wire", wire_id, new={"status": wire.status})
    return await _seen(db, wire, officer)


@router.put("/{wire_id}/reject", summary="Reject a wire", responses=documented(401, 403, 404, 409))
async def reject_wire(
    wire_id: UUID, body: Rejection, request: Request, officer: Annotated[Caller, Staff("wires:approve")], db: Db
) -> WireView:
    """One officer's refusal is enough. The customer's money is available again at once."""
    audit.note(request, "wire", wire_id, new={"decision": "reject", "reason": body.reason})
    wire = await wires.reject(
        db,
        wire_id,
        officer.id,
        senior="wires:high_value" in officer.permissions,
        reason=body.reason,
        request_id=audit.attempt_of(request).request_id,
    )
    audit.note(request, "wire", wire_id, new={"status": wire.status})
    return await _seen(db, wire, officer)


@router.delete("/{wire_id}", summary="Cancel a wire", responses=documented(401, 403, 404, 409))
async def cancel_wire(
    wire_id: UUID, request: Request, caller: Annotated[Caller, Requires("wires:create")], db: Db
) -> WireView:
    """The customer takes the order back: possible until it is released to the bank, 409 from then on."""
    audit.note(request, "wire", wire_id, new={"decision": "cancel"})
    wire = await wires.cancel(db, wire_id, caller.id, request_id=audit.attempt_of(request).request_id)
    audit.note(request, "wire", wire_id, new={"status": wire.status})
    return await _seen(db, wire, caller)
