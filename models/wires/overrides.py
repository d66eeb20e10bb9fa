"""An emergency override: two senior officers approve a wire in place of approvers who are not there, and a third person
looks at it afterwards (reference/banking.md §6.6).

It passes by the approval matrix and by nothing else. What screening found, the limits of officers, the customer's
standing, the release window and the age of the lists hold as they do for every wire.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import Conflict
from models.sla import SlaStage


class Finding(StrEnum):
    """What the after-review came to."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"


class OverrideProposed(Conflict):
    """Another senior officer has proposed an override of this wire: confirm that one, or withdraw it."""

    code = "override_proposed"
    title = "An override is proposed already"


class AfterReviewStart(BaseModel):
    """What the process of an after-review is started with."""

    model_config = ConfigDict(frozen=True)

    override_id: UUID
    wire_id: UUID


class AfterReviewStep(BaseModel):
    """What each step of an after-review is given. `at` is the process's time."""

    model_config = ConfigDict(frozen=True)

    override_id: UUID
    wire_id: UUID
    at: datetime


class AfterReviewState(BaseModel):
    """An after-review as its rows say, for the process to decide what comes next."""

    model_config = ConfigDict(frozen=True)

    override_id: UUID
    wire_id: UUID
    stage: SlaStage
    due_at: datetime
    finding: Finding | None = None
    look_again_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it is closed, and told."""
        return self.finding is not None


_OPEN: Final = "**Somebody who had no part in it looks at an override**, in the console or by the API."


def review_file(state: AfterReviewState) -> str:
    """An after-review's state as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    lines = [
        f"### After-review {state.stage if state.finding is None else 'closed'}",
        _OPEN if state.finding is None else f"Found: {state.finding.replace('_', ' ')}.",
        "",
        "| | |",
        "|---|---|",
        f"| Wire | `{state.wire_id}` |",
        f"| Due | {state.due_at:%Y-%m-%d %H:%M:%S} UTC |",
    ]
    return "\n".join(lines)
