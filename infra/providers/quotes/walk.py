"""The prices of the simulated exchange: the same on every machine and in every process, whenever one asks.

Whole numbers alone, from a hash of the symbol and the day: no state, no generator to be in step with, and no rounding
that differs between machines. A price is in ten-thousandths of a dollar, a rate in millionths (ppm).

Each session has a gap at its opening, a move, a high and a low. Within it the price goes through its opening, its
highest, its lowest and its close, with a swing in between that stays inside, so bars of minutes add up to the day's.
What is dear is split, what is cheap is put together, and half of the companies pay every quarter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from models.market.sessions import Session

SEED: Final = b"aurum-simulated-exchange/1"
TICK: Final = 100  # a cent
_PPM: Final = 1_000_000
# Of the sum of eight numbers below 65,536: its middle, and its standard deviation.
_MIDDLE, _DEVIATION = 262_140, 53_510
_SPLIT_ABOVE: Final = 300 * 10_000
_JOINED_BELOW: Final = 15 * 10_000
# About 6 % a year, and how strongly a price is drawn back to what grows by it.
_GROWTH_PPM: Final = 230
_PULL: Final = 300


@dataclass(frozen=True, slots=True)
class Day:
    """One session of one symbol. Prices in ten-thousandths of a dollar, in the shares of that day.

    `split`: the shares that one (or ten, below 1) became before the opening, as (new, old). `dividend` is per share,
    and the day its ex-date. `high_at` and `low_at` are minutes of the session.
    """

    session: Session
    previous_close: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    high_at: int
    low_at: int
    split: tuple[int, int]
    dividend: int


def _drawn(*about: object) -> bytes:
    return blake2b("/".join(map(str, about)).encode(), key=SEED, digest_size=32).digest()


def _normal(drawn: bytes) -> int:
    """A normal variate in millionths of a standard deviation, of 16 bytes."""
    total = sum(int.from_bytes(drawn[at : at + 2]) for at in range(0, 16, 2))
    return (total - _MIDDLE) * _PPM // _DEVIATION


def _to_tick(price: int) -> int:
    return max(TICK, (price + TICK // 2) // TICK * TICK)


class Walk:
    """The sessions of one symbol, from the first on."""

    def __init__(self, symbol: str) -> None:
        drawn = _drawn(symbol)
        self.symbol = symbol
        self._price = (12 + int.from_bytes(drawn[:2]) % 236) * 10_000
        self._anchor = self._price
        self._volatility = 9_000 + int.from_bytes(drawn[2:4]) % 16_000
        self._shares_a_day = 150_000 + int.from_bytes(drawn[4:7]) % 6_000_000
        # Per cent of the price that is paid in a year, in ppm; 0 for half of them.
        self._yield = 10_000 + int.from_bytes(drawn[7:9]) % 35_000 if drawn[9] % 2 else 0
        self._pays_in = drawn[10] % 3
        self._month = 0
        self._paid = True

    def days(self, sessions: Sequence[Session]) -> list[Day]:
        """The days of `sessions`, which go on where the call before ended, or begin with the first."""
        return [self._day(session) for session in sessions]

    def _day(self, session: Session) -> Day:
        drawn, before = _drawn(self.symbol, session.day), self._price
        split = self._split(session)
        if split != (1, 1):
            before = _to_tick(before * split[1] // split[0])
            self._anchor = self._anchor * split[1] // split[0]
        dividend = self._dividend(session, before)
        gap = _normal(drawn[:16]) * self._volatility // 3 // _PPM
        pull = max(-4_000, min(4_000, (self._anchor - before) * _PPM // before // _PULL))
        move = _normal(drawn[16:]) * self._volatility // _PPM + pull
        shape = _drawn(self.symbol, session.day, "shape")
        opened = _to_tick((before - dividend) * (_PPM + gap) // _PPM)
        closed = _to_tick(opened * (_PPM + max(-300_000, move)) // _PPM)
        wide = self._volatility * int.from_bytes(shape[:2]) // 65_536
        deep = self._volatility * int.from_bytes(shape[2:4]) // 65_536
        first, second = sorted((1 + shape[4] * (session.minutes // 2 - 2) // 255, session.minutes // 2 + shape[5] // 3))
        high_first = closed < opened
        self._anchor += self._anchor * _GROWTH_PPM // _PPM
        self._price = closed
        return Day(
            session=session,
            previous_close=before,
            open=opened,
            high=_to_tick(max(opened, closed) * (_PPM + wide) // _PPM),
            low=_to_tick(min(opened, closed) * (_PPM - deep) // _PPM),
            close=closed,
            volume=self._volume(shape, move, split),
            high_at=first if high_first else second,
            low_at=second if high_first else first,
            split=split,
            dividend=dividend,
        )

    def _split(self, session: Session) -> tuple[int, int]:
        # On the first session of a month, after the close of the one before.
        month, self._month = self._month, session.day.month
        if month in {0, session.day.month}:
            return 1, 1
        self._paid = False
        if self._price > _SPLIT_ABOVE:
            return (4, 1) if self._price > 2 * _SPLIT_ABOVE else (2, 1)
        return (1, 10) if self._price < _JOINED_BELOW else (1, 1)

    def _dividend(self, session: Session, price: int) -> int:
        # On the first session from the tenth on, of one month in a quarter.
        if self._paid or not self._yield or session.day.month % 3 != self._pays_in or session.day.day < 10:
            return 0
        self._paid = True
        return price * self._yield // 4 // _PPM // TICK * TICK

    def _volume(self, shape: bytes, move: int, split: tuple[int, int]) -> int:
        if split != (1, 1):
            self._shares_a_day = self._shares_a_day * split[0] // split[1]
        lively = 600_000 + int.from_bytes(shape[6:8]) * 800_000 // 65_536 + abs(move) * 8
        return self._shares_a_day * lively // _PPM


def price_at(symbol: str, day: Day, second: int) -> int:
    """The price so many seconds into the session; at its end the close."""
    minute, rest = divmod(second, 60)
    if minute >= day.session.minutes:
        return day.close
    from_, to = price_of_minute(symbol, day, minute), price_of_minute(symbol, day, minute + 1)
    return _to_tick(from_ + (to - from_) * rest // 60)


@lru_cache(maxsize=20_000)
def price_of_minute(symbol: str, day: Day, minute: int) -> int:
    """The price at the beginning of a minute of the session."""
    points = sorted(
        {0: day.open, day.high_at: day.high, day.low_at: day.low, day.session.minutes: day.close}.items(),
    )
    after = next(index for index, (at, _) in enumerate(points) if at >= minute)
    if points[after][0] == minute:
        return points[after][1]
    (from_at, from_), (to_at, to) = points[after - 1], points[after]
    straight = from_ + (to - from_) * (minute - from_at) // (to_at - from_at)
    # None at the points themselves, most in the middle between them.
    room = min(minute - from_at, to_at - minute, 20)
    swing = (_wave(symbol, day, minute, 16) * 2 + _wave(symbol, day, minute, 1)) * (day.high - day.low) // _PPM
    return max(day.low, min(day.high, _to_tick(straight + swing * room // 100)))


def _wave(symbol: str, day: Day, minute: int, length: int) -> int:
    """Between -1 and 1 in ppm: a hash of every so many minutes, and straight between."""
    step, rest = divmod(minute, length)
    ends = [
        int.from_bytes(_drawn(symbol, day.session.day, length, at)[:4]) * 2 * _PPM // 2**32 - _PPM
        for at in (step, step + 1)
    ]
    return ends[0] + (ends[1] - ends[0]) * rest // length
