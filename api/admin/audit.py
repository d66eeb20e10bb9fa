"""The audit log for those who watch: its lines, and whether they are still what they were when they were sealed."""

import asyncio
import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, Field, WithJsonSchema
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import Configuration, Db, StaffWithAny
from api.errors import documented
from api.routing import feature
from infra.audit_anchors import AnchorFile, AnchorsDamaged
from models.audit import Outcome
from models.audit_chain import Verification
from models.auth import Permission
from models.errors import Unavailable, WrongState
from models.tables.audit_lines import LinesWanted, lines
from models.tables.audit_walk import verify
from models.tables.auth import Caller

# Row level security on the log says the same.
READERS: Final = (Permission.ADMIN_REPORTS, Permission.ADMIN_SYSTEM, Permission.ADMIN_COMPLIANCE)
# A walk reads the whole log: one at a time.
_ONE_WALK: Final = 7_203_011
_LAST_ID: Final = 2**63 - 1

router = feature("admin")


class AuditLine(BaseModel):
    """One attempt to change something. Values were masked when they were written."""

    id: int = Field(examples=[1187])
    at: datetime
    user_id: UUID | None = Field(description="Who; null where nobody was signed in.")
    actor_role: str = Field(examples=["customer"])
    action: str = Field(examples=["wires.create_wire"])
    resource_type: str = Field(examples=["wire"])
    resource_id: str = Field(examples=["019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8"])
    old_values: dict[str, Any] | None = Field(examples=[{"name": "H***"}])
    new_values: dict[str, Any] | None = Field(examples=[{"name": "S***"}])
    ip_address: str | None = Field(examples=["192.0.2.7"])
    user_agent: str | None = Field(examples=["Mozilla/5.0"])
    session_id: UUID | None
    request_id: str | None = Field(examples=["order.1"])
    duration_ms: Annotated[Decimal, WithJsonSchema({"type": "number"})] | None = Field(examples=[12.345])
    outcome: Outcome = Field(examples=[Outcome.DONE])
    code: str | None = Field(description="Why it was refused.", examples=["insufficient_funds"])
    chain_seq: int | None = Field(description="Its seal; null in its first minute.", examples=[1180])


class AuditPage(BaseModel):
    """One page of the log. `next_cursor` is there while there is more."""

    data: list[AuditLine]
    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    total_pages: int = Field(examples=[1])
    next_cursor: int | None = Field(default=None, examples=[1187])


Auditor = Annotated[Caller, StaffWithAny(*READERS)]
_Word = Annotated[str | None, Query(min_length=1, max_length=200)]


async def _wanted(
    user_id: UUID | None = None,
    action: _Word = None,
    resource_type: _Word = None,
    resource_id: _Word = None,
    outcome: Outcome | None = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="Lines of this moment and later.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Lines before this moment.")] = None,
) -> LinesWanted:
    return LinesWanted(
        user_id=user_id,
        action=action,
        resource_type=resource_type,
        resource_id=resource_id,
        outcome=outcome,
        since=since,
        until=until,
    )


@router.get("/audit-logs", summary="Read the audit log", responses=documented(401, 403))
async def list_audit_logs(
    auditor: Auditor,
    db: Db,
    wanted: Annotated[LinesWanted, Depends(_wanted)],
    page: Annotated[int, Query(ge=1, le=100_000, description="From 1. Without meaning beside a cursor.")] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[int | None, Query(ge=0, le=_LAST_ID, description="`next_cursor` of the page before.")] = None,
) -> AuditPage:
    """Every attempt to change something, refused ones too, newest first. Those about cases of monitoring are for
    whoever holds `admin:suspicion`: they tell what a case came to."""
    offset = 0 if cursor is not None else (page - 1) * limit
    rows, total = await lines(
        db,
        wanted,
        suspicions=Permission.ADMIN_SUSPICION in auditor.permissions,
        limit=limit,
        offset=offset,
        before=cursor,
    )
    more = len(rows) == limit and (cursor is not None or offset + limit < total)
    return AuditPage(
        data=[_line(row) for row in rows],
        total=total,
        page=page,
        total_pages=max(1, -(-total // limit)),
        next_cursor=rows[-1].id if more else None,
    )


@router.get("/audit-logs/verify", summary="Verify the audit log", responses=documented(401, 403, 409))
async def verify_audit_logs(
    _auditor: Auditor,
    db: Db,
    settings: Configuration,
    start: Annotated[int, Query(ge=1, le=_LAST_ID, description="Go on behind a break that is known.")] = 1,
) -> Verification:
    """Walks the chain of seals and names the first row or seal that was changed, removed, put in or moved. Takes some
    ten seconds for a million lines, and answers 200 whatever it finds: `intact` says it."""
    await _alone(db)
    try:
        kept = (
            await asyncio.to_thread(AnchorFile(settings.audit_anchor_file).read) if settings.audit_anchor_file else []
        )
    except AnchorsDamaged:
        raise Unavailable("The kept heads of the chain cannot be read") from None
    return await verify(db, anchors=kept, start=start)


async def _alone(db: AsyncSession) -> None:
    alone = await db.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _ONE_WALK})
    if not alone.scalar_one():
        raise WrongState("The log is being verified for somebody else; ask again in a moment")


def _line(row: Any) -> AuditLine:
    values = row._mapping
    return AuditLine.model_validate(
        {**values, "old_values": _read(values["old_values"]), "new_values": _read(values["new_values"])}
    )


def _read(stored: str | None) -> dict[str, Any] | None:
    # Every digit is shown as it is stored.
    read: dict[str, Any] | None = json.loads(stored or "null", parse_float=Decimal, parse_int=Decimal)
    return read
