"""A name as it is compared: one script, one case, words, and a key of how each word sounds.

    Виктор Дражeнко, "Drazhenko, Víktor", V.i.k.t.o.r D-r-a-z-h-e-n-k-o  →  viktor drazhenko

Scripts are written in Latin letters by `anyascii`. Arabic leaves its short vowels out, so a word of it is compared by
its consonants; each Chinese character is a word of its own, which comparing joined words makes good. Nothing is taken
out but what cannot be seen; legal forms, titles and particles stay and weigh less (`models.screening.words`).
"""

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from anyascii import anyascii

from models.screening.words import LEGAL_FORMS, LEGAL_PHRASES, TITLES

# Longer than any name; a longer text is screened in pieces (`models.screening.passages`).
LONGEST: Final = 600
_WORD: Final = re.compile(r"[a-z0-9]+")
_DOTTED: Final = re.compile(r"\b(?:\w\.){1,7}\w\b")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Arabic letters by their sound. What is not here is left to the general table, harakat are marks and gone before.
# fmt: off
_ARABIC: Final = str.maketrans({
    "ا": "a", "أ": "a", "إ": "i", "آ": "a", "ٱ": "a", "ء": "", "ؤ": "u", "ئ": "i", "ع": "a", "ى": "a", "ة": "a",
    "ب": "b", "ت": "t", "ث": "th", "ج": "j", "ح": "h", "خ": "kh", "د": "d", "ذ": "dh", "ر": "r", "ز": "z", "س": "s",
    "ش": "sh", "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "غ": "gh", "ف": "f", "ق": "q", "ك": "k", "ک": "k", "ل": "l",
    "م": "m", "ن": "n", "ه": "h", "پ": "p", "چ": "ch", "ژ": "zh", "گ": "g", "ی": "i", "ـ": "",
})
_GREEK: Final = (("ού", "ou"), ("ου", "ou"), ("ΟΥ", "OU"), ("Ου", "Ou"))
# fmt: on
_SOUNDS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"shch|tsch|sch|tch|cz|ch|sh|sz", "S"),
        (r"dzh|dj|zh", "J"),
        (r"kh|gh", "H"),
        (r"ph|th|bh|dh|rh", ""),
        (r"ck|q", "k"),
        (r"ts|tz", "Z"),
        (r"c(?=[eiy])", "Z"),
        (r"c", "k"),
        (r"x", "kZ"),
        (r"[vwf]", "F"),
        (r"[sz]", "Z"),
        (r"j", "J"),
        (r"h$", ""),
        (r"h", "H"),
    )
)
_ASPIRATED: Final = {"ph": "F", "th": "t", "bh": "b", "dh": "d", "rh": "r"}
_VOWELS: Final = re.compile(r"[aeiouy]+")
_AGAIN: Final = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in words. `core` are the words without legal forms and titles (all of them, if there are no others)."""

    text: str
    words: tuple[str, ...]
    core: tuple[str, ...]
    joined: str
    consonants: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The core in an order of its own: two names with the same key differ by nothing but order and form."""
        return tuple(sorted(self.core))


def read(text: str) -> Name:
    """`text` as a name. It has no words where `text` has no letter and no digit."""
    visible = _visible(text[:LONGEST])
    consonants = any("\u0590" <= c <= "\u06ff" for c in visible)
    words = _with_forms(_words(visible))
    core = [word for word in words if word not in LEGAL_FORMS and word not in TITLES] or words
    return Name(
        text=text,
        words=tuple(map(sys.intern, words)),
        core=tuple(map(sys.intern, core)),
        joined="".join(core),
        consonants=consonants,
    )


@lru_cache(maxsize=16_384)
def read_once(text: str) -> Name:
    """`read`, remembered: the same parties come again and again."""
    return read(text)


def _visible(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text)
    return "".join(c for c in composed if unicodedata.category(c) not in {"Mn", "Me", "Cf", "Cc"} or c.isspace())


def _words(visible: str) -> list[str]:
    if visible.isascii():
        latin = visible
    else:
        for digraph, written in _GREEK:
            visible = visible.replace(digraph, written)
        # A mark of its own for each Chinese character, whose reading is a word.
        spaced = "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in _arabic(visible))
        latin = anyascii(spaced)
        if any("\uac00" <= c <= "\ud7a3" for c in visible):
            latin = _CAMEL.sub(" ", latin)
    flat = latin.casefold().replace("'", "").replace("`", "")
    # "S.A.R.L." is a word, "V. S. Drazhenko" is not.
    flat = _DOTTED.sub(lambda found: _undotted(found[0]), flat)
    return _WORD.findall(flat)


def _undotted(dotted: str) -> str:
    joined = dotted.replace(".", "")
    return joined if joined in LEGAL_FORMS else dotted


def _arabic(text: str) -> str:
    if not any("\u0600" <= c <= "\u06ff" for c in text):
        return text
    words = []
    for word in text.split():
        article, rest = ("al ", word[2:]) if word.startswith("ال") and len(word) > 4 else ("", word)
        # At the beginning they are consonants, elsewhere they lengthen a vowel.
        first = {"و": "w", "ي": "y"}.get(rest[:1], rest[:1])
        words.append(article + first + rest[1:].replace("و", "u").replace("ي", "i"))
    return " ".join(words).translate(_ARABIC)


def _with_forms(words: list[str]) -> list[str]:
    """Legal forms of several words, or of single letters (`s a`, `a/s`), become the one word that stands for them."""
    made: list[str] = []
    at = 0
    while at < len(words):
        for phrase, form in LEGAL_PHRASES.items():
            if words[at] == phrase[0] and tuple(words[at : at + len(phrase)]) == phrase:
                made.append(form)
                at += len(phrase)
                break
        else:
            made.append(words[at])
            at += 1
    letters = 0
    while letters < len(made) and len(made[-1 - letters]) == 1:
        letters += 1
    for taken in range(min(letters, 4), 1, -1):
        if len(made) > taken and "".join(made[-taken:]) in LEGAL_FORMS:
            return [*made[:-taken], "".join(made[-taken:])]
    return made


@lru_cache(maxsize=65_536)
def sound(word: str) -> str:
    """How a word sounds, by its consonants and whether it begins with a vowel: `drajenko` and `drazhenko` are one.

    Empty for words with digits, which sound like nothing else.
    """
    if not word.isalpha():
        return ""
    begins = "A" if word[0] in "aeiouy" else ""
    key = word
    for pattern, replacement in _SOUNDS:
        key = pattern.sub(_aspirated if pattern.pattern.startswith("ph|") else replacement, key)
    return begins + _AGAIN.sub(r"\1", _VOWELS.sub("", key))


def _aspirated(found: re.Match[str]) -> str:
    return _ASPIRATED[found[0]]


def neighbours(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each two words that follow one another, joined, with the place of the first: `al thuraya` is also `althuraya`."""
    for at in range(len(words) - 1):
        yield at, words[at] + words[at + 1]
