"""A wire: its states and moves, what it costs, who has to approve it, and its entries in the ledger.

Everything here is a rule without input or output, so that the API, the process and the database say the same. The life
of a wire (contract §5):

    pending ─► awaiting_approval ⇄ info_requested ─► approved ─► released ─► acknowledged ─► completed ─► returned
       │               │                                │           │             │
       └► blocked      └► rejected, cancelled, expired  └► blocked  └─────────────┴► failed
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.bank import Charges, PostalAddress
from models.calendars import Hours
from models.ledger import Entry, Leg
from models.money import exponent, to_minor, written


class WireStatus(StrEnum):
    """Where a wire stands (contract §5)."""

    PENDING = "pending"
    AWAITING_APPROVAL = "awaiting_approval"
    INFO_REQUESTED = "info_requested"
    APPROVED = "approved"
    RELEASED = "released"
    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    FAILED = "failed"
    RETURNED = "returned"


class ComplianceStatus(StrEnum):
    """What screening says. `in_review`: similar to a listed name; `hit`: the listed name itself."""

    PENDING = "pending"
    CLEAR = "clear"
    IN_REVIEW = "in_review"
    HIT = "hit"
    BLOCKED = "blocked"


class SlaStage(StrEnum):
    """How far the clock of the approval has run."""

    NONE = "none"
    RUNNING = "running"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    BREACHED = "breached"
    EXPIRED = "expired"
    MET = "met"


class Mover(StrEnum):
    """Who makes a move: a person through the API, or the wire's process. The database holds both to it."""

    PERSON = "person"
    PROCESS = "process"


_S = WireStatus
_PERSON = Mover.PERSON
_PROCESS = Mover.PROCESS

# The only moves there are. The migration copies this table into the database, which refuses every other.
MOVES: Final[dict[tuple[WireStatus, WireStatus], Mover]] = {
    (_S.PENDING, _S.AWAITING_APPROVAL): _PROCESS,
    (_S.PENDING, _S.BLOCKED): _PROCESS,
    (_S.PENDING, _S.CANCELLED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.INFO_REQUESTED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.APPROVED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.REJECTED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.CANCELLED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.EXPIRED): _PROCESS,
    (_S.INFO_REQUESTED, _S.AWAITING_APPROVAL): _PERSON,
    (_S.INFO_REQUESTED, _S.REJECTED): _PERSON,
    (_S.INFO_REQUESTED, _S.CANCELLED): _PERSON,
    (_S.INFO_REQUESTED, _S.EXPIRED): _PROCESS,
    (_S.APPROVED, _S.CANCELLED): _PERSON,
    (_S.APPROVED, _S.RELEASED): _PROCESS,
    (_S.APPROVED, _S.BLOCKED): _PROCESS,
    (_S.APPROVED, _S.FAILED): _PROCESS,
    (_S.RELEASED, _S.ACKNOWLEDGED): _PROCESS,
    (_S.RELEASED, _S.FAILED): _PROCESS,
    (_S.ACKNOWLEDGED, _S.COMPLETED): _PROCESS,
    (_S.ACKNOWLEDGED, _S.FAILED): _PROCESS,
    (_S.COMPLETED, _S.RETURNED): _PROCESS,
}

# The process has nothing more to do. A blocked wire keeps its hold until a person has decided about the money.
ENDED: Final = frozenset({_S.COMPLETED, _S.REJECTED, _S.CANCELLED, _S.EXPIRED, _S.BLOCKED, _S.FAILED, _S.RETURNED})
UNDECIDED: Final = frozenset({_S.AWAITING_APPROVAL, _S.INFO_REQUESTED})


def may_move(before: WireStatus, after: WireStatus, mover: Mover) -> bool:
    """Whether `mover` may take a wire from `before` to `after`."""
    return MOVES.get((before, after)) is mover


