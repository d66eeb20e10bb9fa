"""The rhythm of a standing order: its dates, and what becomes of one on which banks are closed. Pure arithmetic.

Dates are counted from one and each follows from the first, so that a month-end stays one: an order that began on the
31st is due on 28 February and on 31 March again.
"""

import calendar
from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.errors import RuleRefused


class Frequency(StrEnum):
    """How often."""

    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    YEARLY = "yearly"


class NonBankingDay(StrEnum):
    """When a date falls on a day on which the rail is closed: paid before it, after it, or not at all."""

    PREVIOUS = "previous"
    NEXT = "next"
    SKIP = "skip"


_WEEKS: Final = {Frequency.WEEKLY: 1, Frequency.BIWEEKLY: 2}
_MONTHS: Final = {
    Frequency.MONTHLY: 1,
    Frequency.QUARTERLY: 3,
    Frequency.HALF_YEARLY: 6,
    Frequency.YEARLY: 12,
}


class NeverPays(RuleRefused):
    """No date of the rhythm is one on which the order would pay."""

    code = "never_pays"
    title = "Standing order would never pay"


class Rhythm(BaseModel):
    """The dates of a standing order: from `first_on`, until `last_on` or for `occurrences` dates, or without an end.

    A date that is left out (`skip`) is one of the `occurrences`.
    """

    model_config = ConfigDict(frozen=True)

    frequency: Frequency
    first_on: date
    last_on: date | None = None
    occurrences: int | None = Field(default=None, ge=1)
    non_banking_day: NonBankingDay = NonBankingDay.NEXT

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.last_on is not None and self.occurrences is not None:
            raise ValueError("an order ends on a date or after so many dates, not both")
        if self.last_on is not None and self.last_on < self.first_on:
            raise ValueError("the last date is not before the first")
        return self

    def on(self, number: int) -> date | None:
        """The date with that number, as the calendar has it; None after the end (or of time: the year 9999)."""
        if self.occurrences is not None and number > self.occurrences:
            return None
        try:
            day = self._nominal(number)
        except (OverflowError, ValueError):
            return None
        return None if self.last_on is not None and day > self.last_on else day

    def _nominal(self, number: int) -> date:
        steps = number - 1
        if self.frequency in _WEEKS:
            return self.first_on + timedelta(weeks=_WEEKS[self.frequency] * steps)
        months = self.first_on.year * 12 + self.first_on.month - 1 + _MONTHS[self.frequency] * steps
        year, month = divmod(months, 12)
        return date(year, month + 1, min(self.first_on.day, calendar.monthrange(year, month + 1)[1]))


def paid_on(day: date, rule: NonBankingDay, is_banking_day: Callable[[date], bool]) -> date | None:
    """The banking day on which the date `day` is paid; None: it is left out."""
    if is_banking_day(day):
        return day
    if rule is NonBankingDay.SKIP:
        return None
    step = timedelta(days=1 if rule is NonBankingDay.NEXT else -1)
    while not is_banking_day(day):
        day += step
    return day


def next_payment(rhythm: Rhythm, after: int, is_banking_day: Callable[[date], bool]) -> tuple[int, date] | None:
    """The number and the banking day of the next payment after the date numbered `after`; None: it was the last.

    `is_banking_day` raises `LookupError` where its data ends, and so does this.
    """
    number = after + 1
    while (nominal := rhythm.on(number)) is not None:
        day = paid_on(nominal, rhythm.non_banking_day, is_banking_day)
        if day is not None:
            return number, day
        number += 1
    return None


def first_payment(rhythm: Rhythm, is_banking_day: Callable[[date], bool]) -> tuple[int, date]:
    """The number and the banking day of the first payment. Raises `NeverPays`."""
    try:
        first = next_payment(rhythm, 0, is_banking_day)
    except LookupError:
        first = None
    if first is None:
        raise NeverPays("every date of this order that the bank's calendar knows is one on which banks are closed")
    return first
