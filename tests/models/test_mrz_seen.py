"""What a program saw on a picture is taken for a zone where places and check digits leave one meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kyc.mrz import check_digit, find_mrz
from models.kyc.mrz_seen import find_mrz_seen
from tests.models.test_mrz import TD1, TD1_LONG, TD2, TD3, TODAY

UPPER, LOWER = TD3.splitlines()


@pytest.mark.parametrize("zone", [TD3, TD2, TD1, TD1_LONG])
def test_what_was_seen_as_it_is_printed_is_read(zone: str) -> None:
    found = find_mrz_seen(["REPUBLIC OF UTOPIA", *zone.splitlines(), "SPECIMEN"], TODAY)
    assert found is not None
    assert found == find_mrz(zone, TODAY)


@pytest.mark.parametrize(
    "seen",
    [
        # Letters where letters stand, digits where digits stand.
        [UPPER.replace("O", "0"), LOWER.replace("UTO", "UT0")],
        [UPPER, LOWER[:13] + LOWER[13:20].replace("0", "O").replace("1", "I").replace("2", "Z") + LOWER[20:]],
        # Signs of other scripts, small letters, spaces.
        [UPPER.replace("<", "く").replace("A", "Α"), LOWER.lower()],
        [UPPER.replace("A", "∀").replace("U", "∪"), " ".join(LOWER)],
        ["".join(chr(ord(one) + 0xFEE0) for one in UPPER), LOWER],
    ],
)
def test_what_looks_alike_is_told_by_its_place(seen: list[str]) -> None:
    assert find_mrz_seen(seen, TODAY) == find_mrz(TD3, TODAY)


def test_letters_and_digits_of_a_number_are_told_by_its_check_digit() -> None:
    found = find_mrz_seen([UPPER, LOWER.replace("L898902C3", "L8989O2C3")], TODAY)
    assert found is not None
    assert found.number == "L898902C3"


def test_a_number_that_could_be_two_is_left_open() -> None:
    # Two whose check digits are the same, and a third that a program may see for either.
    one, other, seen = "000000O01", "000O00001", "000000001"
    assert check_digit(one) == check_digit(other) != check_digit(seen)
    line = f"{one}{check_digit(one)}{LOWER[10:43]}"
    line += check_digit(line[:10] + line[13:20] + line[21:43])
    right = find_mrz(f"{UPPER}\n{line}", TODAY)
    assert right is not None
    for number in (one, other, seen):
        assert find_mrz_seen([UPPER, number + line[9:]], TODAY) == right.model_copy(update={"number": ""})


@pytest.mark.parametrize("names", ["P<UTOEI1KSSON", "P<UTO5", "P<1TO", "P<UTOÉ", "P<UT()"])
def test_a_name_that_may_be_another_is_not_read(names: str) -> None:
    assert find_mrz_seen([names.ljust(44, "<"), LOWER], TODAY) is None


@pytest.mark.parametrize("place", [0, 4, 9, 15, 19, 23, 27, 30, 42, 43])
def test_a_zone_with_a_wrong_check_digit_is_not_read(place: int) -> None:
    other = {"L": "N", "8": "3"}.get(LOWER[place], "7" if LOWER[place] != "7" else "4")
    assert find_mrz_seen([UPPER, LOWER[:place] + other + LOWER[place + 1 :]], TODAY) is None


def test_lines_that_are_cut_off_or_from_elsewhere_are_no_zone() -> None:
    for seen in ([], [UPPER], [LOWER, UPPER], [UPPER, "FICTIONAL AUTHORITY", LOWER], [UPPER[:-1], LOWER]):
        assert find_mrz_seen(seen, TODAY) is None


@given(st.lists(st.text(max_size=60), max_size=6), st.sampled_from([44, 36, 30]))
def test_anything_seen_is_looked_at_without_harm(seen: list[str], length: int) -> None:
    found = find_mrz_seen(seen, TODAY)
    assert found is None
    assert find_mrz_seen([line.ljust(length, "<")[:length] for line in seen], TODAY) is None
