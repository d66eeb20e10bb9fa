"""What crosses Temporal, and what operations read there. It is sealed on the way (`infra.payloads`); whoever is of
operations opens it in the Temporal UI, so none of it carries personal data.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.money import written
from models.payments.orders import Rail
from models.payments.states import ENDED, PaymentStatus

_S = PaymentStatus


class PaymentStart(BaseModel):
    """What a payment's process is started with."""

    model_config = ConfigDict(frozen=True)

    payment_id: UUID
    customer_ref: str
    amount_minor: int
    currency: str


class PaymentStep(BaseModel):
    """What each step of a payment is given. `at` is the process's time, so that skipped time is true time."""

    model_config = ConfigDict(frozen=True)

    payment_id: UUID
    at: datetime


class PaymentState(BaseModel):
    """A payment as its row says, for the process to decide what comes next."""

    model_config = ConfigDict(frozen=True)

    payment_id: UUID
    status: PaymentStatus
    rail: Rail
    amount_minor: int
    currency: str
    due_on: date | None = None
    standing_order_id: UUID | None = None
    number: int | None = None
    # When the process has to look again if nobody wakes it: the due day, another look for the money, the rail's window.
    look_again_at: datetime | None = None
    try_until: datetime | None = None
    message_id: str | None = None
    value_date: date | None = None
    reason_code: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the process has nothing more to do."""
        return self.status in ENDED


_ADVICE: Final[dict[PaymentStatus, str]] = {
    _S.SCHEDULED: "Waits for its day. No money is set aside before it.",
    _S.FUNDED: "The money is set aside. Waits for the rail.",
    _S.RELEASED: "Order written to the bank channel. Waiting for the bank's acknowledgement.",
    _S.ACKNOWLEDGED: "The bank has accepted the order. Waiting for settlement.",
    _S.COMPLETED: "Settled: amount and fee are posted.",
    _S.RETURNED: "The money came back and is posted to the customer's account.",
    _S.FAILED: "Not carried out. What was set aside is available again, the customer is told.",
    _S.CANCELLED: "Cancelled by the customer. What was set aside is available again.",
    _S.BLOCKED: "**Sanctions hit.** The money stays held until compliance has decided about it.",
}


def case_file(state: PaymentState, silent_since: datetime | None = None) -> str:
    """A payment's state as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    lines = [
        f"### {state.status.capitalize()}",
        _ADVICE[state.status],
        "",
        "| | |",
        "|---|---|",
        f"| Amount | {written(state.amount_minor, state.currency)} |",
        f"| Rail | {state.rail.upper()} |",
    ]
    if state.standing_order_id:
        lines.append(f"| Standing order | `{state.standing_order_id}`, date {state.number} |")
    if state.due_on:
        lines.append(f"| Due | {state.due_on} |")
    if state.try_until and state.status is _S.SCHEDULED:
        lines.append(f"| Money missing | looked for until {state.try_until:%Y-%m-%d %H:%M:%S} UTC |")
    if state.look_again_at and not state.ended:
        lines.append(f"| Next look | {state.look_again_at:%Y-%m-%d %H:%M:%S} UTC |")
    if state.message_id:
        lines.append(f"| Bank message | `{state.message_id}`, value date {state.value_date} |")
    if state.reason_code:
        lines.append(f"| Reason | `{state.reason_code}` |")
    if silent_since:
        lines.append(f"\n**The bank is silent** since {silent_since:%Y-%m-%d %H:%M:%S} UTC. Ask it; never send again.")
    return "\n".join(lines)


class StandingOrderStart(BaseModel):
    """What a standing order's process is started with."""

    model_config = ConfigDict(frozen=True)

    standing_order_id: UUID
    customer_ref: str
    amount_minor: int
    currency: str


class StandingOrderStep(BaseModel):
    """What each step of a standing order is given, with the process's time."""

    model_config = ConfigDict(frozen=True)

    standing_order_id: UUID
    at: datetime


class StandingOrderState(BaseModel):
    """A standing order as its row says. `look_again_at`: when the next payment of it is to be made."""

    model_config = ConfigDict(frozen=True)

    standing_order_id: UUID
    status: str
    frequency: str
    amount_minor: int
    currency: str
    issued: int
    upcoming_on: date | None = None
    look_again_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether no payment comes any more."""
        return self.status != "active"


def standing_case_file(state: StandingOrderState) -> str:
    """A standing order's state as Markdown, for the Temporal UI. No personal data."""
    lines = [
        f"### {state.status.capitalize()}",
        "",
        "| | |",
        "|---|---|",
        f"| Amount | {written(state.amount_minor, state.currency)} |",
        f"| Rhythm | {state.frequency.replace('_', ' ')} |",
        f"| Dates dealt with | {state.issued} |",
    ]
    if state.upcoming_on:
        lines.append(f"| Upcoming payment | {state.upcoming_on} |")
    if state.look_again_at and not state.ended:
        lines.append(f"| Next look | {state.look_again_at:%Y-%m-%d %H:%M:%S} UTC |")
    return "\n".join(lines)
