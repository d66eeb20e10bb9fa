"""What is listed, what is screened, and what was found. Plain values without input or output."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """What an entry is."""

    PERSON = "person"
    ENTITY = "entity"
    VESSEL = "vessel"
    BANK = "bank"
    AIRCRAFT = "aircraft"


class Purpose(StrEnum):
    """What a list is for. A wire is screened against sanctions alone; a customer against both."""

    SANCTIONS = "sanctions"
    PEP = "pep"


class IdentifierKind(StrEnum):
    """Numbers that name one thing in the world, or nearly so."""

    BIC = "bic"
    LEI = "lei"
    IMO = "imo"
    PASSPORT = "passport"
    NATIONAL_ID = "national_id"
    TAX = "tax"
    REGISTRATION = "registration"
    OTHER = "other"


class Identifier(BaseModel):
    """A number of an entry or of a customer, and the country that gave it where that is known (ISO 3166, two
    letters)."""

    model_config = ConfigDict(frozen=True)

    kind: IdentifierKind
    value: str
    country: str | None = None

    @property
    def normal(self) -> str:
        """The number as it is compared: no signs, capitals; of a BIC the institution, of an IMO number its digits."""
        bare = "".join(c for c in self.value.upper() if c.isalnum())
        if self.kind is IdentifierKind.BIC:
            # A bank is listed with all its branches: the first eight characters are the institution (ISO 9362).
            return bare[:8]
        if self.kind is IdentifierKind.IMO:
            return "".join(c for c in bare if c.isdigit())
        return bare


class ListedEntity(BaseModel):
    """One entry as a list publishes it. Two with equal content have equal hashes, whatever order the list has."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1, max_length=200)
    kind: Kind
    name: str = Field(min_length=1, max_length=1000)
    aliases: tuple[str, ...] = ()
    # So common, or so vague, that the publisher itself warns of them (OFAC's "weak a.k.a.").
    weak_aliases: tuple[str, ...] = ()
    # ISO dates, to the precision that is known: 1961-04-09, 1961-04 or 1961.
    birth_dates: tuple[str, ...] = ()
    # ISO 3166, two letters: nationality, citizenship, residence, flag, place of registration.
    countries: tuple[str, ...] = ()
    gender: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    addresses: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    # Other ids that the same entry had or has at its publisher.
    referents: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """What is kept, in an order of its own and without what is empty."""
        told = self.model_dump(mode="json", exclude_defaults=True, exclude={"id"})
        for key, value in told.items():
            if isinstance(value, list):
                told[key] = sorted(value, key=lambda one: json.dumps(one, sort_keys=True))
        return told

    @property
    def hash(self) -> bytes:
        """SHA-256 of the content."""
        canonical = json.dumps(self.content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(f"sanctions-entry/1\n{canonical}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside a name; each may be unknown."""

    birth_dates: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    gender: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    # Whether it is a person; None where nobody knows.
    person: bool | None = None


NOTHING_KNOWN: Final = Facts()


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry as it is matched."""

    id: str
    version: str
    name: str
    aliases: tuple[str, ...] = ()
    bic: str | None = None
    weak_aliases: tuple[str, ...] = ()
    kind: Kind = Kind.ENTITY
    list: str = ""
    facts: Facts = NOTHING_KNOWN
    programs: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    hash: bytes = b""

    @classmethod
    def of(cls, entity: ListedEntity, *, list_name: str, version: str, hash_: bytes | None = None) -> "ListEntry":
        """The entry of `entity`, as `version` of the list has it."""
        return cls(
            id=entity.id,
            version=version,
            name=entity.name,
            aliases=entity.aliases,
            weak_aliases=entity.weak_aliases,
            kind=entity.kind,
            list=list_name,
            facts=Facts(
                birth_dates=entity.birth_dates,
                countries=entity.countries,
                gender=entity.gender,
                identifiers=entity.identifiers,
                person=entity.kind is Kind.PERSON,
            ),
            programs=entity.programs,
            topics=entity.topics,
            hash=entity.hash if hash_ is None else hash_,
        )

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Its numbers, the BIC among them."""
        bic = (Identifier(kind=IdentifierKind.BIC, value=self.bic),) if self.bic else ()
        return (*bic, *self.facts.identifiers)


class SubjectKind(StrEnum):
    """How a subject is read: as a name, as text that may speak of names, as the number of a bank, as a country."""

    NAME = "name"
    TEXT = "text"
    BIC = "bic"
    COUNTRY = "country"


@dataclass(frozen=True)
class Subject:
    """One thing to be screened: `field` says which part of the order or of the customer it is."""

    field: str
    text: str
    kind: SubjectKind = SubjectKind.NAME
    facts: Facts = NOTHING_KNOWN

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of what is screened: a remembered false positive is void when this is another."""
        told = {
            "field": self.field,
            "text": self.text,
            "birth_dates": sorted(self.facts.birth_dates),
            "countries": sorted(self.facts.countries),
            "gender": self.facts.gender,
            "identifiers": sorted(f"{one.kind}/{one.normal}" for one in self.facts.identifiers),
        }
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(f"screened/1\n{canonical}".encode()).digest()


class Verdict(StrEnum):
    """`exact`: the listed name or number itself, with nothing known against it. `fuzzy`: a person has to look.

    Neither is a confirmation: a name alone never confirms (reference/banking.md §6.3).
    """

    EXACT = "exact"
    FUZZY = "fuzzy"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for or against a match: by which weight, and what was compared."""

    feature: str
    weight: float
    detail: str


@dataclass(frozen=True)
class Hit:
    """An entry that a subject matches, how strongly (0 to 1), and why.

    `name_score` is the likeness of the names alone; `score` is what it is with all that speaks for and against it.
    """

    entry_id: str
    list_version: str
    field: str
    matched: str
    score: float
    verdict: Verdict
    list: str = ""
    algorithm: str = "name"
    name_score: float = 0.0
    features: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    entry_hash: bytes = b""
    subject_hash: bytes = b""

    @property
    def parts(self) -> dict[str, Any]:
        """The parts of the score for whoever looks into it, as plain values."""
        return {
            "algorithm": self.algorithm,
            "name_score": self.name_score,
            "features": dict(self.features),
            "evidence": [{"feature": one.feature, "weight": one.weight, "detail": one.detail} for one in self.reasons],
        }

    @property
    def rank(self) -> tuple[float, float, float, int]:
        """The order of hits: by score, then by likeness, then by evidence and by how many things were compared."""
        return (self.score, self.name_score, sum(one.weight for one in self.reasons), len(self.reasons))
