"""The clock of a decision that people owe: remind at 50 %, escalate at 80 %, breach at 100 %, and perhaps an end.

The marks are moments, worked out once in the business time of a desk (contract §5, reference/banking.md §6.5). What
happens at each is the feature's; nothing is ever approved by a clock.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from models.calendars import Hours


class SlaStage(StrEnum):
    """How far the clock of a decision has run."""

    NONE = "none"
    RUNNING = "running"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    BREACHED = "breached"
    EXPIRED = "expired"
    MET = "met"


class SlaClock(BaseModel):
    """The marks of one decision: remind at 50 %, escalate at 80 %, breach at 100 %, end at the hard stop."""

    model_config = ConfigDict(frozen=True)

    started_at: datetime
    remind_at: datetime
    escalate_at: datetime
    deadline: datetime
    hard_stop: datetime | None


def sla_clock(hours: Hours, start: datetime, sla: timedelta, hard_stop: timedelta | None = None) -> SlaClock:
    """The marks of a decision that is due from `start` on, in the business time of `hours`. Without a `hard_stop` it
    stays due, however late."""
    return SlaClock(
        started_at=start,
        remind_at=hours.add(start, sla * 0.5),
        escalate_at=hours.add(start, sla * 0.8),
        deadline=hours.add(start, sla),
        hard_stop=None if hard_stop is None else hours.add(start, hard_stop),
    )


def sla_stage_at(clock: SlaClock, at: datetime) -> SlaStage:
    """The stage that a running clock has reached at `at`."""
    for mark, stage in (
        (clock.hard_stop, SlaStage.EXPIRED),
        (clock.deadline, SlaStage.BREACHED),
        (clock.escalate_at, SlaStage.ESCALATED),
        (clock.remind_at, SlaStage.REMINDED),
    ):
        if mark is not None and at >= mark:
            return stage
    return SlaStage.RUNNING


def next_mark(clock: SlaClock, stage: SlaStage) -> datetime | None:
    """When the clock next has something to say; None once it has run out, or has no end to reach."""
    return {
        SlaStage.RUNNING: clock.remind_at,
        SlaStage.REMINDED: clock.escalate_at,
        SlaStage.ESCALATED: clock.deadline,
        SlaStage.BREACHED: clock.hard_stop,
    }.get(stage)
