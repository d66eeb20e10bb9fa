"""A list as it is kept: where it stands, what an import has done, and when it is too old to release money by."""

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from models.errors import RuleRefused, Unavailable
from models.screening.entries import ListedEntity, Purpose

# A list that loses more than this share of its entries at once is taken only when an operator says so.
SUSPICIOUS_DROP: Final = 0.20
# A file of which more than this share cannot be read is not that list.
MOST_MALFORMED: Final = 0.05
# How many unreadable records are named.
NAMED_PROBLEMS: Final = 20
# How often a release that waits for fresh lists looks again, in seconds.
STALE_RETRY_SECONDS: Final = 60


class ListRefused(RuleRefused):
    """A file that is not, or not the whole of, the list that it should be. The version before stays."""

    code = "list_refused"
    title = "List refused"


class ListsStale(Unavailable):
    """A list was last confirmed too long ago; nothing is released until it has been."""

    code = "lists_stale"
    title = "Sanctions lists are too old"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after=STALE_RETRY_SECONDS)


class Problem(BaseModel):
    """A record that could not be read: which, and why."""

    model_config = ConfigDict(frozen=True)

    record: str
    reason: str


class Imported(BaseModel):
    """What an import has done. `version` is null where the file brought nothing new."""

    model_config = ConfigDict(frozen=True)

    list: str
    version: str | None
    version_id: int | None
    entries: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    malformed: int = 0
    problems: tuple[Problem, ...] = ()

    def told(self) -> str:
        """In a sentence."""
        read = f"{self.entries} entries read, {self.malformed} records malformed"
        if self.version is None:
            return f"{self.list}: nothing has changed. {read}."
        return (
            f"{self.list} is at version {self.version}: {self.added} added, {self.changed} changed,"
            f" {self.removed} removed. {read}."
        )


class Rescreened(BaseModel):
    """What a new version meant for the wires in flight: how many processes were woken to be screened again, and of how
    many wires that had left already compliance was told."""

    model_config = ConfigDict(frozen=True)

    list: str
    version: str
    woken: int
    told: int

    def summary(self) -> str:
        """In a sentence."""
        return f"{self.list}/{self.version}: {self.woken} waiting wires are screened again, {self.told} have left."


class RefreshStep(BaseModel):
    """Which list is refreshed."""

    model_config = ConfigDict(frozen=True)

    list: str


class RefreshFailure(BaseModel):
    """A list that was not refreshed, why, and when that was given up."""

    model_config = ConfigDict(frozen=True)

    list: str
    reason: str
    at: datetime


class ListStatus(BaseModel):
    """Where a list stands. `age` is the time since its source last confirmed what we have."""

    model_config = ConfigDict(frozen=True)

    name: str
    purpose: Purpose
    version: str | None
    version_id: int | None
    loaded_at: datetime | None
    checked_at: datetime | None
    age: timedelta | None
    entries: int
    added: int
    changed: int
    removed: int
    malformed: int
    source: str | None
    failed_at: datetime | None
    failure: str | None

    def stale(self, most: timedelta) -> bool:
        """Whether it is too old to release money by. A list that was never confirmed is; one of no sanctions is not."""
        return self.purpose is Purpose.SANCTIONS and (self.age is None or self.age > most)


class Change(BaseModel):
    """One entry that is not what it was a version before."""

    model_config = ConfigDict(frozen=True)

    change: str
    entity: ListedEntity
    hash: bytes


def entity_of(entry_id: str, content: dict[str, Any]) -> ListedEntity:
    """The entry whose content is kept."""
    return ListedEntity.model_validate({"id": entry_id, **content})
