"""The overdue ladder: what a review that is not passed by its day comes to, step by step, and when.

    T−90, T−30, T−7   the customer is reminded
    T                 outgoing is limited
    T+30              no debits
    T+90              the officers decide whether the customer leaves

(reference/banking.md §6.11.) Each step is undone when the review is passed. T is a day of the calendar, not of the
desk: the customer is told it as a date.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from models.kyc.states import Restriction


class Rung(StrEnum):
    """One step of the ladder."""

    OPENED = "opened"
    NOTICE_90 = "notice_90"
    NOTICE_30 = "notice_30"
    NOTICE_7 = "notice_7"
    LIMITED = "limited"
    FROZEN = "frozen"
    EXIT = "exit"


# From the day on which the review is due.
RUNGS: Final[dict[Rung, timedelta]] = {
    Rung.NOTICE_90: timedelta(days=-90),
    Rung.NOTICE_30: timedelta(days=-30),
    Rung.NOTICE_7: timedelta(days=-7),
    Rung.LIMITED: timedelta(0),
    Rung.FROZEN: timedelta(days=30),
    Rung.EXIT: timedelta(days=90),
}
ORDER: Final = (Rung.OPENED, *RUNGS)
RESTRICTIONS: Final[dict[Rung, Restriction]] = {
    Rung.LIMITED: Restriction.LIMITED,
    Rung.FROZEN: Restriction.FROZEN,
    Rung.EXIT: Restriction.EXIT,
}
# A review begins when its first notice is due.
LEAD: Final = timedelta(days=90)


def passed(due: datetime, rung: Rung, at: datetime) -> tuple[Rung, ...]:
    """The steps after `rung` that a review due at `due` has come to by `at`, in their order."""
    left = ORDER[ORDER.index(rung) + 1 :]
    return tuple(step for step in left if at >= due + RUNGS[step])


def next_rung(due: datetime, rung: Rung) -> datetime | None:
    """When the step after `rung` is due; None after the last."""
    left = ORDER[ORDER.index(rung) + 1 :]
    return due + RUNGS[left[0]] if left else None
