"""Countries and regions under a programme of embargo, as data: what they are called, and what follows.

A comprehensive programme concerns a place, whoever is named. The place is a country (by its code) or a region within
one that has no code of its own (by its names, found in addresses and texts).
"""

from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from models.screening.entries import Hit, Subject, Verdict
from models.screening.names import read

COUNTRY_LIST: Final = "COUNTRIES"


class Effect(StrEnum):
    """`block`: stopped as a sure hit is. `review`: for a person to look at."""

    BLOCK = "block"
    REVIEW = "review"


class CountryRule(BaseModel):
    """A place under a programme. Without `regions` it is the whole country."""

    model_config = ConfigDict(frozen=True)

    country: str = Field(pattern=r"^[A-Z]{2}$")
    program: str = Field(min_length=1, max_length=60)
    effect: Effect = Effect.REVIEW
    regions: tuple[str, ...] = ()
    # What the country is called in addresses and texts.
    names: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it concerns the whole country."""
        return not self.regions

    @property
    def places(self) -> tuple[str, ...]:
        """The names by which it is found in a text, as texts are compared."""
        return tuple(" ".join(read(name).words) for name in (*self.regions, *self.names))

    def hit(self, subject: Subject) -> Hit:
        """What is found where a subject names the place."""
        sure = self.effect is Effect.BLOCK and self.whole and subject.text.upper() == self.country
        return Hit(
            entry_id=f"{self.country}/{self.program}",
            list_version=self.program,
            field=subject.field,
            matched=self.country if self.whole else ", ".join(self.regions),
            score=1.0 if sure else 0.9,
            verdict=Verdict.EXACT if sure else Verdict.FUZZY,
            list=COUNTRY_LIST,
            algorithm="country",
            subject_hash=subject.hash,
        )
