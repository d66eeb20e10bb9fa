"""Interest on blocked property: exact, the same however it is cut, and by the rate of each day."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import MAX_MINOR
from models.wires.interest import (
    PARTS,
    Bearing,
    InterestRate,
    closing_days,
    earned,
    month_ends,
    rate_on,
    stretches,
)

DAYS = st.dates(date(2020, 1, 1), date(2032, 12, 31))
RATES = st.lists(
    st.builds(InterestRate, from_day=DAYS, millionths=st.integers(0, 1_000_000)),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.from_day,
).map(lambda rates: sorted(rates, key=lambda one: one.from_day))
MINOR = st.integers(1, MAX_MINOR)
THREE = [InterestRate(from_day=date(2026, 1, 1), millionths=30_000)]


@pytest.mark.parametrize(
    ("base_minor", "first", "after", "amount"),
    [
        (1_000_00, date(2026, 1, 1), date(2026, 2, 1), 2_58),  # 31/360 of 3 %: 2.5833
        (1_000_00, date(2026, 2, 1), date(2026, 3, 1), 2_33),
        (1_000_00, date(2028, 2, 1), date(2028, 3, 1), 2_41),  # a leap year
        (1_000_00, date(2026, 1, 1), date(2026, 12, 27), 30_00),  # 360 days
        (1_00, date(2026, 1, 1), date(2026, 1, 2), 0),
        (MAX_MINOR, date(2026, 1, 1), date(2026, 1, 2), 83_333_333_333),
    ],
)
def test_days_over_a_year_of_360_rounded_down(base_minor: int, first: date, after: date, amount: int) -> None:
    interest = Bearing(from_day=first, base_minor=base_minor).until(after, THREE)
    assert interest.amount_minor == amount
    exact = Fraction(base_minor) * Fraction(3, 100) * Fraction((after - first).days, 360)
    assert Fraction(interest.amount_minor) + Fraction(interest.left_parts, PARTS) == exact


@given(MINOR, RATES, st.lists(DAYS, min_size=2, max_size=6, unique=True).map(sorted))
def test_what_is_earned_in_parts_of_a_span_is_what_is_earned_in_it(
    base_minor: int, rates: list[InterestRate], days: list[date]
) -> None:
    parts = [earned(base_minor, rates, first, after) for first, after in pairwise(days)]
    assert sum(parts) == earned(base_minor, rates, days[0], days[-1])


@given(MINOR, RATES, DAYS, st.integers(1, 40))
def test_each_day_earns_by_its_own_rate(base_minor: int, rates: list[InterestRate], first: date, span: int) -> None:
    by_day = [base_minor * rate_on(rates, first + timedelta(days=n)).millionths for n in range(span)]
    assert earned(base_minor, rates, first, first + timedelta(days=span)) == sum(by_day)


@given(MINOR, RATES, DAYS, st.integers(1, 1500))
def test_what_is_booked_and_what_is_left_is_all_that_was_earned(
    base_minor: int, rates: list[InterestRate], first: date, span: int
) -> None:
    booked = list(
        stretches(
            Bearing(from_day=first, base_minor=base_minor), rates, closing_days(first, first + timedelta(days=span))
        )
    )
    amount = sum(one.amount_minor for one in booked)
    assert amount * PARTS + booked[-1].left_parts == sum(one.earned_parts for one in booked)
    assert [one.base_minor for one in booked] == [
        base_minor + sum(one.amount_minor for one in booked[:n]) for n in range(len(booked))
    ]
    # Without a gap, a day that is counted twice, or a whole unit that is carried.
    assert [one.from_day for one in booked] == [first, *(one.to_day for one in booked[:-1])]
    assert booked[-1].to_day == first + timedelta(days=span)
    assert all(0 <= one.left_parts < PARTS for one in booked)


@given(MINOR, RATES, DAYS, st.integers(0, 700), st.integers(0, 700))
def test_months_that_were_missed_come_to_the_same(
    base_minor: int, rates: list[InterestRate], first: date, until: int, later: int
) -> None:
    seen, last = first + timedelta(days=until), first + timedelta(days=until + later)
    bearing = Bearing(from_day=first, base_minor=base_minor)
    at_once = list(stretches(bearing, rates, month_ends(first, last)))
    before = list(stretches(bearing, rates, month_ends(first, seen)))
    for one in before:
        bearing = bearing.after(one)
    assert at_once == [*before, *stretches(bearing, rates, month_ends(bearing.from_day, last))]


def test_a_month_is_over_on_the_first_of_the_next() -> None:
    days = [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    assert list(month_ends(date(2026, 10, 31), date(2027, 1, 31))) == days
    assert list(month_ends(date(2026, 10, 1), date(2026, 10, 31))) == []
    assert list(closing_days(date(2026, 10, 31), date(2027, 1, 31))) == [*days, date(2027, 1, 31)]
    assert list(closing_days(date(2026, 10, 31), date(2027, 1, 1))) == days
    assert list(closing_days(date(2026, 10, 5), date(2026, 10, 5))) == []


def test_before_the_first_rate_the_first_counts() -> None:
    rates = [*THREE, InterestRate(from_day=date(2026, 2, 1), millionths=20_000)]
    assert [rate_on(rates, day).millionths for day in (date(2025, 1, 1), date(2026, 1, 31), date(2026, 2, 1))] == [
        30_000,
        30_000,
        20_000,
    ]
