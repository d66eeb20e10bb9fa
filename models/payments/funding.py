"""When the money of a payment that is due is looked for again: the same day, until the cut-off.

A payment is due when the rail opens on its day. If the money is not there then, or a limit leaves no room for it, it is
looked for again every so often until shortly before the rail closes; after that the payment fails. Its owner is told
both times.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Final

from models.calendars import Hours

# The last look comes so long before the cut-off that what it finds still leaves on the day.
LAST_LOOK: Final = timedelta(minutes=15)


def day_ends(hours: Hours, at: datetime) -> datetime:
    """Until when money is looked for that was missing at `at`: the cut-off, or midnight (UTC) where nothing closes."""
    midnight = datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return hours.cut_off(at) or midnight


def next_look(at: datetime, closing: datetime, every: timedelta) -> datetime | None:
    """The moment of the next look after one at `at`; None: that was the last of the day that ends at `closing`."""
    last = closing - LAST_LOOK
    return min(at + every, last) if at < last else None
