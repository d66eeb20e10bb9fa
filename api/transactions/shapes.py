"""What transactions look like to people."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.amounts import Amount
from models.money import to_decimal
from models.tables.transactions import Transaction
from models.transactions import TransactionStatus


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
    value_date: date
    reversal_of: UUID | None
    processed_at: datetime
    created_at: datetime


def view(transaction: Transaction) -> TransactionView:
    """A transaction as people see it."""
    return TransactionView.model_validate(
        transaction.model_dump(include=set(TransactionView.model_fields))
        | {
            "amount": to_decimal(transaction.amount_minor, transaction.currency),
            "fee": to_decimal(transaction.fee_minor, transaction.currency),
            "metadata": transaction.metadata_,
        }
    )
