"""Machine-readable zones: the specimens of ICAO Doc 9303 are read, and one with a wrong character is not believed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kyc.mrz import Mrz, MrzFormat, check_digit, find_mrz

TODAY = date(2026, 11, 22)
# The specimens that the standard prints, of the invented state of Utopia (9303-4, -5 and -6).
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
# A number that is longer than its field, as 9303-5 shows it.
TD1_LONG = "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<"


@pytest.mark.parametrize(
    ("zone", "size", "number"), [(TD3, "TD3", "L898902C3"), (TD2, "TD2", "D23145890"), (TD1, "TD1", "D23145890")]
)
def test_the_specimens_of_the_standard_are_read(zone: str, size: str, number: str) -> None:
    assert find_mrz(f"REPUBLIC OF UTOPIA\n{zone}\n", TODAY) == Mrz(
        format=MrzFormat(size),
        document_code=zone[0],
        issuer="UTO",
        number=number,
        surname="ERIKSSON",
        given_names="ANNA MARIA",
        nationality="UTO",
        birth_date=date(1974, 8, 12),
        sex="F",
        expires_at=date(2012, 4, 15),
    )


def test_a_number_that_is_too_long_for_its_field_goes_on_in_the_next() -> None:
    found = find_mrz(TD1_LONG, TODAY)
    assert found is not None
    assert (found.number, found.surname, found.sex) == ("D23145890734", "STEVENSON", "M")


def test_a_century_is_that_of_somebody_who_lives() -> None:
    assert find_mrz(TD3, date(2074, 8, 12)).birth_date == date(2074, 8, 12)  # type: ignore[union-attr] # read above
    assert find_mrz(TD3, date(2074, 8, 11)).birth_date == date(1974, 8, 12)  # type: ignore[union-attr] # read above


def test_a_zone_whose_letters_stand_apart_is_read_and_one_that_is_cut_off_is_not() -> None:
    assert find_mrz("\n".join(" ".join(line) for line in TD3.splitlines()), TODAY) is not None
    for broken in ("", TD3[:-1], TD3.splitlines()[1], TD3.replace("\n", ""), TD1.rsplit("\n", 1)[0]):
        assert find_mrz(broken, TODAY) is None


@given(place=st.integers(0, 43), letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"))
def test_a_wrong_character_in_what_is_checked_is_never_believed_with_another_meaning(place: int, letter: str) -> None:
    upper, lower = TD3.splitlines()
    found = find_mrz(f"{upper}\n{lower[:place]}{letter}{lower[place + 1 :]}", TODAY)
    right = find_mrz(TD3, TODAY)
    assert right is not None
    # Nationality and sex have no check digit; letters that weigh the same are told apart by nothing in the standard.
    if found is not None and place not in {10, 11, 12, 20}:
        same_weight = (int(letter, 36) if letter != "<" else 0) % 10 == int(lower[place].replace("<", "0"), 36) % 10
        assert same_weight


@given(st.text(max_size=200))
def test_any_text_is_looked_at_without_harm(text: str) -> None:
    find_mrz(text, TODAY)


def test_the_check_digit_is_that_of_the_standard() -> None:
    assert check_digit("AB2134<<<") == "5"
