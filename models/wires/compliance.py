"""The compliance desk of wires: what is ruled about hits and blocked money, by when, and why a ruling is refused.

Two officers rule, never the wire's maker (reference/banking.md §6.3): one proposes, another one confirms. What lets the
money of a blocked wire go takes a senior officer among the two.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from models.calendars import Hours, business_day_after
from models.errors import Conflict, Forbidden
from models.sla import SlaClock
from models.wires.states import WireStatus

# A report of blocked property, or of a rejected transaction, is due ten business days after (31 CFR 501.603, 501.604).
REPORT_BUSINESS_DAYS: Final = 10
# The annual report of blocked property lists what was held on 30 June, and is due on 30 September (31 CFR 501.603).
ANNUAL_HELD: Final = (6, 30)
ANNUAL_DUE: Final = (9, 30)
# A false positive that nobody asked a shorter or longer life for is remembered that long; the database takes two years.
REMEMBERED_DAYS: Final = 365
LONGEST_REMEMBERED_DAYS: Final = 731
# Who reviews has to leave the approvers this much of the rail's day (reference/banking.md §6.5).
BEFORE_CUT_OFF: Final = timedelta(minutes=30)

_S = WireStatus
# Where hits can still be ruled about: before the order is written to the bank.
REVIEWABLE: Final = frozenset({_S.PENDING, _S.AWAITING_APPROVAL, _S.INFO_REQUESTED, _S.APPROVED, _S.BLOCKED})


class HitState(StrEnum):
    """`known`: a remembered false positive, which is no hit. The others are what two officers have ruled, if any."""

    PENDING = "pending"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    KNOWN = "known"


class Ruling(StrEnum):
    """What two officers rule. Of a hit: `clear` (not the listed one), `confirm` (the listed one). Of the money of a
    blocked wire: `reject` (prohibited, nothing to block: back to the customer), `seize` (blocked property), `release`
    (out of the blocked account again, by a licence)."""

    CLEAR = "clear"
    CONFIRM = "confirm"
    REJECT = "reject"
    SEIZE = "seize"
    RELEASE = "release"


ABOUT_HITS: Final = frozenset({Ruling.CLEAR, Ruling.CONFIRM})


class ReportKind(StrEnum):
    """What has to be told to the authority."""

    BLOCKED = "blocked"
    REJECTED = "rejected"


class ScreeningOpen(Conflict):
    """Something was found that the compliance desk has not decided about, or has decided against."""

    code = "screening_open"
    title = "Screening is not decided"


class SeniorNeeded(Forbidden):
    """One of the two officers who let a blocked wire go is a senior one."""

    code = "senior_needed"
    title = "A senior officer has to be one of the two"


def review_clock(
    desk: Hours, at: datetime, *, span: timedelta, cut_off: datetime | None, hard_stop: timedelta | None
) -> SlaClock:
    """The marks of a review that begins at `at`: `span` of the desk's time, or half an hour before the `cut_off` that
    the wire would leave by, whichever is first (reference/banking.md §6.5). If that has passed, it is due at once."""
    due = desk.add(at, span)
    if cut_off is not None:
        due = max(at, min(due, cut_off - BEFORE_CUT_OFF))
    whole = desk.between(at, due)
    return SlaClock(
        started_at=at,
        remind_at=min(due, desk.add(at, whole * 0.5)),
        escalate_at=min(due, desk.add(at, whole * 0.8)),
        deadline=due,
        hard_stop=None if hard_stop is None else desk.add(at, hard_stop),
    )


def report_due(hours: Hours, at: datetime) -> date:
    """The last day for the report of what happened at `at`."""
    return business_day_after(hours, hours.business_day(at), REPORT_BUSINESS_DAYS)
