"""When a customer is not to be disturbed, and when their digest is due, by the clock on their wall.

Clocks are moved twice a year. A time that does not exist that night is taken as if the clock had not been moved yet, a
time that exists twice is the first of the two. So every night has one beginning and one end, and every day one digest.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from models.errors import RuleRefused


class UnknownTimeZone(RuleRefused):
    """No time zone of the IANA database has that name."""

    code = "unknown_time_zone"
    title = "Unknown time zone"


class Rhythm(StrEnum):
    """How often a digest is written."""

    DAILY = "daily"
    WEEKLY = "weekly"


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises `UnknownTimeZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownTimeZone("Name a zone of the IANA database, for example Europe/Amsterdam") from None


def _on_the_wall(given: time) -> time:
    if given.tzinfo is not None:
        raise ValueError("the time of a clock on the wall has no zone")
    return given


# JSON Schema's own "time" has a zone (RFC 3339).
_WRITTEN: Final = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"
WallTime = Annotated[
    time, AfterValidator(_on_the_wall), WithJsonSchema({"type": "string", "pattern": _WRITTEN, "examples": ["08:00"]})
]


class QuietHours(BaseModel):
    """From one time of the day until another, of the next day where that is earlier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts: WallTime = Field(examples=["22:00"])
    ends: WallTime = Field(examples=["07:00"])

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.starts == self.ends:
            raise ValueError("quiet hours begin and end at different times")
        return self

    def until(self, at: datetime, where: ZoneInfo) -> datetime | None:
        """When the quiet hours end that `at` lies in; None outside of them."""
        today = at.astimezone(where).date()
        nights = timedelta(days=0 if self.starts < self.ends else 1)
        for day in (today - timedelta(days=1), today):
            ends = moment(day + nights, self.ends, where)
            if moment(day, self.starts, where) <= at < ends:
                return ends
        return None


class DigestRhythm(BaseModel):
    """When a digest is due: every day, or on a day of the week (1 is Monday)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Rhythm = Field(default=Rhythm.DAILY, examples=["daily"])
    at: WallTime = Field(default=time(8), examples=["08:00"])
    weekday: int = Field(default=1, ge=1, le=7, examples=[1])

    def due(self, at: datetime, where: ZoneInfo) -> datetime:
        """The last moment, not after `at`, at which a digest was due."""
        today = at.astimezone(where).date()
        days = (today - timedelta(days=back) for back in range(9))
        return next(
            due
            for day in days
            if (self.every is Rhythm.DAILY or day.isoweekday() == self.weekday)
            and (due := moment(day, self.at, where)) <= at
        )


def moment(day: date, wall: time, where: ZoneInfo) -> datetime:
    """The moment, in UTC, at which clocks there first show that time of that day."""
    return datetime.combine(day, wall.replace(fold=0), where).astimezone(UTC)
