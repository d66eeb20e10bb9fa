"""A monthly statement as its files: JSON, which is the statement, PDF, CSV and camt.053, which show it."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from infra import typeset
from models.accounts import grouped
from models.money import to_decimal
from models.statements import MonthlyStatement, StatementEntry, StatementForm, as_json, camt053, sheet

ATTACHED: Final = "statement.json"
_KINDS: Final = {
    "transfer": "Transfer",
    "payment": "Payment",
    "payment_return": "Returned payment",
    "wire": "Wire",
    "wire_return": "Returned wire",
    "opening": "Opening funds",
    "reversal": "Reversal",
    "interest": "Interest",
    "fee": "Fee",
}


async def files(statement: MonthlyStatement) -> dict[StatementForm, bytes]:
    """All files of a statement. The same statement gives the same bytes."""
    told = as_json(statement)
    return {
        StatementForm.JSON: told,
        StatementForm.PDF: await typeset.pdf(
            "statement", shown(statement), made_at=statement.ends_at, attached={ATTACHED: told}
        ),
        StatementForm.CSV: await _whole(sheet(statement.frame, _pages(statement))),
        StatementForm.CAMT053: await _whole(
            camt053(statement.frame, _pages(statement), bank_bic=statement.bank_bic, number=statement.version)
        ),
    }


async def _whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def _pages(statement: MonthlyStatement) -> AsyncIterator[Sequence[StatementEntry]]:
    if statement.entries:
        yield statement.entries


def shown(statement: MonthlyStatement) -> dict[str, Any]:
    """What the template is given: everything as it is printed."""
    frame, currency = statement.frame, statement.frame.holder.currency

    def amount(minor: int) -> str:
        # A minus sign as long as a plus, which typesetters have and keyboards have not.
        return f"{to_decimal(minor, currency):,f}".replace("-", "\u2212")

    count = frame.credit_count + frame.debit_count
    return {
        "bank": statement.bank_name,
        "bic": statement.bank_bic,
        "title": f"Account statement {frame.first:%B %Y}",
        "month": f"{frame.first:%B %Y}",
        "span": f"{frame.first:%-d %B %Y} to {frame.last:%-d %B %Y}",
        "version": statement.version,
        "reason": statement.reason,
        "holder": frame.holder.owner,
        "address": statement.address,
        "number": grouped(frame.holder.account_number),
        "account": statement.account_name or f"{statement.account_type.capitalize()} account",
        "currency": currency,
        "opening": amount(frame.opening_minor),
        "closing": amount(frame.closing_minor),
        "credits": amount(frame.credit_minor),
        "debits": amount(frame.debit_minor),
        "credit_count": frame.credit_count,
        "debit_count": frame.debit_count,
        "count": f"{count} {'entry' if count == 1 else 'entries'}",
        "fees": amount(statement.fee_minor),
        "interest": amount(statement.interest_minor),
        "held": amount(statement.held_minor),
        "available": amount(frame.closing_minor - statement.held_minor),
        "opens": f"{frame.first:%-d %b}",
        "closes": f"{frame.last:%-d %b}",
        "lines": _lines(statement, amount),
        **_below(statement, amount),
        **_chart(statement, amount),
    }


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind.replace("_", " ").capitalize())


def _lines(statement: MonthlyStatement, amount: Callable[[int], str]) -> list[list[str]]:
    zone = ZoneInfo(statement.frame.zone)
    return [
        [
            f"{entry.booked_at.astimezone(zone):%-d %b}",
            f"{entry.value_date:%-d %b}",
            _kind(entry.kind),
            entry.description,
            f"TX{entry.transaction_id.hex[-16:].upper()}",
            amount(entry.amount_minor) if entry.amount_minor < 0 else f"+{amount(entry.amount_minor)}",
            amount(entry.balance_minor),
        ]
        for entry in statement.entries
    ]


def _below(statement: MonthlyStatement, amount: Callable[[int], str]) -> dict[str, Any]:
    zone = ZoneInfo(statement.frame.zone)
    return {
        "fee_lines": [
            (
                f"{entry.booked_at.astimezone(zone):%-d %b}",
                entry.description or _kind(entry.kind),
                amount(entry.fee_minor),
            )
            for entry in statement.fees
        ],
        "holds": [
            (
                f"{hold.placed_at.astimezone(zone):%-d %b}",
                _kind(hold.owner_kind),
                amount(hold.amount_minor),
            )
            for hold in statement.holds
        ],
    }


def _chart(statement: MonthlyStatement, amount: Callable[[int], str]) -> dict[str, Any]:
    """The balance by day as parts of a hundred between the axis' ends, zero among them."""
    days = [minor for _, minor in statement.balances()]
    low, high = min(0, *days), max(0, *days)
    height = (high - low) or 1
    return {
        "points": [round((minor - low) * 100 / height, 2) for minor in days],
        "zero": round(-low * 100 / height, 2),
        "high": amount(high),
        "low": amount(low),
        "chart_alt": f"Balance at the end of each day: at least {amount(min(days))}, at most {amount(max(days))}"
        f" {statement.frame.holder.currency}",
    }
