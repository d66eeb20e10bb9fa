"""Whether a secret can be one: long, and like nothing that a person would make up."""

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

# 32 hexadecimal digits are 128 bits; NIST SP 800-131A rev. 2 lets no key have under 112.
LEAST_LENGTH: Final = 32
LEAST_BITS: Final = 100
HOW_TO_MAKE_ONE: Final = "make one with `openssl rand -base64 48`"
# What stands in secrets that people make up, in examples and in development.
_WORDS: Final = re.compile(
    r"secret|passw|change.?me|develop|example|default|aurum|please|replace|insert|token|qwert",
    re.IGNORECASE,
)
# Seven in a row happen to one random secret in a million.
_LONGEST_RUN: Final = 7


def secret_weakness(secret: str) -> str | None:
    """Why `secret` is not one, if that can be seen; None for one that may be. Never repeats any of it.

    The bits are estimated from how often each character stands in it: random text of 32 hexadecimal digits has about
    115, and 32 bytes in base64 have over 200.
    """
    if len(secret) < LEAST_LENGTH:
        return f"has {len(secret)} characters and not at least {LEAST_LENGTH}"
    if any(character.isspace() for character in secret) or _WORDS.search(secret):
        return "holds words"
    if secret in (secret + secret)[1:-1] or _estimated_bits(secret) < LEAST_BITS:
        return "repeats itself"
    if _longest_run(secret) > _LONGEST_RUN:
        return "counts up or down"
    return None


def _estimated_bits(secret: str) -> float:
    shares = [count / len(secret) for count in Counter(secret).values()]
    return -len(secret) * sum(share * math.log2(share) for share in shares)


def _longest_run(secret: str) -> int:
    longest = run = 1
    before = 0
    for one, following in pairwise(secret):
        step = ord(following) - ord(one)
        run = run + 1 if step == before and step in (-1, 1) else 2 if step in (-1, 1) else 1
        before = step
        longest = max(longest, run)
    return longest
