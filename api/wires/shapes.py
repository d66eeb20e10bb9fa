"""What decisions and answers about wires look like, and how much of a wire a customer is shown."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.amounts import Amount
from models.auth import Role
from models.bank import Charges
from models.money import to_decimal
from models.tables.auth import Caller
from models.tables.wires import Wire, WireEvent, WireRecall
from models.wires import ComplianceStatus, SlaStage, WireStatus
from models.wires.recalls import RecallReason, RecallStatus


class Approvals(BaseModel):
    """How many approvals a wire needs, and has."""

    required: int
    given: int
    senior_required: bool


class WireView(BaseModel):
    """A wire as people see it."""

    id: UUID
    status: WireStatus
    compliance_status: ComplianceStatus
    amount: Amount
    fee: Amount
    correspondent_fee: Amount = Field(description="Taken in advance for the banks on the way, beside the fee (OUR).")
    currency: str
    from_account_id: UUID
    recipient_name: str
    recipient_bank_name: str
    recipient_bank_swift: str | None
    recipient_routing_number: str | None
    recipient_account_number: str
    recipient_address: dict[str, Any] | None
    recipient_country: str
    purpose_code: str | None
    charges: Charges
    reference: str
    execution_date: date | None
    value_date: date | None
    uetr: UUID
    end_to_end_id: str
    approvals: Approvals
    sla_deadline: datetime | None
    sla_stage: SlaStage
    approved_by: UUID | None
    approved_at: datetime | None
    reason_code: str | None
    reason: str | None
    transaction_id: UUID | None
    created_at: datetime
    updated_at: datetime


class Found(BaseModel):
    """Wires that were looked for, the newest first."""

    data: list[WireView]


class RecallView(BaseModel):
    """A recall as people see it."""

    id: UUID
    wire_id: UUID
    status: RecallStatus
    reason: RecallReason
    comment: str
    requested_by: UUID | None = Field(description="Who asked; a customer sees only themselves.")
    sent_at: datetime | None
    due_at: datetime | None = Field(description="When the bank's answer is due.")
    answer_code: str | None = Field(description="The bank's reason, as it gave it.", examples=["AC04"])
    answer_text: str | None
    created_at: datetime
    ended_at: datetime | None


class WireDetail(WireView):
    """A wire with what was asked of the bank about it since it left."""

    recalls: list[RecallView] = Field(description="Newest first.")


class TimelineEntry(BaseModel):
    """One thing that happened to a wire."""

    at: datetime
    event: str
    status: WireStatus
    actor: str
    actor_id: UUID | None
    data: dict[str, Any]


class Timeline(BaseModel):
    """Everything that happened to a wire, in order."""

    data: list[TimelineEntry]


class Approval(BaseModel):
    """A word to an approval; needed when screening found a similar listed name."""

    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""
    on_behalf_of: UUID | None = Field(
        default=None, description="The officer in whose place you decide, by a delegation that holds now."
    )
    evidence_hash: Annotated[str | None, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        default=None,
        description="What you looked at, as `GET /wires/{id}/approval` named it: refused when there is something new.",
    )


class Rejection(BaseModel):
    """Why a wire is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


# A customer is told that a wire is blocked, and neither that something was found before nor why a wire with findings
# ended: all else is tipping off.
_TOLD: Final = {ComplianceStatus.CLEAR: ComplianceStatus.CLEAR, ComplianceStatus.PENDING: ComplianceStatus.PENDING}


def view(wire: Wire, given: int, caller: Caller) -> WireView:
    """A wire as `caller` may see it; `given` is the number of its approvals."""
    shown = WireView.model_validate(
        wire.model_dump(exclude={"amount_minor", "content_hash"})
        | {
            "amount": to_decimal(wire.amount_minor, wire.currency),
            "fee": to_decimal(wire.fee_minor - wire.correspondent_minor + wire.deducted_minor, wire.currency),
            "correspondent_fee": to_decimal(wire.correspondent_minor, wire.currency),
            "from_account_id": wire.sender_account_id,
            "approvals": Approvals(required=wire.approvals_required, given=given, senior_required=wire.senior_required),
            "reason": wire.reason_text,
        }
    )
    return _for_its_customer(shown, withheld=wire.reason_withheld) if caller.role == Role.CUSTOMER else shown


def _for_its_customer(wire: WireView, *, withheld: bool) -> WireView:
    tellable = wire.compliance_status in _TOLD
    blocked = wire.status is WireStatus.BLOCKED
    status = ComplianceStatus.BLOCKED if blocked else _TOLD.get(wire.compliance_status, ComplianceStatus.PENDING)
    return wire.model_copy(
        update={
            "approved_by": None,
            "compliance_status": status,
            "reason": wire.reason if tellable and not withheld else None,
            "reason_code": None if blocked else wire.reason_code,
        }
    )


def timeline_of(events: Sequence[WireEvent], caller: Caller) -> Timeline:
    """What happened to a wire. Customers see that officers acted, and not who they are or what they noted."""
    entries = [
        TimelineEntry.model_validate(event.model_dump(include=set(TimelineEntry.model_fields))) for event in events
    ]
    if caller.role == Role.CUSTOMER:
        entries = [_to_its_customer(entry) for entry in entries]
    return Timeline(data=entries)


# What officers say to the customer.
_SAID_TO_CUSTOMERS: Final = {"info_requested"}


def _to_its_customer(entry: TimelineEntry) -> TimelineEntry:
    if entry.actor == "customer":
        return entry
    data = entry.data if entry.event in _SAID_TO_CUSTOMERS else {}
    return entry.model_copy(update={"actor_id": None, "data": data})


def recall_view(recall: WireRecall, caller: Caller) -> RecallView:
    """A recall as `caller` may see it."""
    hidden = caller.role == Role.CUSTOMER and recall.requested_by != caller.id
    return RecallView.model_validate(
        recall.model_dump(include=set(RecallView.model_fields))
        | {"requested_by": None if hidden else recall.requested_by}
    )