class Tier(BaseModel):
    """How many officers approve a wire of at most `up_to` (major units), and whether one has to be senior."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: int | None
    approvals: int
    senior: bool = False


# reference/banking.md §6.6, with one approval at least: without known beneficiaries every one of them is new.
TIERS: Final[tuple[Tier, ...]] = (
    Tier(up_to=250_000, approvals=1),
    Tier(up_to=1_000_000, approvals=2),
    Tier(up_to=None, approvals=2, senior=True),
)


def tier_of(amount_minor: int, currency: str, compliance: ComplianceStatus, tiers: tuple[Tier, ...]) -> Tier:
    """The tier that a wire falls into. A name that resembles a listed one is for two, one of them senior."""
    for tier in tiers:
        if tier.up_to is None or amount_minor <= to_minor(tier.up_to, currency):
            break
    else:
        raise ValueError("the last tier of AURUM_WIRE_TIERS has to have no upper end")
    if compliance is ComplianceStatus.IN_REVIEW:
        return Tier(up_to=tier.up_to, approvals=max(2, tier.approvals), senior=True)
    return tier


# What the bank takes for a wire, in major units. Currencies that are not here cannot be wired.
FEES: Final[dict[str, int]] = {"USD": 25, "EUR": 20, "GBP": 18}


class Price(BaseModel):
    """What a wire costs: `fee_minor` on top of the amount, or `deducted_minor` out of it (BEN)."""

    model_config = ConfigDict(frozen=True)

    fee_minor: int
    deducted_minor: int


def price(currency: str, charges: Charges) -> Price:
    """The bank's own fee (reference/banking.md §6.8). Raises `KeyError` for a currency that cannot be wired."""
    fee = to_minor(FEES[currency], currency)
    return Price(fee_minor=0, deducted_minor=fee) if charges is Charges.BEN else Price(fee_minor=fee, deducted_minor=0)


class WireOrder(BaseModel):
    """What a customer orders, checked for its form: amounts in minor units, codes in their electronic form."""

    model_config = ConfigDict(frozen=True)

    sender_account_id: UUID
    amount_minor: int = Field(gt=0)
    currency: str
    recipient_name: str
    recipient_bank_name: str = ""
    recipient_bank_swift: str | None = None
    recipient_routing_number: str | None = None
    recipient_account_number: str
    recipient_address: PostalAddress | None = None
    recipient_country: str
    purpose_code: str | None = None
    charges: Charges = Charges.SHA
    reference: str = ""
    execution_date: date | None = None


# What an approval is an approval of. A new field that matters gets a new version, so that old hashes stay checkable.
CONTENT_VERSION: Final = 1
CONTENT_FIELDS: Final = (
    "sender_account_id", "amount_minor", "fee_minor", "deducted_minor", "currency", "recipient_name",
    "recipient_bank_name", "recipient_bank_swift", "recipient_routing_number", "recipient_account_number",
    "recipient_address", "recipient_country", "purpose_code", "charges", "reference", "execution_date",
)  # fmt: skip


def content_hash(wire: Mapping[str, Any]) -> bytes:
    """SHA-256 over what the customer ordered. Officers approve this, and nothing else (reference/banking.md §5.3)."""
    content = {name: wire[name] for name in CONTENT_FIELDS}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(f"wire/{CONTENT_VERSION}\n{canonical}".encode()).digest()


class SlaClock(BaseModel):
    """The marks of one approval: remind at 50 %, escalate at 80 %, breach at 100 %, end at the hard stop."""

    model_config = ConfigDict(frozen=True)

    started_at: datetime
    remind_at: datetime
    escalate_at: datetime
    deadline: datetime
    hard_stop: datetime


def sla_clock(hours: Hours, start: datetime, sla: timedelta, hard_stop: timedelta) -> SlaClock:
    """The marks of an approval that starts at `start`, in the business time of `hours` (contract §5)."""
    return SlaClock(
        started_at=start,
        remind_at=hours.add(start, sla * 0.5),
        escalate_at=hours.add(start, sla * 0.8),
        deadline=hours.add(start, sla),
        hard_stop=hours.add(start, hard_stop),
    )


