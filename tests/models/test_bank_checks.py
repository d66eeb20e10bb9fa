"""What is said of a bank's codes: each check by itself, and never more than is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bank_checks import examined, reachable, same_country
from models.bank_codes import checked_bic, checked_iban, checked_routing_number
from models.errors import AurumError

OURS = ("EUR", "GBP", "USD")


def _failed(**codes: str) -> list[str]:
    return [check.check for check in examined(**codes).checks if check.passed is False]


@pytest.mark.parametrize(
    ("codes", "failed"),
    [
        ({"iban": "DE89 3704 0044 0532 0130 00"}, []),
        ({"iban": "de89370400440532013000"}, []),
        ({"iban": "DE88370400440532013000"}, ["iban_check_digits", "iban_accepted"]),
        ({"iban": "DE8937040044053201300"}, ["iban_length", "iban_structure", "iban_check_digits", "iban_accepted"]),
        ({"iban": "XX89370400440532013000"}, ["iban_country"]),
        ({"iban": "370400440532013000"}, ["iban_format"]),
        ({"bic": "COBADEFFXXX"}, []),
        ({"bic": "COBADEF0"}, ["bic_live", "bic_accepted"]),
        ({"bic": "COBAXXFF"}, ["bic_country"]),
        ({"bic": "COBADEFFX"}, ["bic_format"]),
        ({"routing_number": "021000021"}, []),
        ({"routing_number": "021000022"}, ["aba_check_digit", "aba_accepted"]),
        ({"routing_number": "990000000"}, ["aba_district", "aba_accepted"]),
        ({"routing_number": "000000000"}, ["aba_accepted"]),
        ({"routing_number": "02100002"}, ["aba_format"]),
        ({"iban": "DE89370400440532013000", "bic": "TESTGB2L"}, ["iban_and_bic_country"]),
    ],
)
def test_each_thing_that_is_wrong_is_named(codes: dict[str, str], failed: list[str]) -> None:
    assert _failed(**codes) == failed
    found = examined(**codes)
    assert found.valid == (not failed)
    assert all(check.reason for check in found.checks)
    assert (reachable(found, OURS) == []) == bool(failed)


def test_a_bank_that_the_directory_has_is_named_and_another_is_not_made_up() -> None:
    known = examined(iban="DE89370400440532013000")
    assert (known.bank and known.bank.bic, known.country, known.bic) == ("COBADEFFXXX", "DE", "COBADEFFXXX")
    assert reachable(known, OURS) == ["EUR", "GBP", "USD"]
    unknown = examined(bic="TESTUS33")
    assert (unknown.bank, unknown.country, unknown.valid) == (None, "US", True)
    assert [check.passed for check in unknown.checks if check.check == "bic_directory"] == [None]
    fedwire = examined(routing_number="021000021")
    assert (fedwire.bank, fedwire.country, reachable(fedwire, OURS)) == (None, "US", ["USD"])
    # Without the bank's BIC nobody can be paid, whatever the account.
    assert reachable(examined(iban="GB82WEST12345698765432"), OURS) == []


@pytest.mark.parametrize(
    ("iban", "bic", "same"),
    [("FR", "RE", True), ("FR", "GF", True), ("GB", "JE", True), ("GB", "IM", True), ("FI", "AX", True),
     ("RE", "FR", False), ("FR", "DE", False), ("DE", "DE", True), ("GB", "GI", False)],
)  # fmt: skip
def test_territories_share_the_accounts_of_their_country(iban: str, bic: str, same: bool) -> None:
    assert same_country(iban, bic) is same


@given(st.text(max_size=40))
def test_whatever_is_asked_is_answered(code: str) -> None:
    for codes in ({"bic": code}, {"iban": code}, {"routing_number": code}, {"bic": code, "iban": code}):
        assert examined(**codes).checks


@given(st.from_regex(r"\A[A-Z]{4}(DE|US|XX)[A-Z0-9]{2}([A-Z0-9]{3})?\Z"), st.from_regex(r"\A(DE|NL|XX)[0-9]{20}\Z"))
def test_what_is_valid_here_is_what_an_order_accepts(bic: str, iban: str) -> None:
    for check, codes in ((checked_bic, {"bic": bic}), (checked_iban, {"iban": iban})):
        code = next(iter(codes.values()))
        try:
            check(code)
            accepted = True
        except AurumError:
            accepted = False
        assert examined(**codes).valid == accepted


@given(st.from_regex(r"\A[0-9]{9}\Z"))
def test_a_routing_number_is_valid_where_an_order_accepts_it(number: str) -> None:
    try:
        accepted: str | None = checked_routing_number(number)
    except AurumError:
        accepted = None
    assert examined(routing_number=number).routing_number == accepted
