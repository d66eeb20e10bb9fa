"""Which days banks are closed, by rule: what the tables of calendars are filled from (reference/banking.md §6.5).

The days come from the library `holidays`, as `data/bank_calendars.json` says for each calendar and corrected there: the
library knows when a holiday is, and the rail's own rule says what becomes of one that falls on a weekend.
"""

import json
from collections.abc import Iterator
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import holidays
from pydantic import BaseModel, ConfigDict

_DATA: Final = Path(__file__).parent / "data" / "bank_calendars.json"
_SUNDAY: Final = 6


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HolidaySource(_Fact):
    """Where the library keeps the days: those of a country or of a financial market."""

    country: str | None = None
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)
    observed: bool = True
    financial: str | None = None


class EarlyClose(_Fact):
    """A date of each year on which work ends early."""

    month: int
    day: int
    closes: time


class CalendarRule(_Fact):
    """One calendar. Without `opens` and `cut_off` it knows days alone."""

    name: str
    zone: str
    opens: time | None = None
    cut_off: time | None = None
    holidays: HolidaySource
    moves: Literal["sunday_to_monday"] | None = None
    early: tuple[EarlyClose, ...] = ()
    also: dict[date, str] = {}
    without: dict[date, str] = {}
    countries: tuple[str, ...] = ()
    source: str


class SpecialDay(_Fact):
    """A day that is unlike the others: closed, or open until `closes`."""

    day: date
    name: str
    closes: time | None = None


@lru_cache(maxsize=1)
def rules() -> dict[str, CalendarRule]:
    """Every calendar that there is a rule for, by its name: a currency, or `DESK`."""
    kept = json.loads(_DATA.read_text(encoding="utf-8"))["calendars"]
    return {name: CalendarRule.model_validate(rule) for name, rule in kept.items()}


def calendar_of_country(country: str) -> str | None:
    """The calendar by which the banks of `country` are closed; None where we do not know it."""
    return next((name for name, rule in rules().items() if country in rule.countries), None)


def special_days(calendar: str, years: range) -> list[SpecialDay]:
    """The closed days and early closes of `calendar` in `years`, in order. Raises `KeyError` for an unknown one."""
    rule = rules()[calendar]
    closed = {day: name for day, name in _holidays(rule, years) if day not in rule.without}
    closed |= {day: name for day, name in rule.also.items() if day.year in years}
    early = [
        SpecialDay(day=date(year, one.month, one.day), name="Early close", closes=one.closes)
        for year in years
        for one in rule.early
    ]
    days = [SpecialDay(day=day, name=name) for day, name in closed.items()]
    return sorted(days + [one for one in early if one.day not in closed], key=lambda one: one.day)


def _holidays(rule: CalendarRule, years: range) -> Iterator[tuple[date, str]]:
    source = rule.holidays
    # A holiday that moves may have moved here from the last day of the year before.
    asked = range(years.start - 1, years.stop)
    if source.financial:
        found = holidays.financial_holidays(source.financial, years=asked)
    else:
        found = holidays.country_holidays(
            source.country or "",
            subdiv=source.subdivision,
            years=asked,
            observed=source.observed,
            categories=source.categories,
        )
    for day, name in found.items():
        moved = day + timedelta(days=1) if rule.moves and day.weekday() == _SUNDAY else day
        if moved.year in years:
            yield moved, name
