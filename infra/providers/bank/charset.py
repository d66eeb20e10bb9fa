"""From what a customer wrote to the SWIFT x-set, the characters that every bank on the way can carry.

The x-set is `a-z A-Z 0-9 / - ? : ( ) . , ' +` and the space. The order in which a character is tried:

1. it is in the x-set: it stays;
2. it has a replacement in `LETTERS` or `SIGNS` (`ß` ss, `Щ` Shch, `&` +): that;
3. Unicode takes it apart (`é` into e and an accent, `ﬁ` into f and i): its parts are tried, accents are
dropped; 4. otherwise it becomes a full stop, `.` (the practice of the European Payments Council, EPC217-08).

Umlauts lose their dots (`ü` u) as in EPC217-08. Greek follows ELOT 743 without its digraphs, Cyrillic the
table of ICAO Doc 9303-3 that passports use. Other scripts (Arabic, Chinese …) have no table here and become
full stops.
"""

import unicodedata
from typing import Final

from models.bank import NOT_PROVIDED

X_SET: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
REPLACEMENT: Final = "."

# Lower case only; an upper case letter takes the same replacement with a capital.
LETTERS: Final = {
    # Latin letters that Unicode does not take apart
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i",
    "ĸ": "k", "ŋ": "n", "ŧ": "t", "ĳ": "ij", "ƒ": "f", "ə": "a",
    # Greek
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k",
    "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t",
    "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    # Cyrillic
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u",
    "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ы": "y", "ь": "", "э": "e",
    "ю": "iu", "я": "ia", "ё": "e", "ђ": "d", "ѓ": "g", "є": "ie", "ѕ": "dz", "і": "i", "ї": "i", "ј": "j",
    "љ": "lj", "њ": "nj", "ћ": "c", "ќ": "k", "ў": "u", "џ": "dz", "ґ": "g",
}  # fmt: skip

SIGNS: Final = {
    "&": "+", "@": "(at)", "_": "-", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "~": "-",
    "‘": "'", "’": "'", "‚": ",", "“": "'", "”": "'", "„": "'", '"': "'", "`": "'", "´": "'", "ʼ": "'",
    "«": "'", "»": "'", "[": "(", "]": ")", "{": "(", "}": ")", "<": "(", ">": ")", ";": ",", "\\": "/",
    "|": "/", "=": "-", "•": "-", "·": ".", "⁄": "/", "€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY",
}  # fmt: skip


def in_x_set(text: str, limit: int) -> str:
    """`text` in the x-set, at most `limit` characters of it.

    White space of any kind becomes one space, invisible characters vanish. The answer is empty where no
    letter and no digit is left: a row of full stops would tell the receiver nothing.
    """
    shouted = text == text.upper()
    written = "".join(_carried(character, shouted=shouted) for character in unicodedata.normalize("NFC", text))
    cut = " ".join(written.split())[:limit].rstrip()
    return cut if any(character.isalnum() for character in cut) else ""


def always_in_x_set(text: str, limit: int) -> str:
    """As `in_x_set`, for an element that has to be there: `NOTPROVIDED` where nothing is left."""
    return in_x_set(text, limit) or NOT_PROVIDED[:limit]


def _carried(character: str, *, shouted: bool) -> str:
    if character in X_SET:
        return character
    if character in SIGNS:
        return SIGNS[character]
    if (letter := LETTERS.get(character.lower())) is not None:
        if character == character.lower():
            return letter
        return letter.upper() if shouted else letter.capitalize()
    category = unicodedata.category(character)
    if character.isspace() or category in {"Zs", "Zl", "Zp"}:
        return " "
    if category in {"Mn", "Me", "Mc", "Cc", "Cf"}:
        return ""
    parts = unicodedata.normalize("NFKD", character)
    if parts != character:
        return "".join(_carried(part, shouted=shouted) for part in parts)
    return REPLACEMENT
