"""Business time: when a bank is open, and what "two hours from now" means when it is not.

Pure arithmetic over days that somebody else looked up (`calendar_days`); nothing here knows the present time. Hours are
local wall time, so a day of a clock change is as long as it is, and results are UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

SATURDAY: Final = 5
# No desk is closed for longer; past it the calendar's data is wrong, and a loop would hide that.
LONGEST_CLOSURE_DAYS: Final = 30


class Hours(Protocol):
    """When work is done: the business time of a desk, or the window of a payment rail."""

    def add(self, start: datetime, span: timedelta) -> datetime:
        """The moment when `span` of open time has passed since `start`."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much open time there is from `start` to `end`; none where `end` is before it."""

    def next_open(self, at: datetime) -> datetime:
        """`at` if open then, else the next opening."""

    def business_day(self, at: datetime) -> date:
        """The local date of `at`."""

    def opening(self, day: date) -> datetime:
        """The opening of `day`, or of the next business day after it."""

    def cut_off(self, at: datetime) -> datetime | None:
        """The first moment that is too late for the window of `at`, or of the next one; None where none ends."""

    def is_business_day(self, day: date) -> bool:
        """Whether work is done on `day`. Raises `LookupError` past what the calendar knows."""


@dataclass(frozen=True)
class Release:
    """When an order leaves, if it may leave from some moment on: not before `at`. `cut_off` is the first moment that
    is too late for `value_date`; what comes then leaves on the next good day. None where nothing ever closes."""

    at: datetime
    value_date: date
    cut_off: datetime | None


def release(hours: Hours, at: datetime, execution_date: date | None = None) -> Release:
    """When an order that is free to leave at `at` does, and the day on which it counts (reference/banking.md §6.5).

    The value date is the day of the release: a wire settles the day it leaves. So an approval after the cut-off rolls
    the value date with it, and an execution date on a closed day means the next good day.
    """
    waits = execution_date is not None and hours.business_day(at) < execution_date
    leaves = hours.opening(execution_date) if waits and execution_date else hours.next_open(at)
    return Release(at=leaves, value_date=hours.business_day(leaves), cut_off=hours.cut_off(leaves))


@dataclass(frozen=True)
class AlwaysOpen:
    """Every moment is business time (`AURUM_BANK_HOURS=always`): for trying things out on a Sunday night."""

    def add(self, start: datetime, span: timedelta) -> datetime:
        return start + span

    def between(self, start: datetime, end: datetime) -> timedelta:
        return max(end - start, timedelta(0))

    def next_open(self, at: datetime) -> datetime:
        return at

    def business_day(self, at: datetime) -> date:
        return at.astimezone(UTC).date()

    def opening(self, day: date) -> datetime:
        return datetime.combine(day, time(), UTC)

    def cut_off(self, at: datetime) -> datetime | None:  # noqa: ARG002 # whenever it is, nothing closes
        return None

    def is_business_day(self, day: date) -> bool:  # noqa: ARG002 # every day is one
        return True


@dataclass(frozen=True)
class BusinessHours:
    """Open from `opens` to `closes` local time on Monday to Friday, except on `closed_days`. On the days of
    `early_closes` it ends at that time, if that is earlier. The closing moment itself is too late.

    `known_until`: the last day that the data speaks of. Asking beyond it raises `LookupError`, since a forgotten
    holiday would promise what the bank cannot keep.
    """

    zone: ZoneInfo
    opens: time
    closes: time
    closed_days: frozenset[date] = field(default_factory=frozenset)
    known_until: date = date.max
    early_closes: Mapping[date, time] = field(default_factory=dict)

    def except_on(self, closed_days: Iterable[date], known_until: date) -> "BusinessHours":
        """These hours, on days that are good in another calendar too: a payment that changes its currency."""
        return replace(
            self,
            closed_days=self.closed_days.union(closed_days),
            known_until=min(self.known_until, known_until),
        )

    def is_business_day(self, day: date) -> bool:
        """Whether the desk works on `day`. Raises `LookupError` past the data."""
        if day > self.known_until:
            raise LookupError(f"the bank calendar ends on {self.known_until}; load the days after it")
        return day.weekday() < SATURDAY and day not in self.closed_days

    def _window(self, day: date) -> tuple[datetime, datetime]:
        start = datetime.combine(day, self.opens, self.zone).astimezone(UTC)
        closes = min(self.closes, self.early_closes.get(day, self.closes))
        return start, datetime.combine(day, closes, self.zone).astimezone(UTC)

    def _windows_from(self, at: datetime) -> Iterable[tuple[datetime, datetime]]:
        day = self.business_day(at)
        idle = 0
        while idle <= LONGEST_CLOSURE_DAYS:
            if self.is_business_day(day):
                idle = 0
                start, end = self._window(day)
                # A day that closes before it opens has no window.
                if at < end and start < end:
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

    def between(self, start: datetime, end: datetime) -> timedelta:
        passed = timedelta(0)
        for opening, closing in self._windows_from(start):
            if opening >= end:
                break
            passed += min(closing, end) - opening
        return passed

    def next_open(self, at: datetime) -> datetime:
        return next(iter(self._windows_from(at)))[0]

    def business_day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def opening(self, day: date) -> datetime:
        return self.next_open(datetime.combine(day, self.opens, self.zone).astimezone(UTC))

    def cut_off(self, at: datetime) -> datetime | None:
        return next(iter(self._windows_from(at)))[1]


# When payments by the local rails are given to the bank (reference/banking.md §6.5, §6.10), in local time on the days
# of the currency. SEPA until its usual bank cut-off of 14:00 Frankfurt; the ACH, for settlement on the next banking
# day, until before its last window at 16:45 New York.
LOCAL_RAILS: Final[dict[str, tuple[time, time]]] = {
    "EUR": (time(7), time(14)),
    "USD": (time(8), time(16)),
}


class CalendarsFilled(BaseModel):
    """The last day that each calendar knows, and the calendars whose last day is near."""

    model_config = ConfigDict(frozen=True)

    days_until: dict[str, date]
    ending: tuple[str, ...] = ()


def business_day_after(hours: Hours, day: date, count: int) -> date:
    """The `count`-th business day after `day`, which itself does not count. Raises `LookupError` past the data."""
    for _ in range(count):
        day += timedelta(days=1)
        while not hours.is_business_day(day):
            day += timedelta(days=1)
    return day


def business_days_between(hours: Hours, first: date, last: date) -> int:
    """How many business days have begun after `first`, up to and with `last`. Raises `LookupError` past the data."""
    return sum(hours.is_business_day(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))
