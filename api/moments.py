"""Moments and days at the door: moments with their offset from UTC, and within what a calendar and the database can
reckon with."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _within_reason(moment: datetime) -> datetime:
    # Compared as it was written: turned into UTC, the first and the last days of the calendar overflow.
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("a moment of this bank lies between 1970 and 9000")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_within_reason)]


def _day(value: Any) -> Any:
    # Pydantic would also read a number as seconds since 1970, and midnight as a day.
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        return value
    raise ValueError("a day is written 2026-11-30")


Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]
