"""Everything that can be said of a bank's codes, one check at a time, for people who want to know before they pay.

The verdict is that of `models.bank_codes`, by which orders are taken: what is valid here is accepted there. A check
that nothing is known for is neither passed nor failed, and no bank is named that no directory names: the directory is
that of the library `schwifty`, made of what central banks publish, and it has no bank of the United States.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from models.bank_codes import DISTRICTS, checked_bic, checked_iban, checked_routing_number
from models.errors import AurumError

_BIC_SHAPE: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_IBAN_CHARACTERS: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+")
# Territories whose banks have IBANs of another country (SWIFT IBAN registry, EPC409-09; Jersey, Guernsey and the Isle
# of Man keep accounts in the British system).
TERRITORIES: Final[dict[str, frozenset[str]]] = {
    "FR": frozenset({"BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"}),
    "GB": frozenset({"GG", "IM", "JE"}),
    "FI": frozenset({"AX"}),
}


class Check(BaseModel):
    """One question about a code. `passed` is null where nothing is known that could answer it."""

    model_config = ConfigDict(frozen=True)

    check: str
    passed: bool | None
    reason: str


class Bank(BaseModel):
    """A bank as the directory names it."""

    model_config = ConfigDict(frozen=True)

    name: str
    bic: str | None


class BankFound(BaseModel):
    """What codes say of a bank."""

    model_config = ConfigDict(frozen=True)

    bank: Bank | None
    country: str | None
    bic: str | None
    iban: str | None
    routing_number: str | None
    checks: tuple[Check, ...]

    @property
    def valid(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)


def same_country(iban_country: str, bic_country: str) -> bool:
    """Whether an account with an IBAN of the one country can be at a bank of the other."""
    return iban_country == bic_country or bic_country in TERRITORIES.get(iban_country, ())


def examined(bic: str | None = None, iban: str | None = None, routing_number: str | None = None) -> BankFound:
    """Everything that is known of the given codes; at least one is given. Raises nothing."""
    checks: list[Check] = []
    named: Bank | None = None
    countries: list[str] = []
    if routing_number is not None:
        routing_number, found = _routing_number(_compact(routing_number))
        checks += found
        countries.append("US")
    if iban is not None:
        iban, country, named, found = _iban(_compact(iban))
        checks += found
        countries += [country] if country else []
    if bic is not None:
        bic, country, by_bic, found = _bic(_compact(bic))
        checks += found
        named = by_bic or named
        countries = ([country] if country else []) + countries
    if bic and iban:
        checks.append(_countries_agree(iban[:2], bic[4:6]))
    return BankFound(
        bank=named,
        country=countries[0] if countries else None,
        bic=bic or (named.bic if named else None),
        iban=iban,
        routing_number=routing_number,
        checks=tuple(checks),
    )


def reachable(found: BankFound, currencies: Iterable[str]) -> list[str]:
    """Which of our wires' `currencies` that bank can be sent: dollars alone by a routing number, which is one of
    Fedwire; any of them by a BIC, through our correspondent; none without either."""
    if not found.valid:
        return []
    if found.bic:
        return sorted(currencies)
    return [currency for currency in sorted(currencies) if currency == "USD" and found.routing_number]


def _bic(bic: str) -> tuple[str | None, str | None, Bank | None, list[Check]]:
    shaped = _BIC_SHAPE.fullmatch(bic) is not None
    checks = [
        _said("bic_format", shaped, "8 or 11 characters: bank, country, place, and a branch or none",
              "a BIC has 8 or 11 characters: bank, country, place, and a branch or none"),
    ]  # fmt: skip
    if not shaped:
        return None, None, None, checks
    try:
        known = BIC(bic)
    except (SchwiftyException, ValueError):
        return None, None, None, [*checks, _said("bic_country", False, "", f"{bic[4:6]} is not a country of ISO 3166")]
    live = bic[7] != "0"
    checks += [
        _said("bic_country", True, f"{bic[4:6]} is a country", ""),
        _said("bic_live", live, "not a test code", "a test code: no money can be sent to it"),
        _verdict("bic_accepted", checked_bic, bic),
    ]
    names = known.bank_names
    named = Bank(name=min(names, key=len), bic=bic) if names else None
    checks.append(_listed("bic_directory", named, "our directory does not have this BIC; that says nothing against it"))
    return (bic if live else None), bic[4:6], named, checks


def _iban(iban: str) -> tuple[str | None, str | None, Bank | None, list[Check]]:
    shaped = _IBAN_CHARACTERS.fullmatch(iban) is not None
    checks = [
        _said("iban_format", shaped, "country, two check digits, letters and digits",
              "an IBAN begins with two letters and two digits, and has nothing but letters and digits"),
    ]  # fmt: skip
    if not shaped:
        return None, None, None, checks
    number = IBAN(iban, allow_invalid=True)
    try:
        spec = number.spec
    except SchwiftyException:
        return None, None, None, [*checks, _said("iban_country", False, "", f"{iban[:2]} has no IBANs")]
    fits = spec.regex.fullmatch(number.bban) is not None
    digits = int("".join(str(int(one, 36)) for one in iban[4:] + iban[:4])) % 97 == 1
    long_enough = len(iban) == spec.iban_length
    checks += [
        _said("iban_country", True, f"{iban[:2]} has IBANs", ""),
        _said("iban_length", long_enough, f"{spec.iban_length} characters",
              f"an IBAN of {iban[:2]} has {spec.iban_length} characters, this one {len(iban)}"),
        _said("iban_structure", fits, "letters and digits stand where they should",
              f"letters and digits of an IBAN of {iban[:2]} stand in other places ({spec.bban_spec})"),
        _said("iban_check_digits", digits, "the check digits are right", "the check digits are wrong: a typing error"),
        _verdict("iban_accepted", checked_iban, iban),
    ]  # fmt: skip
    if not (long_enough and fits and digits):
        return None, iban[:2], None, checks
    bank = number.bank
    named = Bank(name=bank.name, bic=str(number.bic) if number.bic else None) if bank else None
    checks.append(_listed("iban_directory", named, "our directory does not have the bank of this IBAN"))
    return iban, iban[:2], named, checks


def _routing_number(number: str) -> tuple[str | None, list[Check]]:
    shaped = number.isascii() and number.isdigit() and len(number) == 9
    checks = [_said("aba_format", shaped, "nine digits", "a routing number has nine digits")]
    if not shaped:
        return None, checks
    digits = sum(int(one) * weight for one, weight in zip(number, (3, 7, 1) * 3, strict=True)) % 10 == 0
    accepted = _verdict("aba_accepted", checked_routing_number, number)
    checks += [
        _said("aba_check_digit", digits, "the check digit is right", "the check digit is wrong: a typing error"),
        _said("aba_district", int(number[:2]) in DISTRICTS, "its first digits are those of a Federal Reserve district",
              "no Federal Reserve district has these first digits"),
        accepted,
        Check(check="aba_fedwire", passed=None,
              reason="we keep no directory of Fedwire participants; the bank behind the number is not known to us"),
    ]  # fmt: skip
    return (number if accepted.passed else None), checks


def _countries_agree(iban: str, bic: str) -> Check:
    return _said(
        "iban_and_bic_country",
        same_country(iban, bic),
        "account and bank are of the same country",
        f"the account is of {iban} and the bank of {bic}: ask the recipient",
    )


def _verdict(check: str, rule: Callable[[str], str], code: str) -> Check:
    try:
        rule(code)
    except AurumError as error:
        return Check(check=check, passed=False, reason=error.detail)
    return Check(check=check, passed=True, reason="orders accept it")


def _listed(check: str, named: Bank | None, unknown: str) -> Check:
    return Check(check=check, passed=True if named else None, reason=f"{named.name}" if named else unknown)


def _said(check: str, passed: bool, good: str, bad: str) -> Check:
    return Check(check=check, passed=passed, reason=good if passed else bad)


def _compact(code: str) -> str:
    return "".join(code.split()).upper()
