"""Wires as they are kept, and the questions asked about them."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.errors import NotFound
from models.wires import (
    ComplianceStatus,
    SlaClock,
    SlaStage,
    WireMoney,
    WireStart,
    WireStatus,
)

MOMENT = DateTime(timezone=True)


class Wire(SQLModel, table=True):
    """One wire. What was ordered never changes after the insert: the database refuses it."""

    __tablename__ = "wire_transfers"
    # `updated_at` is the database's: read back with each change, so that an answer tells what is stored.
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    sender_account_id: UUID
    transaction_id: UUID | None = None
    status: str = Field(default=WireStatus.PENDING, sa_type=Text)
    compliance_status: str = Field(default=ComplianceStatus.PENDING, sa_type=Text)
    amount_minor: int = Field(sa_type=BigInteger)
    fee_minor: int = Field(sa_type=BigInteger)
    deducted_minor: int = Field(default=0, sa_type=BigInteger)
    # Of the fee: what is taken in advance for the banks on the way (OUR).
    correspondent_minor: int = Field(default=0, sa_type=BigInteger)
    currency: str
    exponent: int
    recipient_name: str
    recipient_bank_name: str = ""
    recipient_bank_swift: str | None = None
    recipient_routing_number: str | None = None
    recipient_account_number: str
    recipient_address: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    recipient_country: str
    purpose_code: str | None = None
    charges: str
    reference: str = ""
    regulatory_info: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    execution_date: date | None = None
    value_date: date | None = None
    uetr: UUID
    end_to_end_id: str
    content_hash: bytes = Field(sa_type=LargeBinary)
    approvals_required: int = 1
    senior_required: bool = False
    sla_started_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_remind_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_escalate_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_deadline: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_hard_stop: datetime | None = Field(default=None, sa_type=MOMENT)
    sla_stage: str = Field(default=SlaStage.NONE, sa_type=Text)
    assignee: UUID | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=MOMENT)
    approved_by: UUID | None = None
    approved_at: datetime | None = Field(default=None, sa_type=MOMENT)
    list_version: str | None = None
    reason_code: str | None = None
    reason_text: str | None = None
    # What officers noted about a wire in which something was found; it stays with the staff.
    reason_withheld: bool = False
    created_at: datetime | None = Field(default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.now()})
    updated_at: datetime | None = Field(
        default=None,
        sa_type=MOMENT,
        sa_column_kwargs={"server_default": func.now(), "server_onupdate": FetchedValue()},
    )

    @property
    def money(self) -> WireMoney:
        """The facts that the wire's ledger entries are made of."""
        return WireMoney(
            wire_id=self.id,
            account_id=self.sender_account_id,
            amount_minor=self.amount_minor,
            fee_minor=self.fee_minor,
            deducted_minor=self.deducted_minor,
            correspondent_minor=self.correspondent_minor,
            currency=self.currency,
        )

    @property
    def clock(self) -> SlaClock | None:
        """The marks of the approval, once it runs."""
        if not (self.sla_started_at and self.sla_remind_at and self.sla_escalate_at and self.sla_deadline):
            return None
        assert self.sla_hard_stop is not None
        return SlaClock(
            started_at=self.sla_started_at,
            remind_at=self.sla_remind_at,
            escalate_at=self.sla_escalate_at,
            deadline=self.sla_deadline,
            hard_stop=self.sla_hard_stop,
        )

    @property
    def start(self) -> WireStart:
        """What the wire's process is started with."""
        return WireStart(
            wire_id=self.id,
            customer_ref=str(self.user_id),
            amount_minor=self.amount_minor,
            currency=self.currency,
        )


class WireApproval(SQLModel, table=True):
    """The decision of one officer about one wire, bound to the hash of what was decided on, and of what was seen of it.

    `place` is the place of the wire's routing that an approval fills; None for one that was not needed any more.
    """

    __tablename__ = "wire_approvals"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    wire_id: UUID = Field(foreign_key="wire_transfers.id")
    maker_id: UUID
    officer_id: UUID
    decision: str
    senior: bool
    content_hash: bytes = Field(sa_type=LargeBinary)
    comment: str = ""
    place: int | None = None
    on_behalf_of: UUID | None = None
    base_minor: int | None = Field(default=None, sa_type=BigInteger)
    evidence: str | None = None
    evidence_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_at: datetime | None = Field(default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.now()})


