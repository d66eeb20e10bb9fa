"""How what people write of themselves is read."""

from datetime import UTC, date, datetime, timedelta

import pytest

from models.users import ADULT_YEARS, read_birthday, read_email, read_phone


@pytest.mark.parametrize(
    ("written", "read"),
    [("Mira@People.Example", "Mira@people.example"), ("müller@people.example", "müller@people.example")],
)
def test_an_address_keeps_its_owner_and_folds_its_domain(written: str, read: str) -> None:
    assert read_email(written) == read


@pytest.mark.parametrize(
    "written",
    ["", "mira", "mira@", "@people.example", "a b@people.example", "mira@localhost", "x" * 250 + "@p.example"],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"email|e-mail|@|domain|address"):
        read_email(written)


@pytest.mark.parametrize(
    ("written", "read"), [("+31 20 123 4567", "+31201234567"), ("+1 (212) 555-0100", "+12125550100")]
)
def test_a_number_is_read_as_people_write_it(written: str, read: str) -> None:
    assert read_phone(written) == read


@pytest.mark.parametrize("written", ["", "020 123 4567", "+999 1", "+31 2", "call me"])
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="telephone"):
        read_phone(written)


def test_customers_are_adults_on_their_birthday_and_not_before() -> None:
    today = datetime.now(UTC).date()
    # The day before the 28th exists in every month and year.
    birthday = date(today.year - ADULT_YEARS, today.month, min(today.day, 28))
    assert read_birthday(birthday) == birthday
    for refused in (
        birthday + timedelta(days=today.day - birthday.day + 1),
        date(1899, 12, 31),
        today + timedelta(days=1),
    ):
        with pytest.raises(ValueError, match=r"date of birth|years old"):
            read_birthday(refused)
