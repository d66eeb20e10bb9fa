"""Amounts at the door: what is read, what is refused, and that nothing is ever rounded."""

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidAmount, UnknownCurrency
from models.money import EXPONENTS, MAX_MINOR, exponent, to_decimal, to_minor, written


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1000.00", "USD", 100_000),
        ("1000", "USD", 100_000),
        (1000, "USD", 100_000),
        (Decimal("0.01"), "EUR", 1),
        ("0", "EUR", 0),
        ("-0", "EUR", 0),
        (Decimal("-0.00"), "EUR", 0),
        ("-12.50", "EUR", -1_250),
        ("1e3", "EUR", 100_000),
        ("1500", "JPY", 1_500),
        ("1500.000", "JPY", 1_500),
        ("0.001", "BHD", 1),
        ("1.250", "KWD", 1_250),
        ("9999999999999.99", "EUR", MAX_MINOR),
        ("-9999999999999.99", "EUR", -MAX_MINOR),
        ("999999999999999", "JPY", MAX_MINOR),
        ("999999999999.999", "BHD", MAX_MINOR),
        (" 12.50 ", "EUR", 1_250),
        # Trailing zeros say nothing more; there is nothing to round.
        ("1.50000000000000000000", "EUR", 150),
    ],
)
def test_an_amount_is_read_exactly(amount: Decimal | int | str, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("", "EUR"),
        (" ", "EUR"),
        ("ten", "EUR"),
        ("1,000.00", "EUR"),
        ("1.000,00", "EUR"),
        ("0x10", "EUR"),
        ("1/2", "EUR"),
        ("--1", "EUR"),
        ("1.2.3", "EUR"),
        ("€5", "EUR"),
        ("5\x00", "EUR"),
        ("\ud800", "EUR"),
        ("NaN", "EUR"),
        ("sNaN", "EUR"),
        ("-NaN123", "EUR"),
        ("Infinity", "EUR"),
        ("-inf", "EUR"),
        (Decimal("NaN"), "EUR"),
        (Decimal("Infinity"), "EUR"),
        ("1e400", "EUR"),
        ("1e999999999", "EUR"),
        ("-1e400", "EUR"),
        ("1e-400", "EUR"),
        ("9" * 5_000, "EUR"),
        ("0." + "0" * 5_000 + "1", "EUR"),
        (10**400, "EUR"),
        ("10000000000000.00", "EUR"),
        ("1000000000000000", "JPY"),
        ("1000000000000.000", "BHD"),
        ("0.001", "EUR"),
        ("0.005", "USD"),
        ("0.5", "JPY"),
        ("1.0001", "BHD"),
        ("1.00000000000000000000000000000000001", "EUR"),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused(amount: Decimal | int | str, currency: str) -> None:
    with pytest.raises(InvalidAmount):
        to_minor(amount, currency)


@pytest.mark.parametrize(
    ("written_by_a_person", "minor"),
    [("١٢٫٥", None), ("１２.５０", 1_250), ("٣", 300), ("½", None), ("1_000", 100_000)],
)
def test_digits_of_other_scripts_are_read_as_the_decimal_module_reads_them(
    written_by_a_person: str, minor: int | None
) -> None:
    """Never as another number: either the value that a person meant, or a refusal."""
    if minor is None:
        with pytest.raises(InvalidAmount):
            to_minor(written_by_a_person, "EUR")
    else:
        assert to_minor(written_by_a_person, "EUR") == minor


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "BTC", "EUR ", "ΕUR"])
def test_a_currency_that_the_bank_does_not_keep_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        to_minor("1", currency)
    with pytest.raises(UnknownCurrency):
        exponent(currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (100_000, "USD", "1,000.00 USD"),
        (1, "EUR", "0.01 EUR"),
        (-1_250, "EUR", "-12.50 EUR"),
        (0, "EUR", "0.00 EUR"),
        (1_500, "JPY", "1,500 JPY"),
        (1_234_567, "BHD", "1,234.567 BHD"),
        (MAX_MINOR, "JPY", "999,999,999,999,999 JPY"),
    ],
)
def test_an_amount_is_written_with_the_currency_s_own_decimals(minor: int, currency: str, text: str) -> None:
    assert written(minor, currency) == text


AMOUNTS = st.integers(-MAX_MINOR, MAX_MINOR)
CURRENCIES = st.sampled_from(sorted(EXPONENTS))


@given(AMOUNTS, CURRENCIES)
def test_what_is_written_is_read_back(minor: int, currency: str) -> None:
    decimal = to_decimal(minor, currency)
    assert to_minor(decimal, currency) == minor
    assert to_minor(str(decimal), currency) == minor
    assert -decimal.as_tuple().exponent == exponent(currency)  # type: ignore[operator] # finite, so a number


# More digits than the decimal module's usual 28 as well: what it drops without a word is no equal amount.
LONG_DECIMALS = st.builds(
    lambda digits, point: Decimal(digits).scaleb(-point, context=Context(prec=200)),
    st.integers(-(10**60), 10**60),
    st.integers(0, 80),
)


@given(st.decimals(allow_nan=True, allow_infinity=True) | LONG_DECIMALS, CURRENCIES)
def test_any_decimal_is_read_exactly_or_refused(amount: Decimal, currency: str) -> None:
    try:
        minor = to_minor(amount, currency)
    except InvalidAmount:
        return
    assert to_decimal(minor, currency) == amount
    assert abs(minor) <= MAX_MINOR


@given(st.text(max_size=40), CURRENCIES)
def test_any_text_is_read_or_refused_and_never_breaks(text: str, currency: str) -> None:
    try:
        minor = to_minor(text, currency)
    except InvalidAmount:
        return
    assert to_decimal(minor, currency) == Decimal(text)
