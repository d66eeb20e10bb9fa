"""The codes of a payment: IBAN (ISO 13616), BIC (ISO 9362), ABA routing number, purpose (ISO 20022).

Each function returns the code in its electronic form, or raises the refusal that says what is wrong with it. None of
them repeats what it was given: that goes back to whoever sent it, and into logs.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from models.errors import InvalidBic, InvalidIban, InvalidRoutingNumber, Malformed

_IBAN_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_ACCOUNT_SHAPE: Final = re.compile(r"[A-Za-z0-9/\-?:().,'+]{1,34}")
_BIC_SHAPE: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
# The eighth character of a BIC that is not connected: 0 is a test code (SWIFT).
_TEST_POSITION: Final = 7
# One a line: the external code set as ISO 20022 published it for the third quarter of 2025.
_PURPOSES: Final = Path(__file__).parent / "data" / "purpose_codes.txt"


# The first two digits of a routing number: the Federal Reserve district, for banks, thrifts (+20) and electronic
# transactions (+60); 00 is the government, 80 travellers' cheques (ABA, Routing Number Policy).
DISTRICTS: Final = frozenset({0, *range(1, 13), *range(21, 33), *range(61, 73), 80})


class InvalidAccountNumber(Malformed):
    """Not an account number that a bank message can hold."""

    code = "invalid_account_number"
    title = "Invalid account number"


class InvalidPurposeCode(Malformed):
    """Not on ISO 20022's list of purposes."""

    code = "invalid_purpose_code"
    title = "Invalid purpose code"


def looks_like_iban(account: str) -> bool:
    """Whether `account` has the shape of an IBAN, and so has to be a correct one."""
    return _IBAN_SHAPE.fullmatch(_compact(account)) is not None


def checked_account(account: str) -> str:
    """An account number at another bank: an IBAN where it looks like one, else up to 34 characters of the SWIFT set.

    Raises `InvalidIban` and `InvalidAccountNumber`.
    """
    compact = _compact(account)
    if looks_like_iban(compact):
        return checked_iban(compact)
    if not _ACCOUNT_SHAPE.fullmatch(compact) or not any(character.isalnum() for character in compact):
        raise InvalidAccountNumber("an account number has up to 34 letters, digits and /-?:().,'+")
    # CBPR+ refuses such a number, as it does such a reference: slashes separate the parts of an MT field.
    if compact.startswith("/") or compact.endswith("/") or "//" in compact:
        raise InvalidAccountNumber("an account number neither starts nor ends with '/', nor has '//'")
    return compact


def checked_iban(iban: str) -> str:
    """`iban` without spaces. Raises `InvalidIban` on a wrong length, pattern or check digits."""
    try:
        return str(IBAN(iban, validate_bban=False))
    except (SchwiftyException, ValueError) as error:
        raise InvalidIban(f"not a correct IBAN: {error}") from None


def checked_bic(bic: str) -> str:
    """`bic` in capitals. Raises `InvalidBic` on a wrong shape, an unknown country, or a test code."""
    compact = _compact(bic)
    if not _BIC_SHAPE.fullmatch(compact):
        raise InvalidBic("a BIC has 8 or 11 characters: bank, country, place, and a branch or none")
    try:
        code = str(BIC(compact))
    except (SchwiftyException, ValueError) as error:
        raise InvalidBic(f"not a correct BIC: {error}") from None
    if code[_TEST_POSITION] == "0":
        raise InvalidBic("this BIC is a test code; no money can be sent to it")
    return code


def checked_routing_number(number: str) -> str:
    """An ABA routing number: nine digits, weights 3-7-1, a district. Raises `InvalidRoutingNumber`."""
    compact = _compact(number)
    if not (compact.isascii() and compact.isdigit() and len(compact) == 9):
        raise InvalidRoutingNumber("a routing number has nine digits")
    # Nine zeros satisfy the weights, and are no bank's number.
    weighed = sum(int(digit) * weight for digit, weight in zip(compact, (3, 7, 1) * 3, strict=True))
    if weighed == 0 or weighed % 10:
        raise InvalidRoutingNumber("the check digit of the routing number is wrong")
    if int(compact[:2]) not in DISTRICTS:
        raise InvalidRoutingNumber("no Federal Reserve district has the first digits of the routing number")
    return compact


@lru_cache(maxsize=1)
def purposes() -> frozenset[str]:
    """What a payment can be for: the code list ExternalPurpose1Code of ISO 20022."""
    return frozenset(_PURPOSES.read_text(encoding="utf-8").split())


def checked_purpose(code: str) -> str:
    """A purpose as the list writes it. Raises `InvalidPurposeCode`."""
    if code not in purposes():
        raise InvalidPurposeCode("not a purpose code of ISO 20022; salaries are SALA, suppliers SUPP")
    return code


def country_of(bic: str | None, account: str) -> str:
    """The ISO 3166 country that a payment goes to, by the bank first; `US` for a routing number."""
    if bic:
        return bic[4:6]
    return account[:2] if looks_like_iban(account) else "US"


def _compact(code: str) -> str:
    # Only ASCII has capitals that are the same code: "ß" would become two characters of somebody else's account.
    compact = "".join(code.split())
    return compact.upper() if compact.isascii() else compact
