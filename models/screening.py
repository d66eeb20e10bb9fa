"""Screening of names against sanctions lists: exact and fuzzy, each finding with its score and reason.

The spine's matcher: folded names, token order ignored, aliases, bank codes. Nothing is cleared by it: an exact finding
blocks, a fuzzy one asks two officers (reference/banking.md §6.3: a name alone never confirms, and errors fail closed).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz

FUZZY_THRESHOLD: Final = 0.88
# Short names resemble each other by accident; below this many characters only equality counts.
SHORTEST_FUZZY: Final = 5
# fmt: off
LEGAL_FORMS: Final = frozenset({
    "ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "eood", "gmbh", "inc", "jsc", "kg", "limited",
    "llc", "llp", "ltd", "nv", "oao", "ooo", "oy", "pjsc", "plc", "pte", "pty", "sa", "sarl", "spa", "sro", "srl",
    "the", "zao",
})
# fmt: on
_WORD: Final = re.compile(r"[^\W_]+")
# Letters that Unicode does not decompose, in the spelling that lists use.
_LETTERS: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ı": "i"})


class Verdict(StrEnum):
    """`exact`: the listed name or code itself. `fuzzy`: near enough that a person has to look."""

    EXACT = "exact"
    FUZZY = "fuzzy"


@dataclass(frozen=True)
class ListEntry:
    """One entry of a sanctions list."""

    id: str
    version: str
    name: str
    aliases: tuple[str, ...] = ()
    bic: str | None = None


@dataclass(frozen=True)
class Subject:
    """One thing of an order to be screened: `field` says which part it is."""

    field: str
    text: str
    is_bic: bool = False


@dataclass(frozen=True)
class Hit:
    """An entry that a subject matches, and how strongly (0 to 1)."""

    entry_id: str
    list_version: str
    field: str
    matched: str
    score: float
    verdict: Verdict


@lru_cache(maxsize=65_536)
def folded(name: str) -> str:
    """`name` as it is compared: no case, accents, punctuation, legal form or word order. Digits stay."""
    words = _words(name)
    return " ".join(sorted(w for w in words if w not in LEGAL_FORMS) or sorted(words))


@lru_cache(maxsize=65_536)
def squeezed(name: str) -> str:
    """`name` without anything between its letters: `V.i.k.t.o.r` is compared as `viktor`."""
    return "".join(_words(name))


def _words(name: str) -> list[str]:
    flat = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    return _WORD.findall("".join(c for c in flat if not unicodedata.combining(c)))


def screen(subjects: Iterable[Subject], entries: Sequence[ListEntry]) -> list[Hit]:
    """Every entry that a subject matches, the strongest name of each, strongest first."""
    found = [hit for subject in subjects for entry in entries if (hit := _match(subject, entry))]
    return sorted(found, key=lambda hit: (-hit.score, hit.entry_id, hit.field))


def _match(subject: Subject, entry: ListEntry) -> Hit | None:
    if subject.is_bic:
        # A bank is listed with all its branches: the first eight characters are the institution (ISO 9362).
        if entry.bic and entry.bic[:8] == subject.text[:8]:
            return Hit(entry.id, entry.version, subject.field, entry.bic, 1.0, Verdict.EXACT)
        return None
    if not folded(subject.text):
        return None
    best, matched = max((_score(subject.text, name), name) for name in (entry.name, *entry.aliases))
    if best < FUZZY_THRESHOLD:
        return None
    verdict = Verdict.EXACT if best >= 1.0 else Verdict.FUZZY
    return Hit(entry.id, entry.version, subject.field, matched, round(best, 4), verdict)


def _score(text: str, name: str) -> float:
    asked, listed = folded(text), folded(name)
    if not listed:
        return 0.0
    if asked == listed or squeezed(text) == squeezed(name):
        return 1.0
    if min(len(asked), len(listed)) < SHORTEST_FUZZY:
        return 0.0
    # A listed name inside a longer text (a remittance line, "Ltd c/o ...") is near, and never exact.
    inside = " " in listed and set(listed.split()) <= set(asked.split())
    return max(fuzz.ratio(asked, listed) / 100, 0.95 if inside else 0.0)
