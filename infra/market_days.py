"""The sessions of the New York Stock Exchange by rule (`exchange_calendars`, XNYS): holidays, early closes, and days on
which it was shut unforeseen (2025-01-09), which a newer release of the package brings in.

The package makes its calendars until a year after its import, so a process that lives long would run out of days
(reference/brokerage.md §5): the end is always named here.
"""

import warnings
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from models.market.sessions import Session

EXCHANGE: Final = "XNYS"
ZONE: Final = ZoneInfo("America/New_York")
# The simulated exchange begins here (infra/providers/quotes/walk.py).
FIRST_DAY: Final = date(2020, 1, 1)
YEARS_AHEAD: Final = 2


def market_days(today: date) -> list[Session]:
    """The sessions from the first day to the end of the second year after `today`. Takes a second: for a thread."""
    # It brings pandas with it: a second and seventy megabytes, for what is asked once a day.
    from exchange_calendars import get_calendar  # noqa: PLC0415 # it brings pandas with it

    with warnings.catch_warnings():
        # Its own way with pandas is deprecated there, which says nothing to us.
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = get_calendar(EXCHANGE, start=FIRST_DAY, end=date(today.year + YEARS_AHEAD, 12, 31))
    early = {day.date() for day in calendar.early_closes}
    return [
        Session(day=day.date(), opens_at=_moment(row.open), closes_at=_moment(row.close), early=day.date() in early)
        for day, row in calendar.schedule.iterrows()
    ]


def at_the_exchange(day: date, wall: time) -> datetime:
    """The moment, in UTC, at which clocks at the exchange show that time of that day."""
    return datetime.combine(day, wall, ZONE).astimezone(UTC)


def _moment(stamp: datetime) -> datetime:
    return datetime.fromtimestamp(int(stamp.timestamp()), UTC)
