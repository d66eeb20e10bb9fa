"""Listed names and numbers inside longer text: remittance lines, addresses, "c/o" in front of a name.

A text that names somebody says less than a party of that name, so this is never exact. The listed words have to stand
together; a name of one word counts if it is long and telling, that of a ship if the text says that it is a ship.
"""

import re
from collections.abc import Iterator
from typing import Final

from models.screening.entries import Identifier, IdentifierKind, Kind
from models.screening.matching import NONE_AT_ALL, SHORT, Likeness, Weigher, likeness_of_words
from models.screening.names import Name, neighbours
from models.screening.words import GENERIC_WEIGHT, SHIP_PREFIXES

IN_TEXT: Final = 0.95
LONE_IN_TEXT: Final = 0.90
# Other words may stand between the listed ones, so many at most.
_BETWEEN: Final = 1
_SAME_WORD: Final = 0.80
# Words that are only alike have to stand in the listed order.
_ANY_ORDER: Final = 0.99
_SHORTEST_LONE: Final = 6
_IMO: Final = re.compile(r"\bIMO[ :.-]*(\d{7})\b", re.IGNORECASE)
_LEI: Final = re.compile(r"\b[0-9A-Z]{18}[0-9]{2}\b")


def numbers_in(text: str) -> Iterator[Identifier]:
    """The numbers of ships (IMO) and legal entities (LEI) that a text names, those with right check digits."""
    for found in _IMO.finditer(text):
        digits = found[1]
        if sum(int(digit) * factor for digit, factor in zip(digits, range(7, 1, -1), strict=False)) % 10 == int(
            digits[6]
        ):
            yield Identifier(kind=IdentifierKind.IMO, value=digits)
    for found in _LEI.finditer(text):
        # ISO 17442: letters as numbers, mod 97 is 1.
        if int("".join(str(int(c, 36)) for c in found[0])) % 97 == 1:
            yield Identifier(kind=IdentifierKind.LEI, value=found[0])


def spoken_of(text: Name, listed: Name, kind: Kind, weight: Weigher) -> Likeness:
    """How surely `text` speaks of the listed name. Nothing, if the name tells too little to be looked for in a text."""
    telling = [word for word in listed.core if weight(word) > GENERIC_WEIGHT or word.isdigit()]
    if not telling or len(listed.joined) < SHORT:
        return NONE_AT_ALL
    if len(listed.core) == 1:
        return _lone(text, listed.core[0], kind)
    words = listed.core
    places, alike = _found(text, words, consonants=text.consonants or listed.consonants)
    if len(places) < len(words) or max(places) - min(places) + 1 > len(words) + _BETWEEN:
        return NONE_AT_ALL
    if places != sorted(places) and min(alike) < _ANY_ORDER:
        return NONE_AT_ALL
    total = sum(weight(word) for word in words)
    covered = sum(value * weight(word) for word, value in zip(words, alike, strict=True)) / total
    return Likeness(covered * IN_TEXT, False, "in text", {"listed_covered": round(covered, 4)})


def _found(text: Name, words: tuple[str, ...], *, consonants: bool) -> tuple[list[int], list[float]]:
    """For each listed word the place in the text that is most like it, no place twice; fewer where one is missing."""
    places: list[int] = []
    alike: list[float] = []
    for word in words:
        best, at = 0.0, -1
        for i, said in enumerate(text.words):
            # An initial in a text is any letter at all.
            if i in places or (len(said) == 1 and said != word):
                continue
            value = likeness_of_words(said, word, consonants=consonants)
            if value > best:
                best, at = value, i
        if best < _SAME_WORD:
            return [], []
        places.append(at)
        alike.append(best)
    return places, alike


def _lone(text: Name, word: str, kind: Kind) -> Likeness:
    said = text.words
    if kind is Kind.VESSEL:
        named = any(said[i] in SHIP_PREFIXES and said[i + 1] == word for i in range(len(said) - 1))
    else:
        joined = (both for _, both in neighbours(said))
        named = kind is not Kind.PERSON and len(word) >= _SHORTEST_LONE and (word in said or word in joined)
    return Likeness(LONE_IN_TEXT, False, "in text", {"word": 1.0}) if named else NONE_AT_ALL
