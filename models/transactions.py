"""Transactions as people see them, and the transfer between two accounts of this bank."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from uuid_utils.compat import uuid7

from models.errors import RuleRefused
from models.ledger import Entry, credit, debit

TRANSFER: Final = "transfer"
# What a transfer is filed under when its maker says nothing.
DEFAULT_CATEGORY: Final = "transfer"
# What people are offered to file transactions under. They may write something else.
CATEGORIES: Final = (
    "income", "housing", "groceries", "food", "transport", "travel", "health", "education", "entertainment", "shopping",
    "utilities", "insurance", "taxes", "savings", "investment", "fees", "transfer", "wire_transfer", "other",
)  # fmt: skip


class SameAccount(RuleRefused):
    """Money cannot go from an account to itself."""

    code = "same_account"
    title = "Same account"


class TransactionStatus(StrEnum):
    """Where a transaction stands. What is in the ledger is completed, or reversed by a later entry."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


class Selection(BaseModel):
    """Which transactions of a list are meant; amounts in major units, `words` anywhere in the text. Empty: all."""

    model_config = ConfigDict(frozen=True)

    types: tuple[str, ...] = ()
    statuses: tuple[TransactionStatus, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    least: Decimal | None = None
    greatest: Decimal | None = None
    category: str | None = None
    words: str = ""


class TransferOrder(BaseModel):
    """A transfer as a customer asks for it; `amount` in major units.

    Exactly one of `to_account_id` (an account of their own) and `to_account_number` (of any customer) is set. Without a
    currency it is that of the account that pays.
    """

    model_config = ConfigDict(frozen=True)

    from_account_id: UUID
    to_account_id: UUID | None = None
    to_account_number: str | None = None
    amount: Decimal
    currency: str | None = None
    description: str = ""
    category: str | None = None


class TransferFee(BaseModel):
    """What the payer pays for a transfer (above zero, minor units), to the bank's account `income`."""

    model_config = ConfigDict(frozen=True)

    minor: int
    income: UUID


class TransferQuote(BaseModel):
    """What a transfer would cost, in minor units; `covered`: whether the account has amount and fee now."""

    model_config = ConfigDict(frozen=True)

    currency: str
    amount_minor: int
    fee_minor: int
    own: bool
    covered: bool


def masked(number: str) -> str:
    """As much of an account number as the other side of a transaction is shown: its last four characters."""
    return f"…{number[-4:]}"


def transfer_entry(
    order: TransferOrder,
    customer: UUID,
    *,
    target: UUID,
    amount_minor: int,
    currency: str,
    numbers: tuple[str, str],
    fee: TransferFee | None = None,
) -> Entry:
    """The entry of a transfer. `numbers` are those of the paying and of the receiving account.

    | account   | debit  | credit |
    |-----------|--------|--------|
    | paying    | amount |        |
    | receiving |        | amount |
    | paying    | fee    |        |
    | fees      |        | fee    |

    The fee has legs of its own, so that a statement tells what was paid to whom, and what it cost.
    """
    paying, receiving = numbers
    charged = (debit(order.from_account_id, fee.minor), credit(fee.income, fee.minor)) if fee else ()
    entry_id = uuid7()
    return Entry(
        id=entry_id,
        # The request's own idempotency key is kept with its answer; an entry of its own is what each request makes.
        key=f"{TRANSFER}/{entry_id}",
        kind=TRANSFER,
        currency=currency,
        amount_minor=amount_minor,
        legs=(debit(order.from_account_id, amount_minor), credit(target, amount_minor), *charged),
        from_account_id=order.from_account_id,
        to_account_id=target,
        fee_minor=fee.minor if fee else 0,
        description=order.description,
        category=order.category or DEFAULT_CATEGORY,
        metadata={"from_account_number": masked(paying), "to_account_number": masked(receiving)},
        on_behalf_of=customer,
    )
