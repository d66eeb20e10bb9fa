"""The recall of a wire that has left: the request to the bank to give the money back (camt.056), and its clock.

    requested ─► sent ─► accepted ─► returned
        │         │         └──────► stopped, refused
        └─────────┴────────────────► returned, stopped, refused, failed

`stopped`: the bank has cancelled the payment before it settled. Windows and clock: reference/banking.md §6.9. After
settlement DUPL, TECH and FRAD within ten banking business days, the others within 13 months; the answer is due in 15.
"""

from calendar import monthrange
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.calendars import Hours, business_day_after
from models.errors import Conflict, RuleRefused
from models.money import written
from models.wires.states import WireStatus


class RecallStatus(StrEnum):
    """Where a recall stands."""

    REQUESTED = "requested"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    RETURNED = "returned"
    STOPPED = "stopped"
    FAILED = "failed"


class RecallReason(StrEnum):
    """Why the money is asked back (ISO 20022 ExternalCancellationReason1Code)."""

    DUPLICATE = "DUPL"
    TECHNICAL = "TECH"
    FRAUD = "FRAD"
    CUSTOMER = "CUST"
    WRONG_ACCOUNT = "AC03"
    WRONG_AMOUNT = "AM09"


class RecallWindowOver(RuleRefused):
    """The time in which banks take a recall for this reason is over."""

    code = "recall_window_over"
    title = "Too late for a recall"


class RecallOpen(Conflict):
    """A wire is recalled by one request at a time."""

    code = "recall_open"
    title = "The wire is being recalled"


_S = RecallStatus

# The only moves there are, all of them the process's. The migration copies this table into the database.
RECALL_MOVES: Final = frozenset(
    {
        *((_S.REQUESTED, after) for after in (_S.SENT, _S.RETURNED, _S.STOPPED, _S.FAILED)),
        *((_S.SENT, after) for after in (_S.ACCEPTED, _S.REFUSED, _S.RETURNED, _S.STOPPED, _S.FAILED)),
        *((_S.ACCEPTED, after) for after in (_S.REFUSED, _S.RETURNED, _S.STOPPED)),
    }
)
OPEN_RECALL: Final = frozenset({_S.REQUESTED, _S.SENT, _S.ACCEPTED})
# A wire is at the bank, or was carried out by it. Before, it is cancelled; after, there is nothing to ask back.
RECALLABLE: Final = frozenset({WireStatus.RELEASED, WireStatus.ACKNOWLEDGED, WireStatus.COMPLETED})

SHORT_WINDOW_DAYS: Final = 10
LONG_WINDOW_MONTHS: Final = 13
_SHORT: Final = frozenset({RecallReason.DUPLICATE, RecallReason.TECHNICAL, RecallReason.FRAUD})
# Banking business days after the request was sent: operations are reminded, the answer is due, it is asked for again.
REMIND_DAYS: Final = 10
DUE_DAYS: Final = 15
AGAIN_DAYS: Final = 5


def window_end(reason: RecallReason, settled_on: date, hours: Hours) -> date:
    """The last day on which a settled wire is recalled for `reason`."""
    if reason in _SHORT:
        return business_day_after(hours, settled_on, SHORT_WINDOW_DAYS)
    years, month = divmod(settled_on.month - 1 + LONG_WINDOW_MONTHS, 12)
    year, month = settled_on.year + years, month + 1
    return date(year, month, min(settled_on.day, monthrange(year, month)[1]))


def check_window(reason: RecallReason, settled_on: date, today: date, hours: Hours) -> None:
    """Raises `RecallWindowOver` where banks no longer take a recall for `reason`."""
    last = window_end(reason, settled_on, hours)
    if today > last:
        raise RecallWindowOver(
            f"the wire was settled on {settled_on}; it could be recalled as {reason} until {last}",
            settled_on=settled_on.isoformat(),
            last_day=last.isoformat(),
        )


def recall_references(recall_id: UUID) -> tuple[str, str]:
    """Message id (35 characters) and case id (16) of a recall, always the same ones."""
    return f"RC{recall_id.hex}", f"R{recall_id.hex[-15:]}".upper()


class RecallStart(BaseModel):
    """What a recall's process is started with."""

    model_config = ConfigDict(frozen=True)

    recall_id: UUID
    wire_id: UUID
    customer_ref: str
    amount_minor: int
    currency: str


class RecallStep(BaseModel):
    """What each step of a recall is given. `at` is the process's time."""

    model_config = ConfigDict(frozen=True)

    recall_id: UUID
    wire_id: UUID
    at: datetime


class RecallState(BaseModel):
    """A recall as its rows say, for the process to decide what comes next."""

    model_config = ConfigDict(frozen=True)

    recall_id: UUID
    status: RecallStatus
    reason: RecallReason
    wire_status: WireStatus
    amount_minor: int
    currency: str
    # The request is written and not yet in the bank's folder.
    to_send: bool = False
    message_id: str | None = None
    due_at: datetime | None = None
    look_again_at: datetime | None = None
    answer_code: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the process has nothing more to do."""
        return self.status not in OPEN_RECALL


_ADVICE: Final[dict[RecallStatus, str]] = {
    _S.REQUESTED: "The request to the bank is being written.",
    _S.SENT: "The bank has been asked. **Waiting for its answer.**",
    _S.ACCEPTED: "The bank has agreed. **Waiting for the money**, or for the message that it was never paid.",
    _S.REFUSED: "The bank has refused. The wire stays as it is.",
    _S.RETURNED: "The money came back and is posted to the customer's account.",
    _S.STOPPED: "The bank stopped the wire before it settled. The hold is released.",
    _S.FAILED: "The bank could not take the request. **Ask it by other means.**",
}


def recall_file(state: RecallState) -> str:
    """A recall's state as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    lines = [
        f"### Recall {state.status}",
        _ADVICE[state.status],
        "",
        "| | |",
        "|---|---|",
        f"| Amount | {written(state.amount_minor, state.currency)} |",
        f"| Reason | `{state.reason}` |",
        f"| Wire | {state.wire_status} |",
    ]
    if state.message_id:
        lines.append(f"| Bank message | `{state.message_id}` |")
    if state.due_at and not state.ended:
        lines.append(f"| Answer due | {state.due_at:%Y-%m-%d %H:%M:%S} UTC |")
    if state.answer_code:
        lines.append(f"| Answer | `{state.answer_code}` |")
    return "\n".join(lines)
