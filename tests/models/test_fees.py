"""What transfers cost: the first rule that fits, rounded half up in the currency's own units, within its bounds."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.fees import FREE, FeeRule, FeeSchedule, transfer_fee
from models.money import MAX_MINOR, share_half_up

SCHEDULE = TypeAdapter(FeeSchedule).validate_json(
    '[{"tier": "private"},'
    ' {"currency": "EUR", "fixed": 0.25, "percent": 0.1, "most": 5},'
    ' {"currency": "JPY", "percent": 0.5, "least": 50},'
    ' {"currency": "BHD", "fixed": "0.125", "percent": "0.05"},'
    ' {"percent": 1}]'
)


def _fee(currency: str, amount_minor: int, tier: str = "standard", *, own: bool = False) -> int:
    return transfer_fee(SCHEDULE, tier=tier, currency=currency, amount_minor=amount_minor, own=own)


@pytest.mark.parametrize(
    ("currency", "amount_minor", "fee"),
    [
        ("EUR", 1_000_00, 25 + 1_00),
        ("EUR", 4_99, 25),  # 0.499 cents
        ("EUR", 5_00, 26),  # half a cent
        ("EUR", 1_000_000_00, 5_00),
        ("JPY", 10_000, 50),
        ("JPY", 10_001, 50),
        ("JPY", 10_100, 51),  # 50.5 yen
        ("BHD", 1_000, 125 + 1),  # half a fils
        ("BHD", 999, 125),
        ("USD", 149, 1),
        ("USD", 150, 2),
    ],
)
def test_the_first_rule_that_fits_is_charged(currency: str, amount_minor: int, fee: int) -> None:
    assert _fee(currency, amount_minor) == fee
    assert _fee(currency, amount_minor, "private") == 0
    assert _fee(currency, amount_minor, own=True) == 0


def test_without_rules_transfers_are_free() -> None:
    assert transfer_fee(FREE, tier="standard", currency="EUR", amount_minor=10**9, own=False) == 0


@pytest.mark.parametrize(
    "rule",
    [
        {"fixed": 1},
        {"currency": "JPY", "fixed": "0.5"},
        {"currency": "EUR", "least": 2, "most": 1},
        {"currency": "XXX"},
        {"tier": "gold"},
        {"percent": 101},
        {"percent": -1},
        {"currency": "EUR", "fixed": "NaN"},
        {"currency": "EUR", "fixd": 1},
    ],
)
def test_a_rule_that_cannot_be_charged_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FeeRule.model_validate(rule)


@given(st.integers(0, MAX_MINOR), st.decimals(0, 100, places=6))
def test_a_share_is_the_nearest_unit_and_half_goes_up(minor: int, percent: Decimal) -> None:
    exact = Fraction(minor) * Fraction(percent) / 100
    assert -Fraction(1, 2) < share_half_up(minor, percent) - exact <= Fraction(1, 2)