def sla_stage_at(clock: SlaClock, at: datetime) -> SlaStage:
    """The stage that a running approval has reached at `at`."""
    for mark, stage in (
        (clock.hard_stop, SlaStage.EXPIRED),
        (clock.deadline, SlaStage.BREACHED),
        (clock.escalate_at, SlaStage.ESCALATED),
        (clock.remind_at, SlaStage.REMINDED),
    ):
        if at >= mark:
            return stage
    return SlaStage.RUNNING


def next_mark(clock: SlaClock, stage: SlaStage) -> datetime | None:
    """When the clock next has something to say; None once it has run out."""
    return {
        SlaStage.RUNNING: clock.remind_at,
        SlaStage.REMINDED: clock.escalate_at,
        SlaStage.ESCALATED: clock.deadline,
        SlaStage.BREACHED: clock.hard_stop,
    }.get(stage)


# Payloads that cross Temporal. None of them carries personal data: histories and the Temporal UI are plain to read.


class WireStart(BaseModel):
    """What a wire's process is started with."""

    model_config = ConfigDict(frozen=True)

    wire_id: UUID
    customer_ref: str
    amount_minor: int
    currency: str


class WireStep(BaseModel):
    """What each step of a wire is given. `at` is the process's time, so that skipped time is true time."""

    model_config = ConfigDict(frozen=True)

    wire_id: UUID
    at: datetime


class WireState(BaseModel):
    """A wire as its row says, for the process to decide what comes next."""

    model_config = ConfigDict(frozen=True)

    wire_id: UUID
    status: WireStatus
    compliance_status: ComplianceStatus
    amount_minor: int
    currency: str
    recipient_country: str
    recipient_bank: str
    approvals_required: int = 1
    approvals_given: int = 0
    senior_required: bool = False
    sla_stage: SlaStage = SlaStage.NONE
    sla_deadline: datetime | None = None
    # When the process has to look again if nobody wakes it: the next SLA mark, or the next release window.
    look_again_at: datetime | None = None
    message_id: str | None = None
    value_date: date | None = None
    reason_code: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the process has nothing more to do."""
        return self.status in ENDED


_ADVICE: Final[dict[WireStatus, str]] = {
    _S.PENDING: "Automatic checks are running.",
    _S.AWAITING_APPROVAL: "**Waiting for officers.** Approve or reject in the console or by the API.",
    _S.INFO_REQUESTED: "**Waiting for the customer's answer.** The clock goes on.",
    _S.APPROVED: "Approved. Waiting for the release window.",
    _S.RELEASED: "Order written to the bank channel. Waiting for the bank's acknowledgement.",
    _S.ACKNOWLEDGED: "The bank has accepted the order. Waiting for settlement.",
    _S.COMPLETED: "Settled: amount and fee are posted.",
    _S.REJECTED: "Rejected by an officer. The hold is released.",
    _S.CANCELLED: "Cancelled by the customer. The hold is released.",
    _S.EXPIRED: "Nobody decided before the hard stop. The hold is released, the customer is told.",
    _S.BLOCKED: "**Sanctions hit.** The money stays held until compliance has decided about it.",
    _S.FAILED: "The bank refused the order. The hold is released.",
    _S.RETURNED: "The money came back and is posted to the customer's account.",
}


def case_file(state: WireState, silent_since: datetime | None = None) -> str:
    """A wire's state as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    senior = ", one senior" if state.senior_required else ""
    lines = [
        f"### {state.status.replace('_', ' ').capitalize()}",
        _ADVICE[state.status],
        "",
        "| | |",
        "|---|---|",
        f"| Amount | {written(state.amount_minor, state.currency)} |",
        f"| To | {state.recipient_bank}, {state.recipient_country} |",
        f"| Screening | {state.compliance_status.replace('_', ' ')} |",
        f"| Approvals | {state.approvals_given} of {state.approvals_required}{senior} |",
    ]
    if state.sla_deadline:
        lines.append(f"| Deadline | {state.sla_deadline:%Y-%m-%d %H:%M:%S} UTC, {state.sla_stage} |")
    if state.look_again_at and not state.ended:
        lines.append(f"| Next look | {state.look_again_at:%Y-%m-%d %H:%M:%S} UTC |")
    if state.message_id:
        lines.append(f"| Bank message | `{state.message_id}`, value date {state.value_date} |")
    if state.reason_code:
        lines.append(f"| Reason | `{state.reason_code}` |")
    if silent_since:
        lines.append(f"\n**The bank is silent** since {silent_since:%Y-%m-%d %H:%M:%S} UTC. Ask it; never send again.")
    return "\n".join(lines)


