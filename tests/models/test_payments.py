"""The rules of payments by themselves: the dates of a rhythm, looks for money, references, what a rail carries."""

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from models.ledger import InternalPurpose
from models.payments import (
    LAST_LOOK,
    SETTLED_ON,
    Frequency,
    NeverPays,
    NonBankingDay,
    PaymentMoney,
    Rail,
    Rhythm,
    end_to_end_id,
    first_payment,
    next_look,
    next_payment,
    paid_on,
    return_entry,
    settlement_entry,
)

DAYS = st.dates(date(2026, 1, 1), date(2060, 12, 31))
MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.HALF_YEARLY: 6, Frequency.YEARLY: 12}
CLOSED = st.frozensets(st.integers(0, 400), max_size=60)


@given(DAYS, st.sampled_from(list(Frequency)), st.integers(1, 60))
def test_dates_keep_their_step_and_the_day_of_the_month(first_on: date, frequency: Frequency, number: int) -> None:
    rhythm = Rhythm(frequency=frequency, first_on=first_on)
    day, following = rhythm.on(number), rhythm.on(number + 1)
    assert day is not None
    assert following is not None
    if frequency in MONTHS:
        assert (following.year - day.year) * 12 + following.month - day.month == MONTHS[frequency]
        # The day of the first, or where a month is too short its last: never drifting.
        assert day.day == min(first_on.day, calendar.monthrange(day.year, day.month)[1])
    else:
        assert (following - day).days == (7 if frequency is Frequency.WEEKLY else 14)


@given(DAYS, st.sampled_from(list(Frequency)), st.sampled_from(list(NonBankingDay)), CLOSED, st.integers(1, 12))
def test_payments_are_on_banking_days_by_the_rule_and_end(
    first_on: date, frequency: Frequency, rule: NonBankingDay, closed: frozenset[int], occurrences: int
) -> None:
    def is_banking_day(day: date) -> bool:
        return day.weekday() < 5 and (day - first_on).days not in closed

    rhythm = Rhythm(frequency=frequency, first_on=first_on, occurrences=occurrences, non_banking_day=rule)
    made: list[tuple[int, date]] = []
    while (one := next_payment(rhythm, made[-1][0] if made else 0, is_banking_day)) is not None:
        made.append(one)
    numbers = [number for number, _ in made]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= occurrences for number in numbers)
    for number, day in made:
        nominal = rhythm.on(number)
        assert nominal is not None
        assert is_banking_day(day)
        between = [
            nominal + timedelta(days=n) for n in range(min(0, (day - nominal).days), max(0, (day - nominal).days))
        ]
        match rule:
            case NonBankingDay.SKIP:
                assert day == nominal
            case NonBankingDay.NEXT:
                assert day >= nominal
                assert not any(map(is_banking_day, between))
            case NonBankingDay.PREVIOUS:
                assert day <= nominal
                assert not any(is_banking_day(one) for one in between if one != day)
    if rule is not NonBankingDay.SKIP:
        assert numbers == list(range(1, occurrences + 1))
        assert all(a <= b for (_, a), (_, b) in pairwise(made))


@given(DAYS, st.integers(0, 2000))
def test_an_order_ends_on_its_last_day(first_on: date, span: int) -> None:
    last_on = first_on + timedelta(days=span)
    rhythm = Rhythm(frequency=Frequency.MONTHLY, first_on=first_on, last_on=last_on)
    number = 1
    while rhythm.on(number) is not None:
        number += 1
    last = rhythm.on(number - 1)
    assert last is not None
    assert last <= last_on
    beyond = Rhythm(frequency=Frequency.MONTHLY, first_on=first_on).on(number)
    assert beyond is not None
    assert beyond > last_on


def test_dates_stop_where_time_does() -> None:
    rhythm = Rhythm(frequency=Frequency.YEARLY, first_on=date(9998, 5, 5))
    assert rhythm.on(2) == date(9999, 5, 5)
    assert rhythm.on(3) is None


def test_a_rhythm_without_a_banking_day_is_refused() -> None:
    rhythm = Rhythm(frequency=Frequency.WEEKLY, first_on=date(2026, 11, 28), non_banking_day=NonBankingDay.SKIP)

    def known(day: date) -> bool:
        if day.year > 2029:
            raise LookupError("the calendar ends")
        return day.weekday() < 5

    with pytest.raises(NeverPays):
        first_payment(rhythm, known)


def test_a_month_end_stays_one() -> None:
    rhythm = Rhythm(frequency=Frequency.MONTHLY, first_on=date(2027, 12, 31))
    assert [rhythm.on(number) for number in (2, 3, 4, 5)] == [
        date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30),
    ]  # fmt: skip
    assert paid_on(date(2028, 4, 30), NonBankingDay.PREVIOUS, lambda day: day.weekday() < 5) == date(2028, 4, 28)


@given(st.integers(0, 24 * 60), st.integers(1, 600))
def test_looks_for_money_come_forward_and_end_before_the_cut_off(minute: int, every: int) -> None:
    closing = datetime(2026, 11, 23, 14, tzinfo=UTC)
    at = closing - timedelta(minutes=minute)
    looks = 0
    while (again := next_look(at, closing, timedelta(minutes=every))) is not None:
        assert at < again <= closing - LAST_LOOK
        at, looks = again, looks + 1
    assert looks <= minute // every + 1


@given(st.uuids())
def test_end_to_end_ids_fit_an_ach_entry(payment_id: UUID) -> None:
    assert len(end_to_end_id(payment_id)) == 15
    assert end_to_end_id(payment_id).isalnum()


def test_end_to_end_ids_of_many_payments_differ() -> None:
    assert len({end_to_end_id(uuid7()) for _ in range(20_000)}) == 20_000


@given(st.integers(1, 10**12), st.integers(0, 10**6), st.sampled_from(list(Rail)))
def test_entries_take_amount_and_fee_and_give_back_the_amount(amount: int, fee: int, rail: Rail) -> None:
    payment = PaymentMoney(
        payment_id=uuid7(), account_id=uuid7(), rail=rail, amount_minor=amount, fee_minor=fee, currency="EUR",
        description="Rent", category="housing", recipient_name="Nina", recipient_account_number="DE00",
        end_to_end_id="P1",
    )  # fmt: skip
    ours, fees = uuid7(), uuid7()
    paid = settlement_entry(payment, hold_id=uuid7(), settled_on=ours, fees=fees, value_date=date(2026, 11, 23))
    legs = {leg.account_id: leg.amount_minor for leg in paid.legs}
    assert legs == {payment.account_id: -amount - fee, ours: amount} | ({fees: fee} if fee else {})
    assert (paid.id, SETTLED_ON[rail] in {InternalPurpose.NOSTRO, InternalPurpose.CLEARING}) == (
        payment.payment_id,
        True,
    )
    back = return_entry(payment, settled_on=ours, returned_minor=amount, value_date=date(2026, 11, 24), reason="AC04")
    assert {leg.account_id: leg.amount_minor for leg in back.legs} == {payment.account_id: amount, ours: -amount}
    assert back.reversal_of == payment.payment_id
