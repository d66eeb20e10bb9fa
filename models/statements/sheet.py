"""A statement as CSV (RFC 4180) for a spreadsheet: the balance before, the entries, the balance after."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from models.money import to_decimal
from models.statements.account import Statement, StatementEntry

COLUMNS: Final = (
    "booked_on", "value_date", "reference", "type", "description", "amount", "currency", "balance",
)  # fmt: skip
# A spreadsheet takes a text that begins so for a formula, and runs it (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def sheet(statement: Statement, pages: AsyncIterator[Sequence[StatementEntry]]) -> AsyncIterator[bytes]:
    """The file, piece by piece, in UTF-8 with a byte order mark, without which spreadsheets read another encoding.

    `pages` are the statement's entries in order. Amounts have the currency's own decimals and a point.
    """
    holder, zone = statement.holder, ZoneInfo(statement.zone)

    def bound(day: object, name: str, minor: int) -> tuple[object, ...]:
        return day, day, "", name, "", "", holder.currency, f"{to_decimal(minor, holder.currency):f}"

    yield b"\xef\xbb\xbf" + _lines([COLUMNS, bound(statement.first, "opening_balance", statement.opening_minor)])
    async for page in pages:
        yield _lines(_cells(entry, holder.currency, zone) for entry in page)
    yield _lines([bound(statement.last, "closing_balance", statement.closing_minor)])


def _cells(entry: StatementEntry, currency: str, zone: ZoneInfo) -> tuple[object, ...]:
    return (
        entry.booked_at.astimezone(zone).date(),
        entry.value_date,
        entry.transaction_id,
        entry.kind,
        _harmless(entry.description),
        f"{to_decimal(entry.amount_minor, currency):f}",
        currency,
        f"{to_decimal(entry.balance_minor, currency):f}",
    )


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()
