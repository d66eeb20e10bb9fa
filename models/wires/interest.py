"""Interest on blocked property, counted exactly.

Blocked funds are held at interest, at the rate that other depositors are offered for a sum of that size (31 CFR 597.203
and its like in the other programmes; OFAC's FAQ 33), and what belongs to which property has to be known at any time
(FAQ 32). The bank publishes that rate for each currency.

Interest is simple within a month and counted by days over a year of 360 (ACT/360); it is booked when the month is over
and bears interest itself from then on. It is counted in *parts*, whole numbers: one minor unit earns one part a day for
each millionth of the rate. What is less than a minor unit is carried into the next stretch, so that nothing is rounded
but the very last, down.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

DAYS_A_YEAR: Final = 360
MILLION: Final = 1_000_000
# So many parts are one minor unit.
PARTS: Final = DAYS_A_YEAR * MILLION


class InterestRate(BaseModel):
    """What blocked property of a currency earns a year from `from_day` on, in millionths: 2.5 % are 25,000."""

    model_config = ConfigDict(frozen=True)

    from_day: date
    millionths: int = Field(ge=0, le=MILLION)

    @property
    def percent(self) -> Decimal:
        """The same in per cent."""
        return Decimal(self.millionths).scaleb(-4)


class Interest(BaseModel):
    """What one property earned from `from_day` up to, and without, `to_day`. `base_minor` bore it; `carried_parts` were
    left by the stretch before."""

    model_config = ConfigDict(frozen=True)

    from_day: date
    to_day: date
    base_minor: int
    carried_parts: int
    earned_parts: int

    @property
    def amount_minor(self) -> int:
        """What of it can be booked."""
        return (self.carried_parts + self.earned_parts) // PARTS

    @property
    def left_parts(self) -> int:
        """What of it is carried into the next stretch."""
        return (self.carried_parts + self.earned_parts) % PARTS


class Bearing(BaseModel):
    """Where a property stands: `base_minor` bears interest from `from_day` on, with `carried_parts` left over."""

    model_config = ConfigDict(frozen=True)

    from_day: date
    base_minor: int
    carried_parts: int = 0

    def until(self, to_day: date, rates: Sequence[InterestRate]) -> Interest:
        """The interest of the days up to, and without, `to_day`."""
        return Interest(
            from_day=self.from_day,
            to_day=to_day,
            base_minor=self.base_minor,
            carried_parts=self.carried_parts,
            earned_parts=earned(self.base_minor, rates, self.from_day, to_day),
        )

    def after(self, interest: Interest) -> Self:
        """Where it stands once that is booked."""
        return self.model_copy(
            update={
                "from_day": interest.to_day,
                "base_minor": self.base_minor + interest.amount_minor,
                "carried_parts": interest.left_parts,
            }
        )


def rate_on(rates: Sequence[InterestRate], day: date) -> InterestRate:
    """The rate of that day. `rates` (at least one) are in the order of their days; before the first it is the first."""
    return max((one for one in rates if one.from_day <= day), key=lambda one: one.from_day, default=rates[0])


def earned(base_minor: int, rates: Sequence[InterestRate], from_day: date, to_day: date) -> int:
    """What `base_minor` earns from `from_day` up to, and without, `to_day`, in parts; each day at the rate of that day.
    `rates` are in the order of their days."""
    marks = [from_day, *(one.from_day for one in rates if from_day < one.from_day < to_day), to_day]
    return sum(
        base_minor * rate_on(rates, first).millionths * (following - first).days for first, following in pairwise(marks)
    )


def month_ends(from_day: date, last: date) -> Iterator[date]:
    """The firsts of months after `from_day`, up to `last`: on each of them a month is over."""
    day = _next_month(from_day)
    while day <= last:
        yield day
        day = _next_month(day)


def closing_days(from_day: date, last: date) -> Iterator[date]:
    """Those, and `last` itself: where interest is counted up to when a property is given back, or looked at."""
    day = from_day
    for day in month_ends(from_day, last):
        yield day
    if day < last:
        yield last


def stretches(bearing: Bearing, rates: Sequence[InterestRate], days: Iterable[date]) -> Iterator[Interest]:
    """The interest up to each of `days` (ascending), as it would be booked one after the other."""
    for day in days:
        interest = bearing.until(day, rates)
        yield interest
        bearing = bearing.after(interest)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
