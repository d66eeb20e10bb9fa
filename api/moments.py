"""Moments at the door: with their offset from UTC, and within what a calendar and the database can reckon with."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)


def _within_reason(moment: datetime) -> datetime:
    # Compared as it was written: turned into UTC, the first and the last days of the calendar overflow.
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("a moment of this bank lies between 1970 and 9000")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_within_reason)]
