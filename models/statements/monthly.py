"""The statement of an account and a month: what it says, when its month begins and ends, and who gets one.

FINRA 2231 asks for the balances, the positions and the activity of a period, and that the customer is told to report
what is wrong. Here: the opening balance is the closing balance of the month before, and it, every posting and the
closing balance tie to the ledger to the last minor unit, which the database checks again (`app.guard_statement`).
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict

from models.errors import Malformed, Unavailable
from models.money import to_decimal
from models.statements.account import Statement, StatementEntry

# Where the bank is: its months begin and end there, and its statements are made there on the 1st.
ZONE: Final = "Europe/Amsterdam"
_PERIOD: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
# What the ledger books interest as.
INTEREST: Final = "interest"
LAYOUT: Final = "aurum-statement/1"


class StatementUnreadable(Unavailable):
    """The object of a statement is missing or another one. The row stands, and operations have to look."""

    code = "statement_unreadable"
    title = "Statement cannot be read"


class StatementForm(StrEnum):
    """The files of a monthly statement. The JSON is the statement; the others show it."""

    PDF = "pdf"
    JSON = "json"
    CSV = "csv"
    CAMT053 = "camt053"


def read_period(written: str) -> str:
    """`written`, a month as `2026-10`. Raises `Malformed`."""
    if not _PERIOD.fullmatch(written):
        raise Malformed("A month is written as 2026-10")
    return written


def _valid(written: str) -> str:
    try:
        return read_period(written)
    except Malformed as error:
        raise ValueError(error.detail) from None


Period = Annotated[str, AfterValidator(_valid)]


def month_before(moment: datetime) -> str:
    """The month that was over at `moment`, on the bank's calendar."""
    first = moment.astimezone(ZoneInfo(ZONE)).date().replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"


def days_of(period: str) -> tuple[date, date]:
    """The first and the last day of a month."""
    year, month = map(int, read_period(period).split("-"))
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, 1), following - timedelta(days=1)


def moments_of(period: str) -> tuple[datetime, datetime]:
    """When a month begins, and when the next one does: an hour more or less apart where clocks are changed."""
    first, last = days_of(period)
    zone = ZoneInfo(ZONE)
    return datetime.combine(first, time.min, zone), datetime.combine(last + timedelta(days=1), time.min, zone)


class StatementHold(BaseModel):
    """Money that was set aside when the month ended, for an order that was still open then."""

    model_config = ConfigDict(frozen=True)

    owner_kind: str
    owner_id: UUID
    amount_minor: int
    placed_at: datetime


class MonthlyStatement(BaseModel):
    """All that a monthly statement says. The same month of the same account says the same whenever it is made."""

    model_config = ConfigDict(frozen=True)

    frame: Statement
    period: str
    begins_at: datetime
    ends_at: datetime
    version: int = 1
    reason: str = ""
    account_name: str
    account_type: str
    address: tuple[str, ...]
    bank_name: str
    bank_bic: str
    entries: tuple[StatementEntry, ...]
    holds: tuple[StatementHold, ...]

    @property
    def fees(self) -> tuple[StatementEntry, ...]:
        """The entries in which a fee was charged."""
        return tuple(entry for entry in self.entries if entry.fee_minor)

    @property
    def fee_minor(self) -> int:
        """What was charged in fees, as part of the debits."""
        return sum(entry.fee_minor for entry in self.entries)

    @property
    def interest_minor(self) -> int:
        """Interest paid to the customer; below zero where it was charged."""
        return sum(entry.amount_minor for entry in self.entries if entry.kind == INTEREST)

    @property
    def held_minor(self) -> int:
        """What was set aside when the month ended."""
        return sum(hold.amount_minor for hold in self.holds)

    @property
    def worth_sending(self) -> bool:
        """Whether the customer gets one: there was money, a movement, or an order that was open."""
        return bool(self.entries or self.holds or self.frame.opening_minor or self.frame.closing_minor)

    def balances(self) -> list[tuple[date, int]]:
        """What was on the account when each day of the month ended, in minor units."""
        zone, left = ZoneInfo(ZONE), {}
        for entry in self.entries:
            # A posting that was written as the month before ended counts on the first day.
            left[max(self.frame.first, entry.booked_at.astimezone(zone).date())] = entry.balance_minor
        found, balance, day = [], self.frame.opening_minor, self.frame.first
        while day <= self.frame.last:
            balance = left.get(day, balance)
            found.append((day, balance))
            day += timedelta(days=1)
        return found


def as_json(statement: MonthlyStatement) -> bytes:
    """The statement as JSON: amounts are numbers with the currency's decimals. The same statement, the same bytes."""
    frame, currency = statement.frame, statement.frame.holder.currency

    def amount(minor: int) -> orjson.Fragment:
        return orjson.Fragment(f"{to_decimal(minor, currency):f}")

    return orjson.dumps(
        {
            "format": LAYOUT,
            "period": statement.period,
            "version": statement.version,
            "reason": statement.reason,
            "bank": {"name": statement.bank_name, "bic": statement.bank_bic},
            "holder": {"name": frame.holder.owner, "address": statement.address},
            "account": {
                "id": frame.holder.account_id,
                "number": frame.holder.account_number,
                "name": statement.account_name,
                "type": statement.account_type,
                "currency": currency,
            },
            "from": frame.first,
            "to": frame.last,
            "time_zone": frame.zone,
            "begins_at": statement.begins_at,
            "ends_at": statement.ends_at,
            "opening_balance": amount(frame.opening_minor),
            "closing_balance": amount(frame.closing_minor),
            "credits": {"count": frame.credit_count, "total": amount(frame.credit_minor)},
            "debits": {"count": frame.debit_count, "total": amount(frame.debit_minor)},
            "fees": amount(statement.fee_minor),
            "interest": amount(statement.interest_minor),
            "held": amount(statement.held_minor),
            "available_balance": amount(frame.closing_minor - statement.held_minor),
            "entries": [_entry(entry, amount) for entry in statement.entries],
            "holds": [
                {
                    "owner_kind": hold.owner_kind,
                    "owner_id": hold.owner_id,
                    "amount": amount(hold.amount_minor),
                    "placed_at": hold.placed_at,
                }
                for hold in statement.holds
            ],
            "daily_balances": [{"date": day, "balance": amount(minor)} for day, minor in statement.balances()],
        },
        option=orjson.OPT_UTC_Z,
    )


def _entry(entry: StatementEntry, amount: Callable[[int], orjson.Fragment]) -> dict[str, object]:
    return {
        "transaction_id": entry.transaction_id,
        "booked_at": entry.booked_at,
        "value_date": entry.value_date,
        "type": entry.kind,
        "description": entry.description,
        "amount": amount(entry.amount_minor),
        "fee": amount(entry.fee_minor),
        "balance": amount(entry.balance_minor),
    }


def address_lines(address: dict[str, str | None] | None) -> tuple[str, ...]:
    """A customer's address as lines of a letter; none where the bank has none."""
    if not address:
        return ()
    street = " ".join(part for part in (address.get("street"), address.get("building")) if part)
    town = " ".join(part for part in (address.get("postal_code"), address.get("town")) if part)
    return tuple(line for line in (street, town, address.get("country")) if line)
