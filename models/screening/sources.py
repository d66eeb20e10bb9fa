"""Where a list comes from, and how it is published there."""

from enum import StrEnum
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.screening.entries import Purpose

# The fictional list of the embedded stack.
BUNDLED: Final = "bundled"


class Format(StrEnum):
    """How a list is published.

    `ofac-xml`: SDN.XML and CONSOLIDATED.XML. `ofac-csv`: a folder or a zip with SDN.CSV, ALT.CSV and ADD.CSV (and
    SDN_COMMENTS.CSV), or those of the consolidated list. `opensanctions-json`: targets.nested.json and
    entities.ftm.json, one entity a line. `opensanctions-csv`: targets.simple.csv. `aurum-json`: our own, for small
    lists that are kept by hand.
    """

    OFAC_XML = "ofac-xml"
    OFAC_CSV = "ofac-csv"
    OPENSANCTIONS_JSON = "opensanctions-json"
    OPENSANCTIONS_CSV = "opensanctions-csv"
    AURUM_JSON = "aurum-json"


class ListSource(BaseModel):
    """A list by name, and where it is: an https address, a file or folder (`file:///…`), or `bundled`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,39}$")
    format: Format
    location: str
    purpose: Purpose = Purpose.SANCTIONS

    @model_validator(mode="after")
    def _location_is_one(self) -> Self:
        if self.location != BUNDLED and not self.location.startswith(
            ("https://", "file:///", "http://127.0.0.1:", "http://[::1]:")
        ):
            msg = f"the location of the list {self.name} is an https address, a file:/// address or {BUNDLED}"
            raise ValueError(msg)
        return self


FICTIONAL_SOURCES: Final = (ListSource(name="AURUM-DEMO", format=Format.AURUM_JSON, location=BUNDLED),)
NO_REAL_LISTS: Final = "AURUM_SANCTIONS_SOURCES has to name real lists in production; the bundled one is fictional"


def only_real(sources: tuple[ListSource, ...]) -> bool:
    """Whether there are sources, and none of them is the fictional list."""
    return bool(sources) and all(source.location != BUNDLED for source in sources)
