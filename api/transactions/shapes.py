"""What transactions look like to people."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.amounts import Amount
from api.pages import Page
from models.money import to_decimal
from models.tables.transactions import Moved, Transaction
from models.transactions import TransactionStatus, TransferQuote


class TransactionView(BaseModel):
    """A transaction as people see it. Account numbers in `metadata` are masked, the other side's among them."""

    id: UUID
    reference_number: str = Field(examples=["TXB302099A8057C0FE"])
    transaction_type: str = Field(examples=["transfer"])
    from_account_id: UUID | None
    to_account_id: UUID | None
    amount: Amount
    currency: str = Field(examples=["EUR"])
    exchange_rate: Decimal | None
    fee: Amount
    status: TransactionStatus
    description: str
    category: str | None
    metadata: dict[str, Any]
    value_date: date | None
    reversal_of: UUID | None
    processed_at: datetime | None
    created_at: datetime


class PostingView(BaseModel):
    """One leg: what it put on an account (or took, below zero), and what was on it then."""

    account_id: UUID
    amount: Amount
    currency: str
    balance_after: Amount | None
    posted_at: datetime


class TransactionDetail(TransactionView):
    """A transaction with those of its legs that the reader may see. The other side is a masked account number."""

    counterparty: str | None = Field(examples=["…4300"])
    postings: list[PostingView]


class TransactionPage(Page[TransactionView]):
    """One page of transactions. `total` is exact to 1,000; beyond, `total_is_at_least` says that there are more."""

    total_is_at_least: bool = False


class CategoryView(BaseModel):
    """A category, and how often it is used among the newest transactions."""

    category: str
    used: int


class Categories(BaseModel):
    """The categories that are offered, and those that the reader used."""

    data: list[CategoryView]


class Flow(BaseModel):
    """What came in and went out."""

    money_in: Amount
    money_out: Amount
    count: int


class MonthFlow(Flow):
    """What came in and went out in a calendar month (UTC)."""

    month: date


class CategoryFlow(Flow):
    """What came in and went out under a category, beside what went out under it in the period before."""

    category: str
    previous_out: Amount


class CurrencyAnalytics(BaseModel):
    """The flows of one currency; `change_out` is what more (or less) went out than in the period before."""

    currency: str
    total: Flow
    previous: Flow
    change_out: Amount
    by_month: list[MonthFlow]
    by_category: list[CategoryFlow]
    largest: list[TransactionView]


class Analytics(BaseModel):
    """Spending and income of a period, beside the period of the same length before it. Own transfers are neither."""

    since: datetime
    until: datetime
    previous_since: datetime
    data: list[CurrencyAnalytics]


class TransferEstimate(BaseModel):
    """What a transfer would cost. `covered`: whether the account has the total now."""

    amount: Amount
    fee: Amount
    total: Amount
    currency: str = Field(examples=["EUR"])
    own_accounts: bool = Field(description="Between accounts of your own, where nothing is charged.")
    covered: bool


def estimate(quoted: TransferQuote) -> TransferEstimate:
    """A quote as its customer sees it."""
    return TransferEstimate(
        amount=to_decimal(quoted.amount_minor, quoted.currency),
        fee=to_decimal(quoted.fee_minor, quoted.currency),
        total=to_decimal(quoted.amount_minor + quoted.fee_minor, quoted.currency),
        currency=quoted.currency,
        own_accounts=quoted.own,
        covered=quoted.covered,
    )


def view(transaction: Transaction, *, reversed_since: bool = False, shows_fee: bool = True) -> TransactionView:
    """A transaction as people see it. A reversed one keeps its row; the later entry says that it was."""
    return TransactionView.model_validate(
        transaction.model_dump(include=set(TransactionView.model_fields))
        | {
            "amount": to_decimal(transaction.amount_minor, transaction.currency),
            "fee": to_decimal(transaction.fee_minor if shows_fee else 0, transaction.currency),
            "metadata": transaction.metadata_,
            "status": TransactionStatus.REVERSED if reversed_since else transaction.status,
        }
    )


def detail(shown: TransactionView, legs: Sequence[dict[str, Any]]) -> TransactionDetail:
    """A transaction with its legs."""
    seen = {leg["account_id"] for leg in legs}
    # What has no legs yet is a payment that waits, failed or was cancelled.
    other = "to" if not legs or shown.from_account_id in seen else "from"
    postings = [
        PostingView(
            account_id=leg["account_id"],
            amount=to_decimal(leg["amount_minor"], leg["currency"]),
            currency=leg["currency"],
            balance_after=None
            if leg["balance_after_minor"] is None
            else to_decimal(leg["balance_after_minor"], leg["currency"]),
            posted_at=leg["created_at"],
        )
        for leg in legs
    ]
    return TransactionDetail(
        **shown.model_dump(), counterparty=shown.metadata.get(f"{other}_account_number"), postings=postings
    )


def flow(parts: Sequence[Moved], currency: str) -> dict[str, Any]:
    """The sums of `parts`, the members of a `Flow`."""
    return {
        "money_in": to_decimal(sum(part.in_minor for part in parts), currency),
        "money_out": to_decimal(sum(part.out_minor for part in parts), currency),
        "count": sum(part.times for part in parts),
    }


def analytics_of(currency: str, parts: Sequence[Moved], largest: list[TransactionView]) -> CurrencyAnalytics:
    """The flows of one currency; `parts` are all of that currency."""
    now, before = ([part for part in parts if part.previous is past] for past in (False, True))
    out = [sum(part.out_minor for part in period) for period in (now, before)]
    return CurrencyAnalytics(
        currency=currency,
        total=Flow(**flow(now, currency)),
        previous=Flow(**flow(before, currency)),
        change_out=to_decimal(out[0] - out[1], currency),
        by_month=[
            MonthFlow(month=month, **flow([part for part in now if part.month == month], currency))
            for month in sorted({part.month for part in now})
        ],
        by_category=[
            CategoryFlow(
                category=category,
                previous_out=to_decimal(sum(part.out_minor for part in before if part.category == category), currency),
                **flow([part for part in now if part.category == category], currency),
            )
            for category in sorted({part.category for part in parts})
        ],
        largest=largest,
    )
