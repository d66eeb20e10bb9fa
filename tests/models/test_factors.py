"""Seeds and recovery codes cannot be guessed: how long they are, what they are made of, that none comes twice."""

import math
from base64 import b32decode

from models.factors import new_recovery_codes, new_seed

MANY = 2_000
# RFC 4226 §4 asks for 128 bits at least and recommends 160; ASVS 6.5.4 for 20 bits of a recovery code, and we for 80.
SEED_BITS, CODE_BITS = 160, 80


def test_a_seed_has_the_bits_that_the_standard_recommends_and_none_comes_twice() -> None:
    seeds = {new_seed() for _ in range(MANY)}
    assert len(seeds) == MANY
    assert all(len(b32decode(seed)) * 8 >= SEED_BITS for seed in seeds)


def test_recovery_codes_use_their_alphabet_evenly_and_none_comes_twice() -> None:
    codes = [code for _ in range(MANY // 10) for code in new_recovery_codes()]
    assert len(set(codes)) == len(codes) == MANY
    letters = [letter for code in codes for letter in code if letter.isalnum()]
    shares = [letters.count(letter) / len(letters) for letter in set(letters)]
    entropy = -sum(share * math.log2(share) for share in shares)
    assert entropy * len(letters) / MANY >= CODE_BITS
