"""Bars of one length from bars of another, and prices from before a split in today's shares."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from models.market import Bar, ChartRefused, Interval, Range, cents

# What each range is told in if nobody says otherwise, and what else it may be told in.
INTERVALS: Final[dict[Range, tuple[Interval, ...]]] = {
    Range.DAY: (Interval.FIVE_MINUTES, Interval.MINUTE, Interval.QUARTER, Interval.HALF_HOUR, Interval.HOUR),
    Range.WEEK: (Interval.HALF_HOUR, Interval.FIVE_MINUTES, Interval.QUARTER, Interval.HOUR, Interval.DAY),
    Range.MONTH: (Interval.DAY,),
    Range.HALF_YEAR: (Interval.DAY, Interval.WEEK),
    Range.YEAR: (Interval.DAY, Interval.WEEK, Interval.MONTH),
    Range.FIVE_YEARS: (Interval.WEEK, Interval.DAY, Interval.MONTH),
    Range.ALL: (Interval.MONTH, Interval.WEEK, Interval.DAY),
}
# Days on the calendar; the shortest ranges are counted in sessions.
_DAYS: Final = {Range.MONTH: 31, Range.HALF_YEAR: 183, Range.YEAR: 366, Range.FIVE_YEARS: 5 * 366}
SESSIONS: Final = {Range.DAY: 1, Range.WEEK: 5}


def interval_of(wanted: Range, interval: Interval | None) -> Interval:
    """The interval of a chart. Raises `ChartRefused` for one that the range is not told in."""
    known = INTERVALS[wanted]
    if interval is None:
        return known[0]
    if interval not in known:
        raise ChartRefused(f"A chart of {wanted} has an interval of {', '.join(sorted(known))}", intervals=list(known))
    return interval


def first_day(wanted: Range, today: date) -> date:
    """The first day of a range in days on the calendar, of those that end `today`."""
    days = _DAYS.get(wanted)
    return date.min if days is None else today - timedelta(days=days)


def adjusted(bars: Sequence[Bar]) -> list[Bar]:
    """`bars`, oldest first, with everything before a split in the shares after it: prices divided, volumes multiplied.

    Dividends paid before it are per share too. The bar of the split itself is in new shares already.
    """
    factor, after = Decimal(1), []
    for bar in reversed(bars):
        after.append(bar if factor == 1 else _in_new_shares(bar, factor))
        if bar.split:
            factor *= bar.split
    return after[::-1]


def _in_new_shares(bar: Bar, factor: Decimal) -> Bar:
    prices = {name: cents(getattr(bar, name) / factor) for name in ("open", "high", "low", "close")}
    paid = None if bar.dividend is None else (bar.dividend / factor).quantize(Decimal("0.0001"))
    return bar.model_copy(update={**prices, "volume": int(bar.volume * factor), "dividend": paid})


def joined(bars: Iterable[Bar], interval: Interval) -> list[Bar]:
    """Daily bars, oldest first, put together to weeks (from Monday) or months; days stay what they are."""
    if interval not in {Interval.WEEK, Interval.MONTH}:
        return list(bars)

    def period(bar: Bar) -> Any:
        day = bar.at.date()
        return day.isocalendar()[:2] if interval is Interval.WEEK else (day.year, day.month)

    return [one_of(list(group)) for _, group in groupby(bars, period)]


def one_of(parts: Sequence[Bar]) -> Bar:
    """One bar for the time of all `parts`, oldest first."""
    dividends = [part.dividend for part in parts if part.dividend]
    split = Decimal(1)
    for part in parts:
        split *= part.split or 1
    return Bar(
        at=parts[0].at,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=sum(part.volume for part in parts),
        dividend=sum(dividends, Decimal(0)) if dividends else None,
        split=None if split == 1 else split,
    )