class WireMoney(BaseModel):
    """The facts of a wire that its entries are made of. `debited_minor` is what the customer pays in all."""

    model_config = ConfigDict(frozen=True)

    wire_id: UUID
    account_id: UUID
    amount_minor: int
    fee_minor: int
    deducted_minor: int
    currency: str

    @property
    def debited_minor(self) -> int:
        """Amount and fee."""
        return self.amount_minor + self.fee_minor

    @property
    def paid_minor(self) -> int:
        """What the correspondent pays out of our account."""
        return self.amount_minor - self.deducted_minor


def settlement_entry(
    wire: WireMoney, *, hold_id: UUID, nostro: UUID, fees: UUID, value_date: date, reference: str
) -> Entry:
    """The entry that settles a wire. It turns the hold into a debit.

    | account  | debit          | credit                  |
    |----------|----------------|-------------------------|
    | customer | amount + fee   |                         |
    | nostro   |                | amount − deducted       |
    | fees     |                | fee or deducted         |
    """
    legs = [
        Leg(account_id=wire.account_id, amount_minor=-wire.debited_minor),
        Leg(account_id=nostro, amount_minor=wire.paid_minor),
    ]
    charge = wire.fee_minor + wire.deducted_minor
    if charge:
        legs.append(Leg(account_id=fees, amount_minor=charge))
    return Entry(
        key=f"wire/{wire.wire_id}/settlement",
        kind="wire",
        currency=wire.currency,
        amount_minor=wire.amount_minor,
        legs=tuple(legs),
        from_account_id=wire.account_id,
        to_account_id=nostro,
        fee_minor=charge,
        description=reference,
        category="wire_transfer",
        metadata={"wire_id": str(wire.wire_id)},
        value_date=value_date,
        captures=hold_id,
    )


def return_entry(wire: WireMoney, *, nostro: UUID, returned_minor: int, value_date: date, reason: str) -> Entry:
    """The entry for money that came back after settlement, net of what the banks kept. Our fee is not returned.

    | account  | debit    | credit   |
    |----------|----------|----------|
    | nostro   | returned |          |
    | customer |          | returned |
    """
    return Entry(
        key=f"wire/{wire.wire_id}/return",
        kind="wire_return",
        currency=wire.currency,
        amount_minor=returned_minor,
        legs=(
            Leg(account_id=nostro, amount_minor=-returned_minor),
            Leg(account_id=wire.account_id, amount_minor=returned_minor),
        ),
        from_account_id=nostro,
        to_account_id=wire.account_id,
        description=f"Wire returned: {reason}",
        category="wire_transfer",
        metadata={"wire_id": str(wire.wire_id), "reason": reason},
        value_date=value_date,
    )


def order_references(wire_id: UUID, uetr: UUID) -> tuple[str, str, str]:
    """Message id, instruction id (16 characters) and end-to-end id (35) of a wire's order, always the same ones."""
    return f"AU{wire_id.hex}"[:35], f"A{uetr.hex[:15]}".upper(), end_to_end_id(wire_id)


def end_to_end_id(wire_id: UUID) -> str:
    """The end-to-end id of a wire (at most 35 characters, unique)."""
    return f"W{wire_id.hex}".upper()


def decimals(currency: str) -> int:
    """The exponent that is stored beside a wire's amounts."""
    return exponent(currency)
