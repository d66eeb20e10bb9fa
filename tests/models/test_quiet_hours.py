"""Quiet hours and digests by the clock on the wall, on the nights too on which clocks are moved."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.quiet_hours import DigestRhythm, QuietHours, Rhythm, UnknownTimeZone, zone

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NIGHT = QuietHours(starts=time(22), ends=time(7))
ZONES = ["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "2026-11-22T20:59", None),
        (NIGHT, "2026-11-22T21:00", "2026-11-23T06:00"),
        (NIGHT, "2026-11-23T05:59", "2026-11-23T06:00"),
        (NIGHT, "2026-11-23T06:00", None),
        # Clocks go forward in the night to 28 March 2027: an hour less of it.
        (NIGHT, "2027-03-27T21:00", "2027-03-28T05:00"),
        # And back in the night to 31 October 2027: an hour more.
        (NIGHT, "2027-10-30T20:00", "2027-10-31T06:00"),
        # The end does not exist: 02:30 of the clock before is 03:30 of the clock after.
        (QuietHours(starts=time(22), ends=time(2, 30)), "2027-03-28T01:29", "2027-03-28T01:30"),
        (QuietHours(starts=time(22), ends=time(2, 30)), "2027-03-28T01:30", None),
        # The end exists twice: it ends at the first, and the second 02:15 is no night any more.
        (QuietHours(starts=time(22), ends=time(2, 30)), "2027-10-31T00:15", "2027-10-31T00:30"),
        (QuietHours(starts=time(22), ends=time(2, 30)), "2027-10-31T01:15", None),
        # Within a day.
        (QuietHours(starts=time(12), ends=time(14)), "2026-11-22T11:30", "2026-11-22T13:00"),
        (QuietHours(starts=time(12), ends=time(14)), "2026-11-22T13:00", None),
    ],
)
def test_quiet_hours_in_amsterdam(hours: QuietHours, now: str, until: str | None) -> None:
    assert hours.until(at(now), AMSTERDAM) == (at(until) if until else None)


_TIMES = st.times().map(lambda one: one.replace(second=0, microsecond=0))
_MOMENTS = st.integers(0, 6 * 365 * 24 * 3600).map(lambda seconds: at("2024-01-01") + timedelta(seconds=seconds))


@given(_TIMES, _TIMES, _MOMENTS, st.sampled_from(ZONES))
def test_quiet_hours_end_within_a_day_and_are_over_then(starts: time, ends: time, now: datetime, name: str) -> None:
    if starts == ends:
        return
    hours, where = QuietHours(starts=starts, ends=ends), ZoneInfo(name)
    until = hours.until(now, where)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)
        # The next ones may begin at once, where a moved clock takes all between them.
        later = hours.until(until, where)
        assert later is None or later > until


@pytest.mark.parametrize(
    ("rhythm", "now", "due"),
    [
        (DigestRhythm(), "2026-11-22T06:59", "2026-11-21T07:00"),
        (DigestRhythm(), "2026-11-22T07:00", "2026-11-22T07:00"),
        (DigestRhythm(every=Rhythm.WEEKLY, weekday=1), "2026-11-22T23:00", "2026-11-16T07:00"),
        (DigestRhythm(every=Rhythm.WEEKLY, weekday=1), "2026-11-23T07:00", "2026-11-23T07:00"),
        (DigestRhythm(at=time(2, 30)), "2027-03-28T01:30", "2027-03-28T01:30"),
        (DigestRhythm(at=time(2, 30)), "2027-10-31T01:30", "2027-10-31T00:30"),
    ],
)
def test_a_digest_is_due_in_amsterdam(rhythm: DigestRhythm, now: str, due: str) -> None:
    assert rhythm.due(at(now), AMSTERDAM) == at(due)


@given(st.builds(DigestRhythm, every=st.just(Rhythm.DAILY), at=_TIMES), _MOMENTS, st.sampled_from(ZONES))
def test_every_day_has_one_digest(rhythm: DigestRhythm, now: datetime, name: str) -> None:
    where = ZoneInfo(name)
    dues = sorted({rhythm.due(now + timedelta(minutes=15 * step), where) for step in range(4 * 24 * 7)})
    days = [due.astimezone(where).date() for due in dues]
    assert len(set(days)) == len(days)
    assert all(timedelta(0) < later - before <= timedelta(hours=49) for before, later in pairwise(dues))


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../etc/passwd", "a" * 300, "/etc/hosts", "Europe"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(UnknownTimeZone):
        zone(name)


def test_quiet_hours_are_a_span() -> None:
    with pytest.raises(ValidationError, match="different times"):
        QuietHours(starts=time(7), ends=time(7))
