"""What crosses Temporal of a review, and what operations read there. None of it carries personal data."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.kyc.ladder import Rung
from models.kyc.risk import RiskLevel
from models.kyc.states import ENDED, KycStatus, Occasion, Restriction
from models.sla import SlaStage

_S = KycStatus


class KycStart(BaseModel):
    """What the process of a review is started with. `number`: the customer's first, second, … review."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    customer_ref: str
    number: int
    occasion: Occasion


def process_id(customer_ref: str, number: int) -> str:
    """The id of the process of a customer's review."""
    return f"kyc/{customer_ref}/{number}"


class KycStep(BaseModel):
    """What each step of a review is given. `at` is the process's time, so that skipped time is true time."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    at: datetime


class KycState(BaseModel):
    """A review as its row says, for the process to decide what comes next."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    status: KycStatus
    occasion: Occasion
    round: int = 1
    risk_level: RiskLevel | None = None
    approvals_required: int = 1
    approvals_given: int = 0
    senior_required: bool = False
    assignee: str | None = None
    sla_stage: SlaStage = SlaStage.NONE
    sla_deadline: datetime | None = None
    due_at: datetime | None = None
    rung: Rung = Rung.OPENED
    restriction: Restriction = Restriction.NONE
    # When the process has to look again if nobody wakes it: the next mark of a clock, or the next step of the ladder.
    look_again_at: datetime | None = None
    # Whether the checks have to run: after a submission, an answer, or for the exit review of somebody who never came.
    to_check: bool = False
    reason_code: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the process has nothing more to do."""
        return self.status in ENDED


class Sweep(BaseModel):
    """What the daily look over all customers is given. `after`: the last customer of the page before; `list_version`:
    what the first page was screened with."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    after: UUID | None = None
    list_version: str | None = None


class Swept(BaseModel):
    """What one page of the daily look did. `after` is where the next page begins, None after the last;
    `list_version` is for the next page."""

    model_config = ConfigDict(frozen=True)

    looked_at: int = 0
    opened: int = 0
    after: UUID | None = None
    list_version: str | None = None


_ADVICE: Final[dict[KycStatus, str]] = {
    _S.PENDING: "**Waiting for the customer** to hand in what the review needs.",
    _S.SUBMITTED: "Automatic checks are running.",
    _S.IN_REVIEW: "**Waiting for officers.** Claim and decide in the console or by the API.",
    _S.INFO_REQUESTED: "**Waiting for the customer's answer.** The officers' clock stands still.",
    _S.APPROVED: "Approved. The customer is told, and the next review has its day.",
    _S.REJECTED: "Refused by an officer. No money leaves the customer's accounts.",
    _S.EXPIRED: "Ended without a decision.",
}


def case_file(state: KycState) -> str:
    """A review's state as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    senior = ", one senior" if state.senior_required else ""
    lines = [
        f"### {state.status.replace('_', ' ').capitalize()}",
        _ADVICE[state.status],
        "",
        "| | |",
        "|---|---|",
        f"| Occasion | {state.occasion.replace('_', ' ')}, round {state.round} |",
    ]
    if state.risk_level:
        lines.append(f"| Risk | {state.risk_level} |")
        lines.append(f"| Approvals | {state.approvals_given} of {state.approvals_required}{senior} |")
    if state.assignee:
        lines.append(f"| Claimed by | `{state.assignee}` |")
    if state.sla_deadline:
        lines.append(f"| Officers' deadline | {state.sla_deadline:%Y-%m-%d %H:%M:%S} UTC, {state.sla_stage} |")
    if state.due_at:
        lines.append(f"| Due | {state.due_at:%Y-%m-%d}, {state.rung.replace('_', ' ')} |")
    if state.restriction is not Restriction.NONE:
        lines.append(f"| Customer is | **{state.restriction}** |")
    if state.look_again_at and not state.ended:
        lines.append(f"| Next look | {state.look_again_at:%Y-%m-%d %H:%M:%S} UTC |")
    if state.reason_code:
        lines.append(f"| Reason | `{state.reason_code}` |")
    return "\n".join(lines)
