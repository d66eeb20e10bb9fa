"""What speaks for and against a match beside the name: birth, country, gender, numbers, and what kind of thing it is.

The weights follow nomenklatura's logic-v1 (reference/banking.md §6.3), on a scale where the best name alone makes 0.90:
what is left above it is for evidence, so that hits are ranked by it and do not pile up at 1. What is unknown on either
side says nothing.
"""

from typing import Final

from models.screening.entries import Facts, Identifier, IdentifierKind, Kind, Reason

# The likeness of names counts so much; a name alone never says more.
NAME_SHARE: Final = 0.90
WEIGHTS: Final[dict[str, float]] = {
    "birth_date_equal": 0.05,
    "birth_year_equal": 0.025,
    "birth_day_differs": -0.12,
    "birth_year_differs": -0.15,
    "country_shared": 0.02,
    # It orders hits and clears none: whoever evades a list does so from another country.
    "country_differs": -0.01,
    "gender_equal": 0.005,
    "gender_differs": -0.15,
    "identifier_equal": 0.09,
    "identifier_differs": -0.03,
    "kind_differs": -0.08,
}
# A match of numbers is this strong, whatever the names say (nomenklatura: 0.85 to 0.98 by kind).
IDENTIFIER_SCORES: Final[dict[IdentifierKind, float]] = {
    IdentifierKind.BIC: 1.0,
    IdentifierKind.LEI: 0.98,
    IdentifierKind.IMO: 0.98,
    IdentifierKind.PASSPORT: 0.95,
    IdentifierKind.NATIONAL_ID: 0.95,
    IdentifierKind.TAX: 0.95,
    IdentifierKind.REGISTRATION: 0.92,
    IdentifierKind.OTHER: 0.85,
}
# Numbers of these kinds are one for each holder, so that another one is another holder, or an older document.
_ONE_EACH: Final = frozenset({IdentifierKind.LEI, IdentifierKind.TAX, IdentifierKind.NATIONAL_ID})
# These take a match back from "exact": somebody else has the same name.
AGAINST_SURE: Final = frozenset({"birth_day_differs", "birth_year_differs", "gender_differs", "kind_differs"})
# Years that lists give are often wrong by one.
_YEAR_SLACK: Final = 1


def weigh(asked: Facts, listed: Facts, kind: Kind) -> tuple[Reason, ...]:
    """Each thing that is known on both sides, with its weight."""
    return tuple(
        reason
        for reason in (
            _birth(asked.birth_dates, listed.birth_dates),
            _countries(asked.countries, listed.countries),
            _gender(asked.gender, listed.gender),
            _identifiers(asked.identifiers, listed.identifiers),
            _kind(asked, kind),
        )
        if reason is not None
    )


def _reason(feature: str, detail: str) -> Reason:
    return Reason(feature, WEIGHTS[feature], detail)


def _birth(asked: tuple[str, ...], listed: tuple[str, ...]) -> Reason | None:
    pairs = [(one, other) for one in asked for other in listed if one and other]
    if not pairs:
        return None
    if equal := next((one for one, other in pairs if one == other and len(one) == 10), None):
        return _reason("birth_date_equal", equal)
    near = [
        (one, other)
        for one, other in pairs
        if one[:4].isdigit() and other[:4].isdigit() and abs(int(one[:4]) - int(other[:4])) <= _YEAR_SLACK
    ]
    if not near:
        return _reason("birth_year_differs", f"{', '.join(asked)} and {', '.join(listed)}")
    same_year = [(one, other) for one, other in near if one[:4] == other[:4]]
    # Two whole dates of one year that differ are two people, unless day and month are swapped or only one is known.
    if all(len(one) == len(other) == 10 and not _swapped(one, other) for one, other in near):
        return _reason("birth_day_differs", f"{near[0][0]} and {near[0][1]}")
    one, other = (same_year or near)[0]
    return _reason("birth_year_equal", f"{one} and {other}")


def _swapped(one: str, other: str) -> bool:
    return one[:4] == other[:4] and one[5:7] == other[8:10] and one[8:10] == other[5:7]


def _countries(asked: tuple[str, ...], listed: tuple[str, ...]) -> Reason | None:
    if not asked or not listed:
        return None
    shared = {one.upper() for one in asked} & {one.upper() for one in listed}
    if shared:
        return _reason("country_shared", ", ".join(sorted(shared)))
    return _reason("country_differs", f"{', '.join(sorted(asked))} and {', '.join(sorted(listed))}")


def _gender(asked: str | None, listed: str | None) -> Reason | None:
    if not asked or not listed:
        return None
    return _reason("gender_equal" if asked == listed else "gender_differs", f"{asked} and {listed}")


def _identifiers(asked: tuple[Identifier, ...], listed: tuple[Identifier, ...]) -> Reason | None:
    theirs = {(one.kind, one.normal) for one in listed}
    for one in asked:
        if (one.kind, one.normal) in theirs:
            return _reason("identifier_equal", one.kind)
    kinds = {one.kind for one in asked} & {one.kind for one in listed} & _ONE_EACH
    return _reason("identifier_differs", ", ".join(sorted(kinds))) if kinds else None


def _kind(asked: Facts, kind: Kind) -> Reason | None:
    if asked.person is None or asked.person == (kind is Kind.PERSON):
        return None
    return _reason("kind_differs", f"{'a person' if asked.person else 'not a person'} and {kind}")
