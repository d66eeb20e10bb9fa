"""Bank days and cut-offs: the published rules of each rail, at their edges."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calendar_rules import calendar_of_country, rules, special_days
from models.calendars import AlwaysOpen, BusinessHours, release

NEW_YORK, FRANKFURT, AMSTERDAM = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Amsterdam")


def _hours(calendar: str) -> BusinessHours:
    rule, years = rules()[calendar], range(2024, 2033)
    assert rule.opens
    assert rule.cut_off
    days = special_days(calendar, years)
    return BusinessHours(
        ZoneInfo(rule.zone),
        rule.opens,
        rule.cut_off,
        frozenset(one.day for one in days if one.closes is None),
        date(2032, 12, 31),
        {one.day: one.closes for one in days if one.closes},
    )


USD, EUR, GBP, DESK = (_hours(name) for name in ("USD", "EUR", "GBP", "DESK"))


def _closed(calendar: str, year: int) -> list[str]:
    """The closed days of a year that are not on a weekend anyway, as the rails publish them."""
    days = special_days(calendar, range(year, year + 1))
    return [f"{one.day:%m-%d}" for one in days if one.closes is None and one.day.weekday() < 5]


@pytest.mark.parametrize(
    ("calendar", "year", "days"),
    [
        # Federal Reserve Banks, Holiday Schedules. 4 July 2026 is a Saturday: the Banks are open on Friday.
        ("USD", 2025, "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25"),
        ("USD", 2026, "01-01 01-19 02-16 05-25 06-19 09-07 10-12 11-11 11-26 12-25"),
        # 19 June and 25 December 2027 are Saturdays, 4 July a Sunday.
        ("USD", 2027, "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25"),
        ("USD", 2028, "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-23 12-25"),
        # 31 December 2022 is a Saturday and 1 January 2023 a Sunday: it moves within its own year.
        ("USD", 2023, "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-23 12-25"),
        # ECB: New Year, Good Friday, Easter Monday, 1 May, 25 and 26 December; none of them moves.
        ("EUR", 2026, "01-01 04-03 04-06 05-01 12-25"),
        ("EUR", 2027, "01-01 03-26 03-29"),
        ("EUR", 2028, "04-14 04-17 05-01 12-25 12-26"),
        ("GBP", 2026, "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"),
        ("GBP", 2027, "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28"),
        (
            "JPY",
            2027,
            "01-01 01-11 02-11 02-23 03-22 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 10-11 11-03 11-23 12-31",
        ),  # a year's list
        ("PLN", 2026, "01-01 01-06 04-06 05-01 06-04 11-11 12-24 12-25"),
        ("CZK", 2026, "01-01 04-03 04-06 05-01 05-08 07-06 09-28 10-28 11-17 12-24 12-25"),
    ],
)
def test_closed_days_are_those_that_are_published(calendar: str, year: int, days: str) -> None:
    assert _closed(calendar, year) == days.split()


@pytest.mark.parametrize(
    ("hours", "zone", "local", "leaves", "value_date"),
    [
        # To the second.
        (USD, NEW_YORK, "2026-11-24 17:44:59", "2026-11-24 17:44:59", "2026-11-24"),
        (USD, NEW_YORK, "2026-11-24 17:45:00", "2026-11-25 08:00:00", "2026-11-25"),
        (EUR, FRANKFURT, "2026-11-24 15:59:59", "2026-11-24 15:59:59", "2026-11-24"),
        (EUR, FRANKFURT, "2026-11-24 16:00:00", "2026-11-25 07:00:00", "2026-11-25"),
        (EUR, FRANKFURT, "2026-11-24 06:59:59", "2026-11-24 07:00:00", "2026-11-24"),
        # Friday evening, Thanksgiving, a holiday on a Saturday (the Friday before is open) and on a Sunday.
        (USD, NEW_YORK, "2026-11-20 18:00:00", "2026-11-23 08:00:00", "2026-11-23"),
        (USD, NEW_YORK, "2026-11-25 17:45:00", "2026-11-27 08:00:00", "2026-11-27"),
        (USD, NEW_YORK, "2026-07-03 12:00:00", "2026-07-03 12:00:00", "2026-07-03"),
        (USD, NEW_YORK, "2027-07-02 17:45:00", "2027-07-06 08:00:00", "2027-07-06"),
        # Good Friday to Easter Monday; the Fed works on both.
        (EUR, FRANKFURT, "2027-03-25 16:00:00", "2027-03-30 07:00:00", "2027-03-30"),
        (USD, NEW_YORK, "2027-03-26 12:00:00", "2027-03-26 12:00:00", "2027-03-26"),
        (GBP, ZoneInfo("Europe/London"), "2027-12-24 16:40:00", "2027-12-29 06:00:00", "2027-12-29"),
        # The year's end: a Thursday, New Year's Day, a weekend.
        (USD, NEW_YORK, "2026-12-31 17:44:59", "2026-12-31 17:44:59", "2026-12-31"),
        (USD, NEW_YORK, "2026-12-31 17:45:00", "2027-01-04 08:00:00", "2027-01-04"),
        (EUR, FRANKFURT, "2026-12-31 16:00:00", "2027-01-04 07:00:00", "2027-01-04"),
        # On both sides of each clock change: New York's weeks are not Frankfurt's.
        (USD, NEW_YORK, "2027-03-12 18:00:00", "2027-03-15 08:00:00", "2027-03-15"),
        (USD, NEW_YORK, "2027-11-05 18:00:00", "2027-11-08 08:00:00", "2027-11-08"),
        (EUR, FRANKFURT, "2027-10-29 18:00:00", "2027-11-01 07:00:00", "2027-11-01"),
    ],
)
def test_an_order_leaves_in_the_window_and_counts_on_that_day(
    hours: BusinessHours, zone: ZoneInfo, local: str, leaves: str, value_date: str
) -> None:
    found = release(hours, datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC))
    assert found.at == datetime.fromisoformat(leaves).replace(tzinfo=zone)
    assert found.at.tzinfo is UTC
    assert found.value_date == date.fromisoformat(value_date)
    assert found.cut_off == datetime.combine(found.value_date, hours.closes, zone)


@pytest.mark.parametrize(
    ("day", "opens", "cut_off", "apart"),
    [
        # New York changes its clocks on 14 March and 7 November 2027, Europe on 28 March and 31 October.
        ("2027-03-12", "13:00", "22:45", 6),
        ("2027-03-15", "12:00", "21:45", 5),
        ("2027-03-29", "12:00", "21:45", 6),
        ("2027-10-29", "12:00", "21:45", 6),
        ("2027-11-01", "12:00", "21:45", 5),
        ("2027-11-08", "13:00", "22:45", 6),
    ],
)
def test_a_window_is_local_time_in_every_week_of_a_clock_change(day: str, opens: str, cut_off: str, apart: int) -> None:
    found = release(USD, datetime.fromisoformat(f"{day} 06:00:00+00:00"))
    assert (f"{found.at:%H:%M}", found.cut_off and f"{found.cut_off:%H:%M}") == (opens, cut_off)
    amsterdam = found.at.astimezone(AMSTERDAM).utcoffset()
    new_york = found.at.astimezone(NEW_YORK).utcoffset()
    assert amsterdam is not None
    assert new_york is not None
    assert amsterdam - new_york == timedelta(hours=apart)


def test_business_time_runs_over_a_clock_change_as_long_as_the_desk_is_open() -> None:
    # Friday 26 March 2027 and Easter Monday are closed; Europe's clocks change on the Sunday between.
    thursday = datetime(2027, 3, 25, 17, tzinfo=AMSTERDAM)
    assert DESK.add(thursday.astimezone(UTC), timedelta(hours=2)) == datetime(2027, 3, 30, 9, tzinfo=AMSTERDAM)
    friday = datetime(2027, 10, 29, 17, tzinfo=AMSTERDAM)
    assert DESK.add(friday.astimezone(UTC), timedelta(hours=2)) == datetime(2027, 11, 1, 9, tzinfo=AMSTERDAM)


def test_an_early_close_ends_the_day_for_cut_offs_and_for_business_time() -> None:
    eve = date(2026, 12, 24)
    early = BusinessHours(NEW_YORK, time(8), time(17, 45), USD.closed_days, early_closes={eve: time(12)})
    just, late = (datetime.combine(eve, at, NEW_YORK).astimezone(UTC) for at in (time(11, 59, 59), time(12)))
    assert release(early, just).value_date == eve
    assert release(early, just).cut_off == late
    assert release(early, late).value_date == date(2026, 12, 28)
    assert early.add(just, timedelta(seconds=2)) == datetime(2026, 12, 28, 8, 0, 1, tzinfo=NEW_YORK)
    # A close that is later than the usual one, or before the opening, is what it says.
    assert BusinessHours(NEW_YORK, time(8), time(17), early_closes={eve: time(20)}).cut_off(just) == datetime.combine(
        eve, time(17), NEW_YORK
    )
    shut = BusinessHours(NEW_YORK, time(8), time(17), early_closes={eve: time(7)})
    assert release(shut, just).value_date == date(2026, 12, 25)
    # The desk's own: two o'clock on the days before Christmas and New Year.
    assert DESK.cut_off(datetime(2026, 12, 24, 9, tzinfo=UTC)) == datetime(2026, 12, 24, 14, tzinfo=AMSTERDAM)


@pytest.mark.parametrize(
    ("wanted", "at", "leaves"),
    [
        ("2026-11-27", "2026-11-24 12:00", "2026-11-27 08:00"),
        # A day on which the rail is closed means the next good one.
        ("2026-11-26", "2026-11-24 12:00", "2026-11-27 08:00"),
        ("2026-11-28", "2026-11-24 12:00", "2026-11-30 08:00"),
        # On the day itself it leaves at once, and past the cut-off on the next.
        ("2026-11-24", "2026-11-24 12:00", "2026-11-24 12:00"),
        ("2026-11-24", "2026-11-24 18:00", "2026-11-25 08:00"),
        ("2026-11-20", "2026-11-24 12:00", "2026-11-24 12:00"),
    ],
)
def test_an_execution_date_is_waited_for(wanted: str, at: str, leaves: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=NEW_YORK).astimezone(UTC)
    found = release(USD, moment, date.fromisoformat(wanted))
    assert found.at == datetime.fromisoformat(leaves).replace(tzinfo=NEW_YORK)


def test_a_payment_that_changes_its_currency_counts_on_a_day_that_is_good_in_both() -> None:
    both = USD.except_on(EUR.closed_days, EUR.known_until)
    thursday = datetime(2027, 3, 25, 18, tzinfo=NEW_YORK).astimezone(UTC)
    assert release(both, thursday).value_date == date(2027, 3, 30)
    assert release(both, datetime(2026, 11, 25, 18, tzinfo=NEW_YORK).astimezone(UTC)).value_date == date(2026, 11, 27)
    with pytest.raises(LookupError):
        USD.except_on((), date(2026, 1, 1)).next_open(thursday)


@given(
    st.integers(0, 6 * 365 * 86_400).map(lambda second: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=second)),
    st.sampled_from([USD, EUR, GBP, DESK]),
    st.none() | st.integers(-3, 40),
)
def test_whenever_it_is_ordered_it_leaves_in_a_window_and_no_earlier_one_is_missed(
    at: datetime, hours: BusinessHours, days: int | None
) -> None:
    wanted = None if days is None else hours.business_day(at) + timedelta(days=days)
    found = release(hours, at, wanted)
    assert found.cut_off is not None
    assert at <= found.at < found.cut_off
    assert hours.is_business_day(found.value_date)
    assert hours.opens <= found.at.astimezone(hours.zone).time() < hours.closes
    # Asked again when it opens, the answer is the same: a process that waited does not wait again.
    assert release(hours, found.at, wanted) == found
    assert wanted is None or found.value_date >= wanted
    first = max(hours.business_day(at), wanted or date.min)
    between = [first + timedelta(days=n) for n in range((found.value_date - first).days)]
    assert not [day for day in between if hours.is_business_day(day) and day != hours.business_day(at)]


def test_nothing_is_said_of_days_that_are_not_known() -> None:
    with pytest.raises(LookupError, match="2032-12-31"):
        release(USD, datetime(2032, 12, 31, 23, tzinfo=UTC))


def test_without_calendars_an_order_leaves_at_once_and_waits_for_its_day_alone() -> None:
    at = datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert release(AlwaysOpen(), at).at == at
    assert release(AlwaysOpen(), at).cut_off is None
    assert release(AlwaysOpen(), at, date(2026, 11, 26)).at == datetime(2026, 11, 26, tzinfo=UTC)


def test_banks_of_a_country_keep_the_calendar_of_its_rail() -> None:
    assert {country: calendar_of_country(country) for country in ("NL", "US", "GB", "JP", "BR")} == {
        "NL": "EUR", "US": "USD", "GB": "GBP", "JP": "JPY", "BR": None,
    }  # fmt: skip
