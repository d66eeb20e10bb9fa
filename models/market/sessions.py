"""When the exchange is open. Sessions are data (`market_days`); what they mean for a moment is told here.

There is no trading before the opening or after the close: a source that tells of such prices is not asked for them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from models.errors import Unavailable


class CalendarEnds(Unavailable):
    """Nobody has filled the sessions of that time in."""

    code = "market_calendar_ends"
    title = "The market's calendar is not filled"


class SessionKind(StrEnum):
    """`regular`: trading. `closed`: none."""

    REGULAR = "regular"
    CLOSED = "closed"


class Session(BaseModel):
    """One trading day: open from `opens_at` until before `closes_at`. `early`: it closes before the usual hour."""

    model_config = ConfigDict(frozen=True)

    day: date
    opens_at: datetime
    closes_at: datetime
    early: bool = False

    @property
    def minutes(self) -> int:
        """How long it is."""
        return int((self.closes_at - self.opens_at).total_seconds()) // 60


class MarketStatus(BaseModel):
    """Where the market is at a moment. `early_close`: of the session that runs, or else of the next one."""

    model_config = ConfigDict(frozen=True)

    is_open: bool
    session: SessionKind
    session_date: date
    next_open: datetime
    next_close: datetime
    early_close: bool


class Sessions:
    """The sessions of the exchange in their order."""

    def __init__(self, days: Sequence[Session]) -> None:
        """`days` in order."""
        self.days = days
        self._openings = [one.opens_at for one in days]

    def begun(self, at: datetime) -> int:
        """How many sessions have begun by then. Raises `CalendarEnds` before the first and after the last."""
        count = bisect_right(self._openings, at)
        if not count or (count == len(self.days) and at >= self.days[-1].closes_at):
            raise CalendarEnds("The sessions of the exchange are not known for that time")
        return count

    def latest(self, at: datetime) -> Session:
        """The session that runs at that moment, or else the last one before. Raises `CalendarEnds`."""
        return self.days[self.begun(at) - 1]

    def is_open(self, at: datetime) -> bool:
        """Whether there is trading at that moment. Raises `CalendarEnds`."""
        return at < self.latest(at).closes_at

    def status(self, at: datetime) -> MarketStatus:
        """Where the market is at that moment. Raises `CalendarEnds`."""
        begun = self.begun(at)
        present, after = self.days[begun - 1], self.days[begun] if begun < len(self.days) else None
        if after is None:
            raise CalendarEnds("The sessions of the exchange are not known beyond this one")
        running = at < present.closes_at
        return MarketStatus(
            is_open=running,
            session=SessionKind.REGULAR if running else SessionKind.CLOSED,
            session_date=present.day if running else after.day,
            next_open=after.opens_at,
            next_close=present.closes_at if running else after.closes_at,
            early_close=present.early if running else after.early,
        )
