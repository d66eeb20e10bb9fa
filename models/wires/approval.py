"""Who has to approve a wire, and the clock that runs until they have."""

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from models.calendars import Hours
from models.money import to_minor
from models.wires.states import ComplianceStatus, SlaStage


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
