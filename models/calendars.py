"""Business time: when a bank is open, and what "two hours from now" means when it is not.

Pure arithmetic over days that somebody else looked up (`calendar_days`); nothing here knows the present time. Hours are
local wall time, so a day of a clock change is as long as it is, and results are UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

SATURDAY: Final = 5
# No desk is closed for longer; past it the calendar's data is wrong, and a loop would hide that.
LONGEST_CLOSURE_DAYS: Final = 30


class Hours(Protocol):
    """When work is done: the business time of a desk, or the window of a payment rail."""

    def add(self, start: datetime, span: timedelta) -> datetime:
        """The moment when `span` of open time has passed since `start`."""

    def next_open(self, at: datetime) -> datetime:
        """`at` if open then, else the next opening."""

    def business_day(self, at: datetime) -> date:
        """The local date of `at`."""

    def opening(self, day: date) -> datetime:
        """The opening of `day`, or of the next business day after it."""


@dataclass(frozen=True)
class AlwaysOpen:
    """Every moment is business time (`AURUM_BANK_HOURS=always`): for trying things out on a Sunday night."""

    def add(self, start: datetime, span: timedelta) -> datetime:
        return start + span

    def next_open(self, at: datetime) -> datetime:
        return at

    def business_day(self, at: datetime) -> date:
        return at.astimezone(UTC).date()

    def opening(self, day: date) -> datetime:
        return datetime.combine(day, time(), UTC)


@dataclass(frozen=True)
class BusinessHours:
    """Open from `opens` to `closes` local time on Monday to Friday, except on `closed_days`.

    `known_until`: the last day that the data speaks of. Asking beyond it raises `LookupError`, since a forgotten
    holiday would promise what the bank cannot keep.
    """

    zone: ZoneInfo
    opens: time
    closes: time
    closed_days: frozenset[date] = field(default_factory=frozenset)
    known_until: date = date.max

    def is_business_day(self, day: date) -> bool:
        """Whether the desk works on `day`. Raises `LookupError` past the data."""
        if day > self.known_until:
            raise LookupError(f"the bank calendar ends on {self.known_until}; load the days after it")
        return day.weekday() < SATURDAY and day not in self.closed_days

    def _window(self, day: date) -> tuple[datetime, datetime]:
        start = datetime.combine(day, self.opens, self.zone).astimezone(UTC)
        return start, datetime.combine(day, self.closes, self.zone).astimezone(UTC)

    def _windows_from(self, at: datetime) -> Iterable[tuple[datetime, datetime]]:
        day = self.business_day(at)
        idle = 0
        while idle <= LONGEST_CLOSURE_DAYS:
            if self.is_business_day(day):
                idle = 0
                start, end = self._window(day)
                if at < end:
                    yield max(start, at), end
            else:
                idle += 1
            day += timedelta(days=1)
        raise LookupError(f"no business day within {LONGEST_CLOSURE_DAYS} days after {day}")

    def add(self, start: datetime, span: timedelta) -> datetime:
        left = span
        for opening, closing in self._windows_from(start):
            if closing - opening >= left:
                return opening + left
            left -= closing - opening
        raise LookupError("the bank calendar has no end of this span")

    def next_open(self, at: datetime) -> datetime:
        return next(iter(self._windows_from(at)))[0]

    def business_day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def opening(self, day: date) -> datetime:
        return self.next_open(self._window(day)[0])


# Rail windows less the bank's own hour before the rail's customer cut-off (reference/banking.md §6.5): Fedwire closes
# for customers at 18:45 New York, T2 at 17:00 Frankfurt, CHAPS at 17:40 London.
RAILS: Final[dict[str, tuple[str, time, time]]] = {
    "USD": ("America/New_York", time(8), time(17, 45)),
    "EUR": ("Europe/Berlin", time(7), time(16)),
    "GBP": ("Europe/London", time(6), time(16, 40)),
}
# The desk that approves wires sits with the EUR calendar.
DESK: Final[tuple[str, str, time, time]] = ("EUR", "Europe/Amsterdam", time(8), time(18))
