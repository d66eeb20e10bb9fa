"""Money as whole minor units, and the only places where an amount changes its form.

An amount is an `int` of minor units beside an ISO 4217 code (`1000.00 USD` is `100000, "USD"`). Decimals exist at the
door only: `to_minor` reads what a caller wrote, `to_decimal` writes it back with the currency's own number of decimals.
Nothing rounds unless its name says how: an amount with more decimals than its currency has is an error (contract §1).
"""

from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from typing import Final

from models.errors import InvalidAmount, UnknownCurrency

# ISO 4217 minor units ("exponents") of the currencies that accounts can be held in.
EXPONENTS: Final[dict[str, int]] = {
    "AED": 2, "AUD": 2, "BHD": 3, "CAD": 2, "CHF": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2,
    "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "NOK": 2, "NZD": 2, "OMR": 3, "PLN": 2, "SEK": 2, "SGD": 2, "TND": 3,
    "USD": 2, "ZAR": 2,
}  # fmt: skip

# 15 significant digits survive every JSON reader (IEEE 754 double), and leave room in a 64-bit integer.
MAX_MINOR: Final = 10**15 - 1

# The usual context rounds to 28 digits without a word; here losing a digit is an error.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])

_WIDE: Final = Context(prec=60)


def exponent(currency: str) -> int:
    """The number of decimals of `currency` (ISO 4217). Raises `UnknownCurrency`."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency[:10]!r} is not a currency that this bank keeps") from None


def to_minor(amount: Decimal | int | str, currency: str) -> int:
    """`amount` in major units as whole minor units of `currency`.

    Raises `InvalidAmount` for what is not a number, not finite, too large, or more precise than the currency is, and
    `UnknownCurrency`. The sign is kept: whether an amount has to be positive is the caller's rule.
    """
    decimals = exponent(currency)
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise InvalidAmount(f"{amount!r} is not an amount") from None
    if not value.is_finite():
        raise InvalidAmount("an amount is a finite number")
    # Looked at before any arithmetic: 1E+999999 is a short string and an enormous integer.
    if value.adjusted() > 15:
        raise InvalidAmount(f"an amount has at most 15 digits, {decimals} of them decimals")
    try:
        exact = value.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    except Inexact:
        raise InvalidAmount(f"{currency} has {decimals} decimals; {amount} has more") from None
    minor = int(exact.scaleb(decimals))
    if abs(minor) > MAX_MINOR:
        raise InvalidAmount(f"an amount has at most 15 digits, {decimals} of them decimals")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """`minor` units of `currency` as a decimal with exactly the currency's number of decimals."""
    return Decimal(minor).scaleb(-exponent(currency))


def share_half_up(minor: int, percent: Decimal) -> int:
    """`percent` per cent of `minor` (not below zero) as whole minor units, half a unit and more rounded up."""
    return int((minor * percent / 100).quantize(Decimal(1), ROUND_HALF_UP, context=_WIDE))


def written(minor: int, currency: str) -> str:
    """`minor` as people write it, for example `1,000.00 USD`."""
    return f"{to_decimal(minor, currency):,f} {currency}"
