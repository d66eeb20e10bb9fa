"""Account numbers: what the bank gives out passes other people's checks, and typing errors are found."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from schwifty import IBAN

from models.accounts import account_number, grouped, is_own_number, read_number
from models.errors import Malformed

SERIALS = st.integers(0, 10**10 - 1)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "BHD"])
NUMBERS = st.builds(account_number, SERIALS, CURRENCIES)


@given(SERIALS)
def test_a_euro_account_has_an_iban_that_a_third_party_accepts(serial: int) -> None:
    number = account_number(serial, "EUR")
    iban = IBAN(number, validate_bban=True)
    assert iban.country_code == "NL"
    assert iban.bank_code == "AURM"
    assert iban.account_code == f"{serial:010d}"


@pytest.mark.parametrize(
    ("serial", "currency", "number"),
    [
        (0, "EUR", "NL23AURM0000000000"),
        (1, "USD", "000000000195"),
        (9_999_999_999, "JPY", "999999999951"),
    ],
)
def test_numbers_do_not_change(serial: int, currency: str, number: str) -> None:
    assert account_number(serial, currency) == number


@pytest.mark.parametrize("serial", [-1, 10**10])
def test_a_serial_has_ten_digits_at_most(serial: int) -> None:
    with pytest.raises(ValueError, match="serial"):
        account_number(serial, "EUR")


@given(NUMBERS)
def test_what_the_bank_gives_out_is_its_own_however_it_is_typed(number: str) -> None:
    assert is_own_number(number)
    assert read_number(grouped(number).lower()) == number


@given(NUMBERS, st.data())
def test_a_wrong_digit_is_found(number: str, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([place for place, sign in enumerate(number) if sign.isdigit()]))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))
    assert not is_own_number(number[:at] + wrong + number[at + 1 :])


@given(NUMBERS, st.data())
def test_two_digits_in_the_wrong_order_are_found(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(len(number) - 10, len(number) - 2))
    assume(number[at] != number[at + 1])
    assert not is_own_number(number[:at] + number[at + 1] + number[at] + number[at + 2 :])


@pytest.mark.parametrize(
    "written",
    [
        "",
        "NL91ABNA0417164300",
        "GB29NWBK60161331926819",
        "12345678901",
        "1234567890123",
        "NL00AURM0000000000",
        "000000000000",
        "NL48AURM000000000١",
        "１２３４５６７８９０１２",
        "<script>",
    ],
)
def test_what_is_no_number_of_this_bank_is_refused(written: str) -> None:
    assert not is_own_number(written)
    with pytest.raises(Malformed):
        read_number(written)
