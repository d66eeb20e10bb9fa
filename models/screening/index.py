"""The lists in memory, to be asked for everything that a wire or a customer names.

An index is made once for a version of the lists and never changes. A question goes in two steps: the words of the
subject lead to the few names that share enough of them, and only those are compared in full.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from models.screening import evidence
from models.screening.countries import CountryRule
from models.screening.entries import (
    Hit,
    Identifier,
    IdentifierKind,
    ListEntry,
    Subject,
    SubjectKind,
    Verdict,
)
from models.screening.matching import ALIKE, NONE_AT_ALL, WEAK_CAP, Likeness, compare
from models.screening.names import Name, neighbours, read, read_once
from models.screening.passages import numbers_in, spoken_of
from models.screening.vocabulary import Vocabulary
from models.screening.words import PARTICLES

# What a hit has to make with all evidence: the least likeness, by its share, in whichever country.
LEAST_SCORE: Final = round(ALIKE * evidence.NAME_SHARE + evidence.WEIGHTS["country_differs"], 4)
# Words of more names than this lead to none by themselves, unless a name has no others.
_TOO_COMMON: Final = 1_500
_MOST_COMPARED: Final = 80
# How much of the shorter name has to be shared before two are compared in full.
_WORTH_COMPARING: Final = 0.68
Places: TypeAlias = "array[int]"
_NOTHING: Final[Places] = array("I")


@dataclass(frozen=True, slots=True)
class _Listed:
    entry: int
    name: Name
    weak: bool


class Index:
    """Entries, ready to be matched. Safe to share between tasks: it is only read."""

    def __init__(
        self,
        entries: Iterable[ListEntry],
        *,
        countries: Iterable[CountryRule] = (),
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """`vocabulary`: whose word weights to use, for an index over a part of the lists."""
        self.entries: list[ListEntry] = list(entries)
        self._names: list[_Listed] = []
        self._numbers: dict[tuple[IdentifierKind, str], list[int]] = defaultdict(list)
        self._countries: dict[str, list[CountryRule]] = defaultdict(list)
        self._by_word: dict[str, Places] = {}
        for rule in countries:
            self._countries[rule.country].append(rule)
        for at, entry in enumerate(self.entries):
            self._add(at, entry)
        frequencies = {word: len(places) for word, places in self._by_word.items()}
        self._near = Vocabulary(frequencies, len(self._names))
        self.vocabulary = vocabulary or self._near
        weight = self.vocabulary.weight
        self._totals = array("f", (sum(weight(word) for word in listed.name.words) for listed in self._names))

    def __len__(self) -> int:
        return len(self.entries)

    def _add(self, at: int, entry: ListEntry) -> None:
        seen: set[tuple[str, ...]] = set()
        for text, weak in [
            (entry.name, False),
            *((alias, False) for alias in entry.aliases),
            *((alias, True) for alias in entry.weak_aliases),
        ]:
            name = read(text)
            if not name.words or name.words in seen:
                continue
            seen.add(name.words)
            place = len(self._names)
            self._names.append(_Listed(at, name, weak))
            joined = {both for i, both in neighbours(name.words) if {name.words[i], name.words[i + 1]} & PARTICLES}
            for word in {*name.words, name.joined, "".join(name.words), *joined}:
                self._by_word.setdefault(word, array("I")).append(place)
        for number in entry.identifiers:
            if len(number.normal) >= 4:
                self._numbers[number.kind, number.normal].append(at)

    def screen(self, subjects: Iterable[Subject]) -> list[Hit]:
        """Every entry that a subject matches, once for each field, with its best name; the strongest first."""
        best: dict[tuple[str, str, str], Hit] = {}
        for subject in subjects:
            for hit in self._ask(subject):
                key = (hit.list, hit.entry_id, hit.field)
                if key not in best or hit.rank > best[key].rank:
                    best[key] = hit
        return sorted(best.values(), key=lambda hit: ([-part for part in hit.rank], hit.list, hit.entry_id, hit.field))

    def _ask(self, subject: Subject) -> Iterable[Hit]:
        match subject.kind:
            case SubjectKind.COUNTRY:
                return [rule.hit(subject) for rule in self._countries.get(subject.text.upper(), ()) if rule.whole]
            case SubjectKind.BIC:
                return self._by_numbers(subject, [Identifier(kind=IdentifierKind.BIC, value=subject.text)])
            case SubjectKind.TEXT:
                return [*self._by_numbers(subject, numbers_in(subject.text)), *self._spoken_of(subject)]
            case SubjectKind.NAME:
                numbers = [*subject.facts.identifiers, *numbers_in(subject.text)]
                return [*self._by_numbers(subject, numbers), *self._by_name(subject)]

    def _by_numbers(self, subject: Subject, numbers: Iterable[Identifier]) -> Iterable[Hit]:
        for number in numbers:
            for at in self._numbers.get((number.kind, number.normal), ()):
                entry = self.entries[at]
                score = evidence.IDENTIFIER_SCORES[number.kind]
                one_holder = number.kind is not IdentifierKind.OTHER
                yield self._hit(
                    subject,
                    entry,
                    matched=number.value,
                    score=score,
                    name_score=0.0,
                    algorithm=f"identifier:{number.kind}",
                    verdict=Verdict.EXACT if one_holder else Verdict.FUZZY,
                )

    def _by_name(self, subject: Subject) -> Iterable[Hit]:
        asked = read_once(subject.text)
        weight = self.vocabulary.weight
        for place in self._candidates(asked.words, asked.joined, _WORTH_COMPARING):
            listed = self._names[place]
            likeness = compare(asked, listed.name, weight)
            entry = self.entries[listed.entry]
            if likeness.score < ALIKE:
                # Perhaps the name stands in a longer one: "c/o …", "heirs of …".
                likeness = max(likeness, self._within(asked, listed, entry), key=lambda one: one.score)
            if likeness.score >= ALIKE and (hit := self._named(subject, listed, entry, likeness)):
                yield hit

    def _spoken_of(self, subject: Subject) -> Iterable[Hit]:
        asked = read_once(subject.text)
        for place in self._candidates(asked.words, "", 0.75, of_listed=True):
            listed = self._names[place]
            entry = self.entries[listed.entry]
            whole = compare(asked, listed.name, self.vocabulary.weight)
            # A text that is nothing but the listed name names it as surely as a party would.
            likeness = whole if whole.same else self._within(asked, listed, entry)
            if likeness.score >= ALIKE and (hit := self._named(subject, listed, entry, likeness)):
                yield hit
        yield from self._places(subject, asked)

    def _within(self, asked: Name, listed: _Listed, entry: ListEntry) -> Likeness:
        if listed.weak:
            return NONE_AT_ALL
        return spoken_of(asked, listed.name, entry.kind, self.vocabulary.weight)

    def _places(self, subject: Subject, asked: Name) -> Iterable[Hit]:
        words = f" {' '.join(asked.words)} "
        for rules in self._countries.values():
            for rule in rules:
                if any(f" {place} " in words for place in rule.places):
                    yield rule.hit(subject)

    def _named(self, subject: Subject, listed: _Listed, entry: ListEntry, likeness: Likeness) -> Hit | None:
        reasons = evidence.weigh(subject.facts, entry.facts, entry.kind)
        name_score = min(likeness.score, WEAK_CAP) if listed.weak else likeness.score
        score = min(1.0, max(0.0, name_score * evidence.NAME_SHARE + sum(one.weight for one in reasons)))
        if score < LEAST_SCORE:
            return None
        sure = likeness.same and not listed.weak and not any(one.feature in evidence.AGAINST_SURE for one in reasons)
        return self._hit(
            subject,
            entry,
            matched=listed.name.text,
            score=score,
            name_score=name_score,
            algorithm=f"weak {likeness.algorithm}" if listed.weak else likeness.algorithm,
            verdict=Verdict.EXACT if sure else Verdict.FUZZY,
            likeness=likeness,
        )

    def _hit(
        self,
        subject: Subject,
        entry: ListEntry,
        *,
        matched: str,
        score: float,
        name_score: float,
        algorithm: str,
        verdict: Verdict,
        likeness: Likeness = NONE_AT_ALL,
    ) -> Hit:
        return Hit(
            entry_id=entry.id,
            list_version=entry.version,
            field=subject.field,
            matched=matched,
            score=round(score, 4),
            verdict=verdict,
            list=entry.list,
            algorithm=algorithm,
            name_score=round(name_score, 4),
            features=likeness.features,
            reasons=evidence.weigh(subject.facts, entry.facts, entry.kind),
            entry_hash=entry.hash,
            subject_hash=subject.hash,
        )

    def _candidates(self, words: Sequence[str], joined: str, least: float, *, of_listed: bool = False) -> list[int]:
        """The names that share enough with `words` to be compared in full; `of_listed`: enough of the listed name."""
        weight = self.vocabulary.weight
        asked = list(dict.fromkeys(words))
        parts = [(word, weight(word)) for word in asked]
        parts += [
            (both, weight(words[i]) + weight(words[i + 1]))
            for i, both in neighbours(words)
            if not of_listed or both in self._by_word
        ]
        total = sum(weight(word) for word in words)
        if joined and len(words) > 1:
            parts.append((joined, total))
        shared: dict[int, float] = defaultdict(float)
        common: list[tuple[Places, float]] = []
        for word, worth in parts:
            reached: dict[int, float] = {}
            for near, alike in self._near.similar(word):
                places = self._by_word.get(near, _NOTHING)
                if len(places) > _TOO_COMMON:
                    common.append((places, alike * worth))
                    continue
                for place in places:
                    if alike > reached.get(place, 0.0):
                        reached[place] = alike
            for place, alike in reached.items():
                shared[place] += alike * worth
        if not shared and common:
            places, share = min(common, key=lambda one: len(one[0]))
            shared.update(dict.fromkeys(places, share))
        self._add_common(shared, common)
        return self._best(shared, total, least, of_listed=of_listed)

    def _add_common(self, shared: dict[int, float], common: Sequence[tuple[Places, float]]) -> None:
        for places, share in common:
            for place in shared.keys() & set(places):
                shared[place] += share

    def _best(self, shared: dict[int, float], total: float, least: float, *, of_listed: bool) -> list[int]:
        totals = self._totals
        worth: Callable[[int], float] = (
            (lambda place: shared[place] / totals[place])
            if of_listed
            else (lambda place: shared[place] / min(total, totals[place]))
        )
        ranked = sorted([(value, place) for place in shared if (value := worth(place)) >= least], reverse=True)
        return [place for _, place in ranked[:_MOST_COMPARED]]


def screen(subjects: Iterable[Subject], entries: Sequence[ListEntry]) -> list[Hit]:
    """Every entry that a subject matches, for a few entries that are in no index. See `Index.screen`."""
    return Index(entries).screen(subjects)
