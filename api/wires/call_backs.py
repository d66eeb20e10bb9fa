"""Calling a customer back about a large wire to somebody new: which number, who called, and what was said.

For staff alone.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import Db, Staff
from api.errors import documented
from api.routing import feature
from models.errors import NotFound
from models.tables import wires
from models.tables.auth import Caller
from models.tables.wires import Wire, call_backs
from models.wires.call_backs import CallResult

router = feature("wires")


class CallBackIn(BaseModel):
    """A call that you made just now, on the number on file. A number that came with the order proves nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"spoken_to": "Clara Fontaine", "result": "confirmed", "note": "Named amount and recipient."}
        },
    )

    spoken_to: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
    result: CallResult
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""


class CallBack(BaseModel):
    """One call."""

    id: UUID
    number: str = Field(examples=["+31201234567"])
    known_since: datetime = Field(description="Since when the bank knew the number.")
    spoken_to: str
    result: CallResult
    note: str
    called_by: UUID
    called_at: datetime


class CallBacks(BaseModel):
    """Whether a wire takes a call-back, the number to call, and the calls that were made."""

    wire_id: UUID
    required: bool
    number: str | None = Field(description="Null where none was on file a day before the order, or you may not see it.")
    data: list[CallBack] = Field(description="Oldest first.")


@router.get("/{wire_id}/call-backs", summary="Read the call-backs of a wire", responses=documented(401, 403, 404))
async def read_call_backs(wire_id: UUID, staff: Annotated[Caller, Staff("wires:read")], db: Db) -> CallBacks:
    """Not for customers, nor for staff who ordered the wire themselves."""
    wire = await wires.find(db, wire_id)
    if wire.user_id == staff.id:
        raise NotFound("there is no such wire")
    return await _seen(db, wire, staff)


@router.post(
    "/{wire_id}/call-backs",
    status_code=201,
    summary="Record a call-back",
    responses=documented(400, 401, 403, 404, 409),
)
async def record_call_back(
    wire_id: UUID, body: CallBackIn, request: Request, officer: Annotated[Caller, Staff("wires:approve")], db: Db
) -> CallBacks:
    """Nobody approves a wire that takes a call-back before its customer has confirmed it; whoever called does not
    approve alone. A customer who denies the order has denied it for good."""
    audit.note(request, "wire", wire_id, new={"call_back": body.result})
    wire = await call_backs.record_call(
        db,
        wire_id,
        officer.id,
        spoken_to=body.spoken_to,
        result=body.result,
        note=body.note,
        request_id=audit.attempt_of(request).request_id,
    )
    return await _seen(db, wire, officer)


async def _seen(db: Db, wire: Wire, staff: Caller) -> CallBacks:
    routing = await wires.routing_of(db, wire.id)
    number = await call_backs.known_number(db, wire) if "wires:approve" in staff.permissions else None
    return CallBacks(
        wire_id=wire.id,
        required=routing is not None and routing.call_back,
        number=None if number is None else number.phone,
        data=[CallBack.model_validate(dict(one._mapping)) for one in await call_backs.call_backs(db, wire.id)],
    )
