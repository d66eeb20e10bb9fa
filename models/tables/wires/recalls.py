"""Recalls as they are kept, and the act of asking for one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import DateTime, FetchedValue, Text, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.calendars import AlwaysOpen
from models.errors import NotFound, Unavailable, WrongState
from models.money import written
from models.tables import calendars
from models.tables.outbox import enqueue
from models.tables.wires.rows import Wire, find, locked, tell
from models.wires.recalls import (
    OPEN_RECALL,
    RECALLABLE,
    RecallOpen,
    RecallReason,
    RecallStart,
    RecallStatus,
    check_window,
    recall_references,
)
from models.wires.states import WireStatus

MOMENT = DateTime(timezone=True)
_SETTLED_ON: Final = text(
    "SELECT coalesce((data ->> 'booked_on')::date, (at AT TIME ZONE 'UTC')::date) FROM wire_events"
    " WHERE wire_id = :wire_id AND step = 'completed'"
)


class WireRecall(SQLModel, table=True):
    """One recall. What was asked for never changes: the database refuses it."""

    __tablename__ = "wire_recalls"
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    wire_id: UUID
    user_id: UUID
    requested_by: UUID
    case_id: str
    status: str = Field(default=RecallStatus.REQUESTED, sa_type=Text)
    reason: str
    comment: str = ""
    sent_at: datetime | None = Field(default=None, sa_type=MOMENT)
    remind_at: datetime | None = Field(default=None, sa_type=MOMENT)
    due_at: datetime | None = Field(default=None, sa_type=MOMENT)
    reminders: int = 0
    answer_code: str | None = None
    answer_text: str | None = None
    created_at: datetime | None = Field(default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.now()})
    updated_at: datetime | None = Field(
        default=None,
        sa_type=MOMENT,
        sa_column_kwargs={"server_default": func.now(), "server_onupdate": FetchedValue()},
    )
    ended_at: datetime | None = Field(default=None, sa_type=MOMENT)


async def ask_back(
    session: AsyncSession,
    wire_id: UUID,
    person: UUID,
    *,
    reason: RecallReason,
    comment: str,
    always_open: bool,
    at: datetime,
    request_id: str | None = None,
) -> WireRecall:
    """Asks the bank for a wire that has left, on behalf of its customer or by an officer; its process does the rest.

    `always_open`: every day is a banking day (`AURUM_BANK_HOURS=always`). Raises `NotFound`, `WrongState` (not at the
    bank yet: it is cancelled instead; or over), `RecallOpen`, `RecallWindowOver`, and `Unavailable` where the calendar
    is not filled.
    """
    await find(session, wire_id)  # what cannot be seen is not there, whatever the lock would say
    wire = await locked(session, wire_id)
    if WireStatus(wire.status) not in RECALLABLE:
        raise WrongState(_why_not(wire))
    if any(earlier.status in OPEN_RECALL for earlier in await of_wire(session, wire_id)):
        raise RecallOpen("the bank has been asked for this wire already; its answer is awaited")
    if wire.status == WireStatus.COMPLETED:
        settled_on = (await session.execute(_SETTLED_ON, {"wire_id": wire_id})).scalar_one()
        try:
            hours = AlwaysOpen() if always_open else await calendars.rail_hours(session, wire.currency)
        except LookupError:
            raise Unavailable("The bank's calendar does not know these days") from None
        check_window(reason, settled_on, hours.business_day(at), hours)
    recall_id = uuid7()
    _, case_id = recall_references(recall_id)
    recall = WireRecall(
        id=recall_id,
        wire_id=wire.id,
        user_id=wire.user_id,
        requested_by=person,
        case_id=case_id,
        reason=reason,
        comment=comment,
    )
    session.add(recall)
    await session.flush()
    actor = "customer" if person == wire.user_id else "officer"
    await tell(session, wire, "recall_requested", actor=actor, actor_id=person, data={"reason": reason})
    await wake_recall(session, recall, wire, request_id=request_id)
    return recall


def _why_not(wire: Wire) -> str:
    if wire.status == WireStatus.RETURNED:
        return "the money of this wire has come back already"
    if wire.status in {WireStatus.FAILED, WireStatus.REJECTED, WireStatus.CANCELLED, WireStatus.EXPIRED}:
        return f"the wire is {wire.status}; nothing was paid that could be asked back"
    return f"the wire is {wire.status} and has not left yet; cancel it instead"


async def wake_recall(session: AsyncSession, recall: WireRecall, wire: Wire, *, request_id: str | None = None) -> None:
    """Says to the recall's process that something has changed."""
    start = RecallStart(
        recall_id=recall.id,
        wire_id=wire.id,
        customer_ref=str(wire.user_id),
        amount_minor=wire.amount_minor,
        currency=wire.currency,
    )
    await enqueue(
        session,
        workflow="wire-recall",
        workflow_id=f"wire-recall/{recall.id}",
        argument=start.model_dump(mode="json"),
        summary=f"{recall.reason}, {written(wire.amount_minor, wire.currency)}",
        request_id=request_id,
    )


async def locked_recall(session: AsyncSession, recall_id: UUID) -> WireRecall:
    """The recall, its row locked until the transaction ends; its wire is locked before it. Raises `NotFound`."""
    statement = (
        select(WireRecall).where(WireRecall.id == recall_id).with_for_update().execution_options(populate_existing=True)
    )
    recall = (await session.execute(statement)).scalar_one_or_none()
    if recall is None:
        raise NotFound("there is no such recall")
    return recall


async def of_wire(session: AsyncSession, wire_id: UUID) -> Sequence[WireRecall]:
    """The recalls of a wire, newest first."""
    statement = select(WireRecall).where(WireRecall.wire_id == wire_id).order_by(col(WireRecall.id).desc())
    return (await session.execute(statement)).scalars().all()


async def open_recall(session: AsyncSession, wire_id: UUID) -> WireRecall | None:
    """The recall of a wire that is not over, if there is one."""
    return next((one for one in await of_wire(session, wire_id) if one.status in OPEN_RECALL), None)
