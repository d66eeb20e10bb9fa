"""Limits in rolling windows: the arithmetic, against the definition said plainly."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.limits import DAY, MONTH, TRANSFER_LIMITS, Limit, Use, limits_of, refusal, resets_at, used
from models.money import EXPONENTS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ages = st.integers(0, 3 * 24 * 60).map(lambda minutes: NOW - minutes * MINUTE)
uses = st.lists(st.builds(Use, at=ages, amount_minor=st.integers(1, 500)), max_size=12)
limits = st.builds(Limit, name=st.just("day"), limit_minor=st.integers(1, 1500), window=st.just(DAY))


@given(limits, uses, st.integers(1, 1600))
def test_at_its_reset_an_amount_fits_and_at_no_earlier_minute(limit: Limit, past: list[Use], amount: int) -> None:
    when = resets_at(limit, amount, past, NOW)
    if when is None:
        assert amount > limit.limit_minor
        return

    def fits(at: datetime) -> bool:
        return used(limit, past, at) + amount <= limit.limit_minor

    assert when >= NOW
    assert fits(when)
    minute = NOW
    while minute < when:
        assert not fits(minute)
        minute += MINUTE


@given(limits, uses, st.integers(1, 1600))
def test_what_is_refused_does_not_fit_and_what_is_not_does(limit: Limit, past: list[Use], amount: int) -> None:
    refused = refusal(limit, amount, past, NOW, "JPY")
    spent = sum(use.amount_minor for use in past if NOW - use.at < DAY)
    assert (refused is not None) == (spent + amount > limit.limit_minor)
    if refused is not None:
        assert refused.extra["used"] == spent
        assert refused.extra["left"] == max(0, limit.limit_minor - spent)


def test_a_use_is_free_again_to_the_moment() -> None:
    limit = Limit(name="day", limit_minor=100, window=DAY)
    past = [Use(at=NOW - DAY + MINUTE, amount_minor=100)]
    assert used(limit, past, NOW) == 100
    assert used(limit, past, NOW + MINUTE) == 0
    assert resets_at(limit, 1, past, NOW) == NOW + MINUTE


@pytest.mark.parametrize("tier", TRANSFER_LIMITS)
@pytest.mark.parametrize("currency", EXPONENTS)
def test_every_tier_has_limits_in_every_currency_and_the_wider_window_is_not_the_tighter(
    tier: str, currency: str
) -> None:
    single, day, month = limits_of(tier, currency)
    assert 0 < single.limit_minor <= day.limit_minor <= month.limit_minor
    assert (single.window, day.window, month.window) == (None, DAY, MONTH)


def test_standard_is_ten_thousand_a_day_and_fifty_in_thirty_days() -> None:
    assert [limit.limit_minor for limit in limits_of("standard", "EUR")] == [10_000_00, 10_000_00, 50_000_00]
    assert limits_of("standard", "JPY")[1].limit_minor == 1_500_000
    assert limits_of("standard", "KWD")[1].limit_minor == 3_000_000
