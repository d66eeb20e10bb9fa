"""Screening of names against sanctions and other lists: who is meant, how surely, and why.

    index = Index(entries, countries=rules)
    hits = index.screen([Subject("creditor", "Viktor Grimsholm", facts=Facts(countries=("NL",)))])

`names` reads a name, `matching` says how alike two are, `passages` finds names in texts, `evidence` weighs what else is
known, `index` holds the lists in memory. Nothing here has input or output. Nothing is cleared by it either: a finding
is for people, and errors fail closed (reference/banking.md §6.3).
"""

from models.screening.countries import COUNTRY_LIST, CountryRule, Effect
from models.screening.entries import (
    Facts,
    Hit,
    Identifier,
    IdentifierKind,
    Kind,
    ListedEntity,
    ListEntry,
    Purpose,
    Reason,
    Subject,
    SubjectKind,
    Verdict,
)
from models.screening.index import LEAST_SCORE, Index, screen
from models.screening.vocabulary import Vocabulary

__all__ = [
    "COUNTRY_LIST",
    "LEAST_SCORE",
    "CountryRule",
    "Effect",
    "Facts",
    "Hit",
    "Identifier",
    "IdentifierKind",
    "Index",
    "Kind",
    "ListEntry",
    "ListedEntity",
    "Purpose",
    "Reason",
    "Subject",
    "SubjectKind",
    "Verdict",
    "Vocabulary",
    "screen",
]
