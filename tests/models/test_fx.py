"""What an amount is worth in another currency: never less than it is."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fx import Rate, worth_at_least
from models.money import MAX_MINOR, exponent


def rate(base: str, target: str, value: str) -> Rate:
    """A rate for a test."""
    return Rate(base=base, target=target, rate=Decimal(value), provider="simulated", effective_from=datetime.now(UTC))


@pytest.mark.parametrize(
    ("minor", "currency", "by", "worth"),
    [
        (108_00, "USD", rate("EUR", "USD", "1.08"), 100_00),
        (100_00, "EUR", rate("EUR", "USD", "1.08"), 108_00),
        (1, "USD", rate("EUR", "USD", "1.08"), 1),
        (100_01, "USD", rate("USD", "EUR", "0.925"), 92_51),
        (160, "JPY", rate("EUR", "JPY", "160"), 1_00),
        (1_00, "EUR", rate("EUR", "KWD", "0.33"), 330),
        (MAX_MINOR, "EUR", rate("EUR", "JPY", "100000000"), MAX_MINOR),
    ],
)
def test_worth(minor: int, currency: str, by: Rate, worth: int) -> None:
    assert worth_at_least(minor, currency, by) == worth


def test_a_rate_of_other_currencies_says_nothing() -> None:
    with pytest.raises(ValueError, match="says nothing of GBP"):
        worth_at_least(1, "GBP", rate("EUR", "USD", "1.08"))


@given(
    minor=st.integers(1, 10**12),
    value=st.decimals("0.000001", "100000", places=6),
    target=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_rounded_up_by_less_than_one(minor: int, value: Decimal, target: str) -> None:
    exact = Fraction(minor) / Fraction(value) * Fraction(10) ** (exponent("EUR") - exponent(target))
    worth = worth_at_least(minor, target, rate("EUR", target, str(value)))
    assert worth == MAX_MINOR or exact <= worth < exact + 1
