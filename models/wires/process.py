"""What crosses Temporal, and what operations read there. It is sealed on the way (`infra.payloads`); whoever is of
operations opens it in the Temporal UI, so none of it carries personal data.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.money import written
from models.sla import SlaStage
from models.wires.states import ENDED, ComplianceStatus, WireStatus

_S = WireStatus


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
    # Which row of which approval matrix decided who approves.
    matrix_row: str | None = None
    # The customer has to be called back before anybody approves.
    call_back_due: bool = False
    assignee: UUID | None = None
    sla_stage: SlaStage = SlaStage.NONE
    sla_deadline: datetime | None = None
    # The review of the compliance desk, while one is open.
    screening_due: datetime | None = None
    screening_stage: SlaStage = SlaStage.NONE
    # When the process has to look again if nobody wakes it: the next SLA mark, or the next release window.
    look_again_at: datetime | None = None
    # The bank is silent, and is to be asked what became of the order.
    ask_bank: bool = False
    message_id: str | None = None
    value_date: date | None = None
    reason_code: str | None = None

    @property
    def undecided(self) -> bool:
        """Whether it waits for the compliance desk before anything else."""
        return self.compliance_status is not ComplianceStatus.CLEAR

    @property
    def ended(self) -> bool:
        """Whether the process has nothing more to do."""
        return self.status in ENDED


_ADVICE: Final[dict[WireStatus, str]] = {
    _S.PENDING: "Automatic checks are running.",
    _S.AWAITING_APPROVAL: "**Waiting for officers.** Approve or reject in the console or by the API.",
    _S.INFO_REQUESTED: "**Waiting for the customer's answer.** The desk's clock stands; the hard stop does not.",
    _S.APPROVED: "Approved. Waiting for the release window.",
    _S.RELEASED: "Order written to the bank channel. Waiting for the bank's acknowledgement.",
    _S.ACKNOWLEDGED: "The bank has accepted the order. Waiting for settlement.",
    _S.COMPLETED: "Settled: amount and fee are posted.",
    _S.REJECTED: "Rejected by an officer. The hold is released.",
    _S.CANCELLED: "Cancelled by the customer. The hold is released.",
    _S.EXPIRED: "Nobody decided before the hard stop. The hold is released, the customer is told.",
    _S.BLOCKED: "**Sanctions hit.** The money stays where it is until the compliance desk has decided about it.",
    _S.FAILED: "The bank refused the order. The hold is released.",
    _S.RETURNED: "The money came back and is posted to the customer's account.",
}
_IN_REVIEW: Final = "**Waiting for the compliance desk.** Screening found something similar to a listed name."


def case_file(state: WireState, silent_since: datetime | None = None) -> str:
    """A wire's state as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    in_review = state.compliance_status is ComplianceStatus.IN_REVIEW
    senior = ", one senior" if state.senior_required else ""
    lines = [
        f"### {state.status.replace('_', ' ').capitalize()}",
        _IN_REVIEW if in_review and not state.ended else _ADVICE[state.status],
        "",
        "| | |",
        "|---|---|",
        f"| Amount | {written(state.amount_minor, state.currency)} |",
        f"| To | {state.recipient_bank}, {state.recipient_country} |",
        f"| Screening | {state.compliance_status.replace('_', ' ')} |",
        f"| Approvals | {state.approvals_given} of {state.approvals_required}{senior} |",
    ]
    if state.matrix_row:
        lines.append(f"| Decided by | {state.matrix_row} |")
    if state.call_back_due and not state.ended:
        lines.append("| Call-back | **due**: nobody approves before the customer has confirmed it |")
    if state.assignee:
        lines.append(f"| Looked after by | `{state.assignee}` |")
    if state.sla_deadline:
        lines.append(f"| Deadline | {state.sla_deadline:%Y-%m-%d %H:%M:%S} UTC, {state.sla_stage} |")
    if state.screening_due and not state.ended:
        lines.append(f"| Screening due | {state.screening_due:%Y-%m-%d %H:%M:%S} UTC, {state.screening_stage} |")
    if state.look_again_at and not state.ended:
        lines.append(f"| Next look | {state.look_again_at:%Y-%m-%d %H:%M:%S} UTC |")
    if state.message_id:
        lines.append(f"| Bank message | `{state.message_id}`, value date {state.value_date} |")
    if state.reason_code:
        lines.append(f"| Reason | `{state.reason_code}` |")
    if silent_since:
        lines.append(f"\n**The bank is silent** since {silent_since:%Y-%m-%d %H:%M:%S} UTC. Ask it; never send again.")
    return "\n".join(lines)
