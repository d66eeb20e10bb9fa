"""Account numbers, and what kinds and states of account there are.

A euro account has an IBAN (ISO 13616) of the Dutch form, `NL` + two check digits + the bank's code + ten digits. An
account in another currency has a number of twelve digits, of which the last two are its check digits. Both are checked
by ISO 7064 mod 97-10, which finds every single wrong digit and every exchange of two neighbours.
"""

import re
from enum import StrEnum
from typing import Final

from models.errors import Malformed

BANK_CODE: Final = "AURM"
COUNTRY: Final = "NL"
SERIAL_DIGITS: Final = 10

_IBAN: Final = re.compile(rf"{COUNTRY}[0-9]{{2}}{BANK_CODE}[0-9]{{{SERIAL_DIGITS}}}")
_PLAIN: Final = re.compile(rf"[0-9]{{{SERIAL_DIGITS + 2}}}")


class AccountType(StrEnum):
    """What an account is for. Internal ones are the bank's own and have no customer."""

    CHECKING = "checking"
    SAVINGS = "savings"
    INVESTMENT = "investment"
    INTERNAL = "internal"


# What a customer can open.
CUSTOMER_TYPES: Final = (AccountType.CHECKING, AccountType.SAVINGS, AccountType.INVESTMENT)


class AccountStatus(StrEnum):
    """A frozen account can be credited, not debited by its customer; a closed one stays at zero."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


def account_number(serial: int, currency: str) -> str:
    """The number of an account in `currency` with `serial`, which has at most ten digits."""
    if not 0 <= serial < 10**SERIAL_DIGITS:
        raise ValueError(f"a serial has at most {SERIAL_DIGITS} digits")
    digits = f"{serial:0{SERIAL_DIGITS}d}"
    if currency == "EUR":
        return f"{COUNTRY}{_check_digits(BANK_CODE + digits + COUNTRY)}{BANK_CODE}{digits}"
    return digits + _check_digits(digits)


def is_own_number(number: str) -> bool:
    """Whether this bank could have given out `number`: its form and its check digits are right."""
    if _IBAN.fullmatch(number):
        return _remainder(number[4:] + number[:4]) == 1
    return _PLAIN.fullmatch(number) is not None and _remainder(number) == 1


def read_number(written: str) -> str:
    """`written` as people type it (spaces, small letters) in the form that is stored.

    Raises `Malformed` for what is not a number of this bank; the sentence says whether form or check digits are wrong,
    which is what a person needs to find a typing error.
    """
    number = written.replace(" ", "").upper()
    if not (_IBAN.fullmatch(number) or _PLAIN.fullmatch(number)):
        raise Malformed(f"An account number of this bank has the form {COUNTRY}00{BANK_CODE}0000000000 or 12 digits")
    if not is_own_number(number):
        raise Malformed("The check digits of the account number are wrong")
    return number


def grouped(number: str) -> str:
    """`number` in groups of four, as it is printed."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _check_digits(text: str) -> str:
    return f"{98 - _remainder(text + '00'):02d}"


def _remainder(text: str) -> int:
    # Letters count as two digits, A = 10 to Z = 35.
    return int("".join(str(int(character, 36)) for character in text)) % 97
