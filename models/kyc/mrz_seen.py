"""A machine-readable zone that was read from a picture, letter by letter, by a program that takes one for another.

Each place of a zone has letters, digits or either (ICAO Doc 9303, parts 4 to 6). So an O where a digit stands is a 0,
and a 0 in a name is an O. A 1 in a name is an I or an L: such a zone is not read. In the number of a document, which
has either, its check digit tells, or leaves the number open. What comes out has to fit every check digit, as any zone
does (`find_mrz`).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import product
from typing import Final

from models.kyc.mrz import Mrz, check_digit, find_mrz

# Letters of other scripts and signs of mathematics that look like those of a zone.
_LOOKALIKES: Final = str.maketrans(
    {
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
        **dict(zip("АВЕКМНОРСТУХ", "ABEKMHOPCTYX", strict=True)),
        **dict(zip("∪∧∀×〇くㄑ〈‹", "UAAXO<<<<", strict=True)),
    }
)
_AS_LETTER: Final = str.maketrans("0", "O")
_AS_DIGIT: Final = str.maketrans("ODQILZSBG", "000112586")
_ALIKE: Final = {one: pair for pair in ("0O", "1I") for one in pair}
# By line: "a" has a letter, "9" a digit, "x" either; each may be a filler.
_FITTING: Final = {"a": re.compile("[A-Z<]"), "9": re.compile("[0-9<]"), "x": re.compile("[A-Z0-9<]")}
_PLACES: Final = (
    ("a" * 44, "x" * 9 + "9" + "aaa" + "9" * 7 + "a" + "9" * 7 + "x" * 14 + "99"),
    ("a" * 36, "x" * 9 + "9" + "aaa" + "9" * 7 + "a" + "9" * 7 + "x" * 7 + "9"),
    ("a" * 5 + "x" * 9 + "9" + "x" * 15, "9" * 7 + "a" + "9" * 7 + "aaa" + "x" * 11 + "9", "a" * 30),
)


def find_mrz_seen(lines: Sequence[str], today: date) -> Mrz | None:
    """The first zone in `lines`, which stand below each other; None where there is none that is right. A year of birth
    is of the last hundred years before `today`. The number is empty where more than one would be right."""
    plain = [_plain(line) for line in lines]
    for places in _PLACES:
        for start in range(len(plain) - len(places) + 1):
            placed = [_placed(*pair) for pair in zip(plain[start : start + len(places)], places, strict=True)]
            found = [zone for spelling in _spelled(placed) if (zone := find_mrz("\n".join(spelling), today))]
            if found:
                return found[0] if len(found) == 1 else found[0].model_copy(update={"number": ""})
    return None


def _plain(line: str) -> str:
    known = unicodedata.normalize("NFKC", line).upper().translate(_LOOKALIKES)
    return "".join(known.split())


def _placed(line: str, places: str) -> str:
    """The line with what each place can have; empty where it is none of a zone of that kind."""
    if len(line) != len(places):
        return ""
    written = {"a": line.translate(_AS_LETTER), "9": line.translate(_AS_DIGIT), "x": line}
    placed = "".join(written[place][number] for number, place in enumerate(places))
    fitting = all(_FITTING[place].fullmatch(one) for one, place in zip(placed, places, strict=True))
    return placed if fitting else ""


def _spelled(lines: Sequence[str]) -> Iterator[list[str]]:
    """The zone with each way to write O and 0, I and 1 in its number that the number's check digit lets stand."""
    if not all(lines):
        return
    row, begin = (0, 5) if len(lines) == 3 else (1, 0)
    before, number, after = lines[row][:begin], lines[row][begin : begin + 9], lines[row][begin + 9 :]
    for letters in product(*(_ALIKE.get(one, one) for one in number)):
        spelling = "".join(letters)
        # A longer number goes on in the next field, and has its digit there.
        if after[0] == check_digit(spelling) or (after[0] == "<" and spelling == number):
            yield [*lines[:row], before + spelling + after, *lines[row + 1 :]]
