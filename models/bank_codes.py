"""The codes that name accounts and banks: IBAN (ISO 13616), BIC (ISO 9362), ABA routing number.

Each function returns the code in its electronic form, or raises the refusal that says what is wrong with it.
"""

import re
from typing import Final

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from models.errors import InvalidBic, InvalidIban, InvalidRoutingNumber

_IBAN_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_ACCOUNT_SHAPE: Final = re.compile(r"[A-Za-z0-9/\-?:().,'+]{1,34}")
# The eighth character of a BIC that is not connected: 0 is a test code (SWIFT).
_TEST_POSITION: Final = 7


def looks_like_iban(account: str) -> bool:
    """Whether `account` has the shape of an IBAN, and so has to be a correct one."""
    return _IBAN_SHAPE.fullmatch(_compact(account)) is not None


def checked_account(account: str) -> str:
    """An account number at another bank: an IBAN where it looks like one, else up to 34 characters of the SWIFT set.

    Raises `InvalidIban`.
    """
    compact = _compact(account)
    if looks_like_iban(compact):
        return checked_iban(compact)
    if not _ACCOUNT_SHAPE.fullmatch(compact):
        raise InvalidIban("an account number has up to 34 letters, digits and /-?:().,'+")
    return compact


def checked_iban(iban: str) -> str:
    """`iban` without spaces. Raises `InvalidIban` on a wrong length, pattern or check digits."""
    try:
        return str(IBAN(iban, validate_bban=False))
    except (SchwiftyException, ValueError) as error:
        raise InvalidIban(f"{iban!r} is not a correct IBAN: {error}") from None


def checked_bic(bic: str) -> str:
    """`bic` in capitals. Raises `InvalidBic` on a wrong shape, an unknown country, or a test code."""
    compact = _compact(bic)
    try:
        code = str(BIC(compact))
    except (SchwiftyException, ValueError) as error:
        raise InvalidBic(f"{bic!r} is not a correct BIC: {error}") from None
    if code[_TEST_POSITION] == "0":
        raise InvalidBic(f"{bic!r} is a test code; no money can be sent to it")
    return code


def checked_routing_number(number: str) -> str:
    """An ABA routing number: nine digits, weights 3-7-1. Raises `InvalidRoutingNumber`."""
    compact = _compact(number)
    if not (compact.isascii() and compact.isdigit() and len(compact) == 9):
        raise InvalidRoutingNumber("a routing number has nine digits")
    if sum(int(digit) * weight for digit, weight in zip(compact, (3, 7, 1) * 3, strict=True)) % 10:
        raise InvalidRoutingNumber(f"the check digit of {number!r} is wrong")
    return compact


def country_of(bic: str | None, account: str) -> str:
    """The ISO 3166 country that a payment goes to, by the bank first; `US` for a routing number."""
    if bic:
        return bic[4:6]
    return account[:2] if looks_like_iban(account) else "US"


def _compact(code: str) -> str:
    return "".join(code.split()).upper()
