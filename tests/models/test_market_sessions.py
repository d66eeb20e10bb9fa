"""When the exchange is open: the days that go wrong elsewhere (reference/brokerage.md §7.9)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from infra.market_days import market_days
from models.market.sessions import CalendarEnds, Sessions
from tests.factories.market import known_days

SESSIONS = Sessions(known_days())


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type] # year, month, day, hour, minute


@pytest.mark.parametrize(
    ("at", "is_open", "session_date", "next_open", "next_close", "early"),
    [
        # A usual day: before, at the opening, the last minute, at the close.
        (_utc(2026, 11, 20, 14, 29), False, "2026-11-20", _utc(2026, 11, 20, 14, 30), _utc(2026, 11, 20, 21), False),
        (_utc(2026, 11, 20, 14, 30), True, "2026-11-20", _utc(2026, 11, 23, 14, 30), _utc(2026, 11, 20, 21), False),
        (_utc(2026, 11, 20, 20, 59), True, "2026-11-20", _utc(2026, 11, 23, 14, 30), _utc(2026, 11, 20, 21), False),
        (_utc(2026, 11, 20, 21, 0), False, "2026-11-23", _utc(2026, 11, 23, 14, 30), _utc(2026, 11, 23, 21), False),
        # Thanksgiving, and the day after it, which ends at 13:00.
        (_utc(2026, 11, 26, 16, 0), False, "2026-11-27", _utc(2026, 11, 27, 14, 30), _utc(2026, 11, 27, 18), True),
        (_utc(2026, 11, 27, 17, 59), True, "2026-11-27", _utc(2026, 11, 30, 14, 30), _utc(2026, 11, 27, 18), True),
        (_utc(2026, 11, 27, 18, 0), False, "2026-11-30", _utc(2026, 11, 30, 14, 30), _utc(2026, 11, 30, 21), False),
        # Clocks went forward on 8 March 2026: 9:30 in New York is 13:30 UTC from then on.
        (_utc(2026, 3, 6, 14, 0), False, "2026-03-06", _utc(2026, 3, 6, 14, 30), _utc(2026, 3, 6, 21), False),
        (_utc(2026, 3, 9, 13, 30), True, "2026-03-09", _utc(2026, 3, 10, 13, 30), _utc(2026, 3, 9, 20), False),
        # A day of mourning that no rule knew before.
        (_utc(2025, 1, 9, 16, 0), False, "2025-01-10", _utc(2025, 1, 10, 14, 30), _utc(2025, 1, 10, 21), False),
        # Columbus and Veterans Day: banks rest, the exchange does not.
        (_utc(2026, 10, 12, 15, 0), True, "2026-10-12", _utc(2026, 10, 13, 13, 30), _utc(2026, 10, 12, 20), False),
        (_utc(2026, 11, 11, 15, 0), True, "2026-11-11", _utc(2026, 11, 12, 14, 30), _utc(2026, 11, 11, 21), False),
    ],
)  # fmt: skip
def test_where_the_market_is(
    at: datetime, is_open: bool, session_date: str, next_open: datetime, next_close: datetime, early: bool
) -> None:
    status = SESSIONS.status(at)
    assert (status.is_open, str(status.session_date)) == (is_open, session_date)
    assert (status.next_open, status.next_close, status.early_close) == (next_open, next_close, early)
    assert SESSIONS.is_open(at) is is_open


def test_the_calendar_says_where_it_ends() -> None:
    first, last = known_days()[0], known_days()[-1]
    for at in (first.opens_at - timedelta(seconds=1), last.closes_at, last.opens_at):
        with pytest.raises(CalendarEnds):
            SESSIONS.status(at)


def test_years_ahead_are_known_however_long_a_process_lives() -> None:
    assert market_days(date(2031, 6, 1))[-1].day == date(2033, 12, 30)
    assert market_days(date(2026, 11, 22)) == market_days(date(2026, 1, 2))
