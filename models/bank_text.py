"""What of a customer's text a bank can be told.

Messages to banks are written in the SWIFT x-set, capital and small Latin letters, digits and a few signs. Latin, Greek
and Cyrillic letters are brought into it when a message is written (`infra.providers.bank.charset`); other scripts are
lost. So a text that has to arrive is looked at before the order is accepted, not when its message is due.
"""

import re
import unicodedata
from typing import Final

from models.errors import Malformed

# What is left of a letter without its accents, in lower case. A test holds this to the tables of the charset.
_CARRIED: Final = re.compile("[a-z0-9ßæœøłđðþħıĸŋŧĳƒəα-ωа-щъыэ-яёђѓєѕіїјљњћќўџґ]")
# Control characters, line and paragraph separators, and marks that nobody sees: they hide what a text says from the
# officer who reads it. The two joiners are kept, scripts and emoji need them.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")


class NotWritable(Malformed):
    """Nothing of the text can be written in a message to a bank."""

    code = "not_writable"
    title = "Cannot be written in a bank message"


def checked_line(text: str) -> str:
    """`text`, if it is one line that can be seen. Raises `ValueError`."""
    if any(unicodedata.category(character) in _HIDDEN and character not in _JOINERS for character in text):
        raise ValueError("has no line breaks, control characters or invisible characters")
    return text


def checked_writable(text: str, limit: int) -> str:
    """`text`, if a letter or digit of it arrives in an element of `limit` characters; empty text stays empty.

    Raises `NotWritable`.
    """
    # Up to its first letter a text is written with at most one sign for each character, so that one is not cut off.
    if text and not _CARRIED.search(unicodedata.normalize("NFKD", text)[:limit].lower()):
        raise NotWritable(
            "has no letter or digit of the Latin, Greek or Cyrillic alphabet, which is what banks can write"
        )
    return text
