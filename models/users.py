"""People as values: how an e-mail address, a telephone number, a birthday and an address are read."""

from datetime import UTC, date, datetime
from typing import Annotated, Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ADULT_YEARS: Final = 18
_OLDEST: Final = date(1900, 1, 1)


def read_email(written: str) -> str:
    """`written` in the form that is stored: the domain in small letters, Unicode composed.

    Raises `ValueError`. Whether the domain takes mail is not asked: that is for the verification mail to find out.
    """
    try:
        found = validate_email(written, check_deliverability=False, allow_quoted_local=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if len(found.normalized) > 254:
        raise ValueError("An e-mail address has at most 254 characters")
    return found.normalized


def read_phone(written: str) -> str:
    """`written`, a number with its country code, in the form of E.164. Raises `ValueError`."""
    try:
        number = phonenumbers.parse(written)
    except phonenumbers.NumberParseException:
        raise ValueError("A telephone number starts with + and its country code") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("This is no telephone number of that country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_birthday(day: date) -> date:
    """`day`, if a customer can have been born on it. Raises `ValueError`."""
    today = datetime.now(UTC).date()
    if not _OLDEST <= day <= today:
        raise ValueError("A date of birth is in the past")
    had_birthday = (today.month, today.day) >= (day.month, day.day)
    if today.year - day.year - (not had_birthday) < ADULT_YEARS:
        raise ValueError(f"Customers are at least {ADULT_YEARS} years old")
    return day


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("A line of text has no control characters")
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=140), AfterValidator(_printable)]
Name = Annotated[Line, StringConstraints(min_length=1, max_length=80)]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(read_email)]
Phone = Annotated[str, StringConstraints(max_length=40), AfterValidator(read_phone)]
Birthday = Annotated[date, AfterValidator(read_birthday)]


class Address(BaseModel):
    """Where somebody lives, in the parts that ISO 20022 has."""

    model_config = ConfigDict(extra="forbid")

    street: Line | None = Field(default=None, examples=["Lindenweg"])
    building: Line | None = Field(default=None, examples=["12"])
    town: Name = Field(examples=["Utrecht"])
    postal_code: Line | None = Field(default=None, examples=["3511 AB"])
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(examples=["NL"])
