"""How alike two names are, from 0 to 1, and by what.

Words are paired, each with the one it resembles most: equal, sounding alike, few letters apart, an initial, or two
words for one. What is paired counts by the words' weights (their rarity on the lists, little for legal forms and
common words). The better covered name counts most, so that a left out middle name costs little; words that each side
has and the other lacks cost much. Numbers are equal or they are not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from models.screening.names import Name, neighbours, sound
from models.screening.words import GENERIC_WEIGHT

# Two names are alike from here on: set on the tuning half of the labelled pairs (infra/decisions, tests/models/data).
ALIKE: Final = 0.80
# What a weak alias, and a name of fewer letters than SHORT, can make at most.
WEAK_CAP: Final = 0.82
SHORT: Final = 5
SHORT_CAP: Final = 0.85
# One telling word in common is not a name in common.
LONE_CAP: Final = 0.74
SOUNDS_ALIKE: Final = 0.90
CONSONANTS_ALIKE: Final = 0.94
INITIAL: Final = 0.75
JOINED: Final = 0.97
_TELLING: Final = 0.5
# Words that differ by more letters in length are not two for one.
_LETTERS_APART: Final = 2
_SAME_WORD: Final = 0.75
# What the less covered name counts, and what words cost that are left over on both sides.
_LESS_COVERED: Final = 0.25
_LEFT_ON_BOTH: Final = 0.5

Weigher = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two names are. `same`: nothing but order, spelling in one word and legal form differ."""

    score: float
    same: bool
    algorithm: str
    features: dict[str, float]


NONE_AT_ALL: Final = Likeness(0.0, same=False, algorithm="none", features={})


@lru_cache(maxsize=65_536)
def likeness_of_words(one: str, other: str, *, consonants: bool = False) -> float:
    """How alike two words are. 0 for words that are different."""
    if one == other:
        return 1.0
    if not (one.isalpha() and other.isalpha()):
        return 0.0
    shorter, longer = sorted((len(one), len(other)))
    if shorter == 1:
        return INITIAL if one[0] == other[0] else 0.0
    allowed = 0 if shorter <= 3 else 1 if shorter <= 5 else 2 if shorter <= 9 else 3
    apart = OSA.distance(one, other, score_cutoff=allowed)
    by_letters = 1 - apart / longer if apart <= allowed else 0.0
    one_sound = sound(one)
    if len(one_sound) < 2 or one_sound != sound(other):
        return by_letters
    if consonants:
        return max(by_letters, CONSONANTS_ALIKE)
    if shorter >= 4 and JaroWinkler.similarity(one, other) >= 0.75:
        return max(by_letters, SOUNDS_ALIKE)
    return by_letters


def compare(asked: Name, listed: Name, weight: Weigher) -> Likeness:
    """How alike the name that is asked about and a listed one are."""
    if not asked.words or not listed.words:
        return NONE_AT_ALL
    if asked.key == listed.key:
        # A legal form that only one side has, or another one, makes a shade.
        return _capped(Likeness(1.0 if _forms(asked) == _forms(listed) else 0.99, True, "equal", {"name": 1.0}), listed)
    if asked.joined in {listed.joined, "".join(listed.words)}:
        return _capped(Likeness(0.98, True, "joined", {"joined": 1.0}), listed)
    if min(len(asked.joined), len(listed.joined)) < SHORT:
        # Short names resemble each other by accident: only equality counts.
        return NONE_AT_ALL
    return _by_words(asked, listed, weight)


def _forms(name: Name) -> frozenset[str]:
    return frozenset(name.words) - frozenset(name.core)