class WireEvent(SQLModel, table=True):
    """One line of a wire's timeline. `step` names a step of the process, which is written once."""

    __tablename__ = "wire_events"

    id: int | None = Field(default=None, primary_key=True)
    wire_id: UUID
    at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.clock_timestamp()}
    )
    event: str
    status: str
    actor: str
    actor_id: UUID | None = None
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    step: str | None = None


class WireHit(SQLModel, table=True):
    """One finding of screening. `known` is the remembered false positive that covers it: it is no hit then."""

    __tablename__ = "wire_hits"

    id: int | None = Field(default=None, primary_key=True)
    wire_id: UUID
    entry_id: str
    list_version: str
    field: str
    matched: str
    score: Decimal
    verdict: str
    list: str = ""
    parts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    entry_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    subject_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    known: UUID | None = None


async def locked(session: AsyncSession, wire_id: UUID) -> Wire:
    """The wire, its row locked until the transaction ends. Raises `NotFound`.

    Every change of a wire starts here: whoever gets the lock first decides, the others see what was decided.
    """
    statement = select(Wire).where(Wire.id == wire_id).with_for_update().execution_options(populate_existing=True)
    wire = (await session.execute(statement)).scalar_one_or_none()
    if wire is None:
        raise NotFound("there is no such wire")
    return wire


async def find(session: AsyncSession, wire_id: UUID) -> Wire:
    """The wire as it is now, if it can be seen. Raises `NotFound`."""
    wire = (await session.execute(select(Wire).where(Wire.id == wire_id))).scalar_one_or_none()
    if wire is None:
        raise NotFound("there is no such wire")
    return wire


async def with_ids(session: AsyncSession, ids: Sequence[UUID]) -> Sequence[Wire]:
    """The wires with these ids, as far as they can be seen, in the order of the ids."""
    return (await session.execute(select(Wire).where(col(Wire.id).in_(ids)).order_by(col(Wire.id)))).scalars().all()


async def found(session: AsyncSession, words: str, *, most: int) -> Sequence[Wire]:
    """The newest wires that staff find by an id, a UETR, or words of the recipient's name or the reference."""
    try:
        named = UUID(words)
    except ValueError:
        named = None
    ids = await session.execute(
        text("SELECT id FROM staff_find_wires(:words, :named, :most)"), {"words": words, "named": named, "most": most}
    )
    statement = select(Wire).where(col(Wire.id).in_(ids.scalars().all())).order_by(col(Wire.id).desc())
    return (await session.execute(statement)).scalars().all()


async def tell(
    session: AsyncSession,
    wire: Wire,
    event: str,
    *,
    actor: str = "process",
    actor_id: UUID | None = None,
    step: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Adds a line to the wire's timeline. With a `step` that is there already, adds nothing."""
    await session.execute(
        text(
            "INSERT INTO wire_events (wire_id, event, status, actor, actor_id, step, data)"
            " VALUES (:wire_id, :event, :status, :actor, :actor_id, :step, cast(:data AS jsonb))"
            " ON CONFLICT (wire_id, step) DO NOTHING"
        ),
        {
            "wire_id": wire.id,
            "event": event,
            "status": wire.status,
            "actor": actor,
            "actor_id": actor_id,
            "step": step,
            "data": json.dumps(data or {}, default=str),
        },
    )


async def timeline(session: AsyncSession, wire_id: UUID) -> Sequence[WireEvent]:
    """What happened to a wire, in order."""
    statement = select(WireEvent).where(WireEvent.wire_id == wire_id).order_by(col(WireEvent.id))
    return (await session.execute(statement)).scalars().all()


async def approvals(session: AsyncSession, wire_id: UUID) -> Sequence[WireApproval]:
    """The decisions about a wire, in order."""
    statement = select(WireApproval).where(WireApproval.wire_id == wire_id).order_by(col(WireApproval.created_at))
    return (await session.execute(statement)).scalars().all()


async def hits(session: AsyncSession, wire_id: UUID) -> Sequence[WireHit]:
    """What screening found, strongest first."""
    statement = select(WireHit).where(WireHit.wire_id == wire_id).order_by(col(WireHit.score).desc())
    return (await session.execute(statement)).scalars().all()


async def given(session: AsyncSession, wire_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many places of each of these wires are filled by an approval; a wire without any is not in it."""
    statement = (
        select(WireApproval.wire_id, func.count())
        .where(col(WireApproval.wire_id).in_(wire_ids), col(WireApproval.place).is_not(None))
        .group_by(col(WireApproval.wire_id))
    )
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}
