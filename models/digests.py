"""The letter that puts others together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from models.auth import Letter

# A letter that somebody reads. All of them are in the list, too.
MOST_WRITTEN_OUT: Final = 50


@dataclass(frozen=True)
class Told:
    """One of the letters that are put together."""

    subject: str
    body: str
    at: datetime


def letter(collected: Sequence[Told], where: ZoneInfo) -> Letter:
    """One letter of all that was collected, oldest first, with its times on the clock of `where`."""
    count = len(collected)
    parts = [f"{one.subject} ({one.at.astimezone(where):%d %B %Y, %H:%M})\n\n{one.body.strip()}" for one in collected]
    written = "\n\n".join(parts[:MOST_WRITTEN_OUT])
    rest = count - MOST_WRITTEN_OUT
    more = f"\n\nAnd {rest} more, which you find in the list of your notifications." if rest > 0 else ""
    return Letter(
        subject="Your digest: one notification" if count == 1 else f"Your digest: {count} notifications",
        body=f"{written}{more}\n\nYou chose to be told of these together. You can change that in your preferences.\n",
    )