def _capped(likeness: Likeness, listed: Name) -> Likeness:
    if len(listed.joined) >= SHORT:
        return likeness
    return Likeness(
        min(likeness.score, SHORT_CAP), False, likeness.algorithm, {**likeness.features, "short": SHORT_CAP}
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    alike: float
    left: tuple[int, ...]
    right: tuple[int, ...]


def _pairs(asked: Sequence[str], listed: Sequence[str], *, consonants: bool) -> list[_Pair]:
    """The words of both sides in pairs, the most alike first, no word twice."""
    found = [
        _Pair(alike, (i,), (j,))
        for i, one in enumerate(asked)
        for j, other in enumerate(listed)
        if (alike := likeness_of_words(one, other, consonants=consonants)) > 0
    ]
    if len(asked) != len(listed) or len(found) < len(asked):
        found += [
            _Pair(JOINED * alike, (i, i + 1), (j,))
            for i, both in neighbours(asked)
            for j, other in enumerate(listed)
            if len(other) > 3
            and abs(len(both) - len(other)) <= _LETTERS_APART
            and (alike := likeness_of_words(both, other, consonants=consonants)) > 0.85
        ]
        found += [
            _Pair(JOINED * alike, (i,), (j, j + 1))
            for j, both in neighbours(listed)
            for i, one in enumerate(asked)
            if len(one) > 3
            and abs(len(both) - len(one)) <= _LETTERS_APART
            and (alike := likeness_of_words(one, both, consonants=consonants)) > 0.85
        ]
    found.sort(key=lambda pair: (-pair.alike * (len(pair.left) + len(pair.right)), pair.left, pair.right))
    chosen: list[_Pair] = []
    used_left: set[int] = set()
    used_right: set[int] = set()
    for pair in found:
        if used_left.isdisjoint(pair.left) and used_right.isdisjoint(pair.right):
            chosen.append(pair)
            used_left.update(pair.left)
            used_right.update(pair.right)
    return chosen


def _by_words(asked: Name, listed: Name, weight: Weigher) -> Likeness:
    chosen = _pairs(asked.words, listed.words, consonants=asked.consonants or listed.consonants)
    left_weights = [weight(word) for word in asked.words]
    right_weights = [weight(word) for word in listed.words]
    left = _coverage(left_weights, [(pair.left, pair.alike) for pair in chosen])
    right = _coverage(right_weights, [(pair.right, pair.alike) for pair in chosen])
    better, worse = max(left, right), min(left, right)
    left_over = min(
        _left_over(asked.words, left_weights, [pair.left for pair in chosen]),
        _left_over(listed.words, right_weights, [pair.right for pair in chosen]),
    )
    score = better * (1 - _LESS_COVERED + _LESS_COVERED * worse) - _LEFT_ON_BOTH * left_over
    told = sum(
        1
        for pair in chosen
        if pair.alike >= _SAME_WORD
        and max(*(left_weights[i] for i in pair.left), *(right_weights[j] for j in pair.right)) >= _TELLING
    )
    algorithm = "words"
    if told < 2 and _something_left_over(asked, listed, weight, chosen):
        score, algorithm = min(score, LONE_CAP), "one word"
    features = {"asked_covered": left, "listed_covered": right, "left_on_both": left_over}
    return Likeness(
        max(0.0, min(score, JOINED)), False, algorithm, {name: round(value, 4) for name, value in features.items()}
    )


def _coverage(weights: Sequence[float], parts: Sequence[tuple[tuple[int, ...], float]]) -> float:
    covered = sum(alike * weights[i] for places, alike in parts for i in places)
    return covered / sum(weights)


def _left_over(words: Sequence[str], weights: Sequence[float], parts: Sequence[tuple[int, ...]]) -> float:
    used = {i for places in parts for i in places}
    # A number that the other side lacks makes another thing of it: Plant 12 is not Plant 21.
    rest = sum(1.0 if words[i].isdigit() else weights[i] for i in range(len(words)) if i not in used)
    return rest / sum(weights)


def _something_left_over(asked: Name, listed: Name, weight: Weigher, chosen: Sequence[_Pair]) -> bool:
    """Whether a word that tells something, or an initial, has no partner: then one shared word is too little."""
    used_left = {i for pair in chosen for i in pair.left}
    used_right = {j for pair in chosen for j in pair.right}
    rest = [word for i, word in enumerate(asked.words) if i not in used_left]
    rest += [word for j, word in enumerate(listed.words) if j not in used_right]
    return any(len(word) == 1 or weight(word) > GENERIC_WEIGHT for word in rest)
