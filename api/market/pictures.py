"""A chart as an SVG picture that stands by itself: no script, no font and no address of anybody.

Accessible: `role="img"` with a title and a sentence that tells what the line does (WCAG 2.2, 1.1.1); colours that hold
on light and dark grounds and mean nothing by themselves (1.4.1, 1.4.11).
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from models.market import Bar, Range, Series, cents

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 40, 32
_LINES: Final = 4
_EXCHANGE: Final = ZoneInfo("America/New_York")
_STYLE: Final = (
    ".g{fill:#fff}.t{fill:#1f2937}.l{stroke:#6b7280;stroke-opacity:.4}.p{stroke:#1d4ed8;fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){.g{fill:#111827}.t{fill:#e5e7eb}.p{stroke:#93c5fd}}"
    "text{font:12px system-ui,sans-serif}.h{font-weight:600;font-size:14px}"
)


def picture(series: Series, name: str) -> str:
    """The closes of `series` as a line."""
    title = f"{series.symbol}, {name}: {series.range}"
    told = _told(series)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        f' width="{WIDTH}" height="{HEIGHT}" aria-labelledby="title told" lang="en">',
        f'<title id="title">{escape(title)}</title><desc id="told">{escape(told)}</desc><style>{_STYLE}</style>',
        f'<rect class="g" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="t h" x="{_LEFT}" y="22">{escape(title)}</text>',
        f'<text class="t" x="{WIDTH - _RIGHT}" y="22" text-anchor="end">{_origin(series)}</text>',
    ]
    if series.bars:
        parts += _drawn(series.bars, series.range)
    return "".join([*parts, "</svg>\n"])


def _told(series: Series) -> str:
    origin = " The prices are simulated." if series.simulated else ""
    if not series.bars:
        return f"There are no prices in this range.{origin}"
    first, last = series.bars[0], series.bars[-1]
    percent = cents((last.close - first.open) * 100 / first.open)
    high, low = max(bar.high for bar in series.bars), min(bar.low for bar in series.bars)
    return (
        f"From {_when(first.at, series.range)} to {_when(last.at, series.range)} the price went from"
        f" {first.open:f} to {last.close:f} {series.currency}, {percent:+f} per cent;"
        f" the highest was {high:f}, the lowest {low:f}.{origin}"
    )


def _origin(series: Series) -> str:
    words = [series.currency, *(["simulated"] if series.simulated else []), *(["stale"] if series.stale else [])]
    return escape(" · ".join(words))


def _when(at: datetime, wanted: Range) -> str:
    local = at.astimezone(_EXCHANGE)
    return f"{local:%d %b %H:%M}" if wanted in {Range.DAY, Range.WEEK} else f"{local:%d %b %Y}"


def _drawn(bars: Sequence[Bar], wanted: Range) -> list[str]:
    closes = [bar.close for bar in bars]
    low, high = min(closes), max(closes)
    room = (high - low) or Decimal(1)
    wide, tall = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(index: int) -> str:
        return f"{_LEFT + Decimal(wide * index) / max(1, len(bars) - 1):.1f}"

    def y(price: Decimal) -> str:
        return f"{_TOP + tall * (high - price) / room:.1f}"

    parts = []
    for line in range(_LINES + 1):
        price = low + room * line / _LINES
        parts.append(
            f'<line class="l" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(price)}" y2="{y(price)}"/>'
            f'<text class="t" x="{_LEFT - 6}" y="{y(price)}" dy="4" text-anchor="end">{cents(price)}</text>'
        )
    for index, anchor in ((0, "start"), (len(bars) - 1, "end")):
        parts.append(
            f'<text class="t" x="{x(index)}" y="{HEIGHT - 10}" text-anchor="{anchor}">'
            f"{_when(bars[index].at, wanted)}</text>"
        )
    points = " ".join(f"{x(index)},{y(price)}" for index, price in enumerate(closes))
    return [*parts, f'<polyline class="p" points="{points}"/>']
