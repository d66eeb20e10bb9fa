"""What a statement says: who, which days, the balance before and after, and the entries between."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import RuleRefused

LONGEST_SPAN: Final = timedelta(days=366)
# How many entries are in memory while a file is written.
ENTRIES_AT_ONCE: Final = 1000


class StatementFormat(StrEnum):
    """The files that a statement comes as."""

    CSV = "csv"
    CAMT053 = "camt.053"


class SpanRefused(RuleRefused):
    """The days end before they begin, are too many, or are not over."""

    code = "span_refused"
    title = "These days cannot be used"


class AccountHolder(BaseModel):
    """Whose account it is, where, and in which currency."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    account_number: str
    currency: str
    owner: str


class Statement(BaseModel):
    """The frame of a statement of the days `first` to `last`, both among them, on the calendar of `zone`.

    The entries are the postings with the account's versions above `after_version` up to `last_version`. Versions have
    no gap and never change, so `opening_minor`, the entries and `closing_minor` agree whatever is booked meanwhile.
    """

    model_config = ConfigDict(frozen=True)

    holder: AccountHolder
    first: date
    last: date
    zone: str = "UTC"
    made_at: datetime
    after_version: int
    last_version: int
    opening_minor: int
    closing_minor: int
    credit_count: int
    credit_minor: int
    debit_count: int
    debit_minor: int


class StatementEntry(BaseModel):
    """One line: credits above zero, debits below. `balance_minor` is what it leaves on the account.

    `fee_minor` is the part of a debit that was a fee of ours.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    transaction_id: UUID
    leg: int
    booked_at: datetime
    value_date: date
    amount_minor: int
    balance_minor: int
    fee_minor: int = 0
    kind: str
    description: str


def check_span(first: date, last: date, today: date) -> None:
    """Raises `SpanRefused` for days that end before they begin, for more than a year, and for days to come."""
    if last < first:
        raise SpanRefused("The last day is before the first")
    if last - first >= LONGEST_SPAN:
        raise SpanRefused(f"A statement has at most {LONGEST_SPAN.days} days")
    if last > today:
        raise SpanRefused(f"A statement has no days to come; today is {today}, in UTC")
