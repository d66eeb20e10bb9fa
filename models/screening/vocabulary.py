"""The words of all listed names: how rare each is, and which of them a word resembles, without trying them all.

Words are found again by themselves, by how they sound, and with one letter less on either side (Garbe's symmetric
deletion), which finds every word that is one letter apart, and by sound those that differ in their vowels as well.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from models.screening.matching import likeness_of_words
from models.screening.names import sound
from models.screening.words import base_weight

# Shorter words are not taken apart: everything resembles them. Nor are whole names in one word.
_SHORTEST_TO_CUT: Final = 4
_LONGEST_TO_CUT: Final = 14
_SHORTEST_SOUND_TO_CUT: Final = 4
# A list of a dozen entries does not tell which words are rare in the world.
_SMALLEST_CORPUS: Final = 2_000
# The most common word counts so much of what it would if it were rare.
_COMMON_SHARE: Final = 0.4
# A word that resembles so little adds nothing.
_LEAST: Final = 0.6


class Vocabulary:
    """Words with the number of names that each is in."""

    def __init__(self, frequencies: dict[str, int], names: int) -> None:
        self.frequencies = frequencies
        self.names = max(names, _SMALLEST_CORPUS)
        self._by_sound: dict[str, list[str]] = defaultdict(list)
        # Most keys lead to one word: a list of its own for each would be most of the memory.
        self._by_cut: dict[str, str | list[str]] = {}
        for word in frequencies:
            heard = sound(word)
            if len(heard) >= 2:
                self._by_sound[heard].append(word)
            for cut in _cuts(word, heard):
                self._put(cut, word)
        self.similar = lru_cache(maxsize=32_768)(self._similar)
        self.weight = lru_cache(maxsize=65_536)(self._weight)

    def _put(self, cut: str, word: str) -> None:
        known = self._by_cut.setdefault(cut, word)
        if isinstance(known, list):
            known.append(word)
        elif known != word:
            self._by_cut[cut] = [known, word]

    def _weight(self, word: str) -> float:
        common = math.log(max(1, self.frequencies.get(word, 1))) / math.log(self.names)
        return base_weight(word) * max(_COMMON_SHARE, 1 - common)

    def _similar(self, word: str) -> tuple[tuple[str, float], ...]:
        """The listed words that `word` resembles, each with how much."""
        heard = sound(word)
        near: set[str] = set(self._by_sound.get(heard, ())) if len(heard) >= 2 else set()
        for cut in _cuts(word, heard):
            reached = self._by_cut.get(cut, ())
            near.update((reached,) if isinstance(reached, str) else reached)
        if word in self.frequencies:
            near.add(word)
        # Names that are written without vowels sound like those that have them: any of the list may be such a one.
        alike = ((one, likeness_of_words(word, one, consonants=True)) for one in near)
        return tuple((one, value) for one, value in alike if value >= _LEAST)


def _cuts(word: str, heard: str) -> Iterator[str]:
    """Keys under which words one letter apart meet. Those of sounds begin with a mark of their own."""
    if not word.isalpha() or len(word) > _LONGEST_TO_CUT:
        return
    if len(word) >= _SHORTEST_TO_CUT:
        yield word
        yield from _without_one(word)
    if len(heard) >= _SHORTEST_SOUND_TO_CUT:
        yield f"~{heard}"
        for cut in _without_one(heard):
            yield f"~{cut}"


def _without_one(word: str) -> Iterable[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}
