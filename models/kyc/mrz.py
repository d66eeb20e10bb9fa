"""The machine-readable zone of passports and identity cards: ICAO Doc 9303, parts 4 (TD3), 5 (TD1) and 6 (TD2).

A zone is believed only if each of its check digits is right. What it says is what is printed there and no proof of the
document: whoever can print a picture can print a right check digit.
"""

import re
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

_WEIGHTS: Final = (7, 3, 1)
_LINE: Final = re.compile(r"[A-Z0-9<]{30,44}")


class MrzFormat(StrEnum):
    """The size of the document: a card of 3 lines, one of 2 lines, a passport."""

    TD1 = "TD1"
    TD2 = "TD2"
    TD3 = "TD3"


class ZoneSource(StrEnum):
    """Where a zone was read: in the text that a file carries, or on its picture."""

    TEXT = "text"
    PICTURE = "picture"


class Mrz(BaseModel):
    """What a zone says. Names are as it writes them: in capitals, without accents, perhaps cut off. `sex` is M, F or
    X; `issuer` and `nationality` are the codes of ISO 3166-1 alpha-3 with those that ICAO added. `number` is empty
    where a picture left it open."""

    model_config = ConfigDict(frozen=True)

    format: MrzFormat
    document_code: str
    issuer: str
    number: str
    surname: str
    given_names: str
    nationality: str
    birth_date: date | None
    sex: str
    expires_at: date | None


class ReadZone(BaseModel):
    """A zone, and how it was read. `reader` is the program that read a picture, with its version."""

    model_config = ConfigDict(frozen=True)

    zone: Mrz
    source: ZoneSource
    reader: str | None = None


def check_digit(text: str) -> str:
    """The check digit of `text` (Doc 9303-3, 4.9)."""
    return str(sum(_value(one) * _WEIGHTS[place % 3] for place, one in enumerate(text)) % 10)


def find_mrz(text: str, today: date) -> Mrz | None:
    """The first zone in `text` whose check digits are all right; None where there is none. A year of birth is of the
    last hundred years before `today`."""
    # A PDF may set each letter by itself, with spaces that are not there.
    lines = [re.sub(r"\s", "", line).upper().replace("«", "<<") for line in text.splitlines()]
    for (length, count), read in _LAYOUTS.items():
        for start in range(len(lines) - count + 1):
            chosen = lines[start : start + count]
            if all(len(line) == length and _LINE.fullmatch(line) for line in chosen):
                found = read(chosen, today)
                if found is not None:
                    return found
    return None


def _value(one: str) -> int:
    return 0 if one == "<" else int(one, 36)


def _right(text: str, digit: str) -> bool:
    # An optional field that is empty may have no digit either.
    return digit == check_digit(text) or (digit == "<" and not text.strip("<"))


def _td3(lines: Sequence[str], today: date) -> Mrz | None:
    upper, lower = lines
    composite = lower[0:10] + lower[13:20] + lower[21:43]
    if not (_right(lower[28:42], lower[42]) and lower[43] == check_digit(composite)):
        return None
    return _read(MrzFormat.TD3, upper[0:2], upper[2:5], upper[5:], lower, lower[0:9], lower[9], today)


def _td2(lines: Sequence[str], today: date) -> Mrz | None:
    upper, lower = lines
    composite = lower[0:10] + lower[13:20] + lower[21:35]
    if lower[35] != check_digit(composite):
        return None
    number, digit = _long_number(lower[0:9], lower[9], lower[28:35])
    return _read(MrzFormat.TD2, upper[0:2], upper[2:5], upper[5:], lower, number, digit, today)


def _td1(lines: Sequence[str], today: date) -> Mrz | None:
    upper, middle, names = lines
    composite = upper[5:30] + middle[0:7] + middle[8:15] + middle[18:29]
    if middle[29] != check_digit(composite):
        return None
    number, digit = _long_number(upper[5:14], upper[14], upper[15:30])
    # The same fields as on the second line of the other sizes, in their places there.
    lower = " " * 10 + middle[15:18] + middle[0:7] + middle[7:8] + middle[8:15]
    return _read(MrzFormat.TD1, upper[0:2], upper[2:5], names, lower, number, digit, today)


# By the length of a line and how many there are.
_LAYOUTS: Final = {(44, 2): _td3, (36, 2): _td2, (30, 3): _td1}


def _long_number(number: str, digit: str, rest: str) -> tuple[str, str]:
    """A number of more than nine characters goes on in the optional field, its digit after it (9303-5, note j)."""
    if digit != "<":
        return number, digit
    more = rest.split("<", 1)[0]
    return (number + more[:-1], more[-1]) if more else (number, digit)


def _read(
    size: MrzFormat, code: str, issuer: str, names: str, lower: str, number: str, digit: str, today: date
) -> Mrz | None:
    born, sex, expires = lower[13:20], lower[20], lower[21:28]
    if digit != check_digit(number) or not (_right(born[:6], born[6]) and _right(expires[:6], expires[6])):
        return None
    surname, _, given = names.partition("<<")
    return Mrz(
        format=size,
        document_code=code.strip("<"),
        issuer=issuer.strip("<"),
        number=number.strip("<"),
        surname=_words(surname),
        given_names=_words(given),
        nationality=lower[10:13].strip("<"),
        birth_date=_day(born[:6], today),
        sex={"<": "X"}.get(sex, sex),
        expires_at=_day(expires[:6]),
    )


def _words(text: str) -> str:
    return " ".join(text.split("<")).strip()


def _day(text: str, latest: date | None = None) -> date | None:
    """A day of this century, or of the last where it would come after `latest`; None for one that is not known."""
    if not text.isdecimal():
        return None
    try:
        day = date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
        # The 29th of February of 2000 has no counterpart in 1900.
        return day if latest is None or day <= latest else day.replace(year=day.year - 100)
    except ValueError:
        return None
