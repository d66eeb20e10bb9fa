"""The journal as it is read. The ledger's own function writes it (`models.tables.ledger`)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, DateTime, LargeBinary, Numeric, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.errors import NotFound

MOMENT = DateTime(timezone=True)


class Transaction(SQLModel, table=True):
    """One entry of the journal. Read-only, all of it; the decimal columns are computed by the database."""

    __tablename__ = "transactions"

    id: UUID = Field(primary_key=True)
    reference_number: str = Field(sa_column_args=[Computed("''", persisted=False)])
    transaction_type: str
    from_account_id: UUID | None = None
    to_account_id: UUID | None = None
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str
    exponent: int
    exchange_rate: Decimal | None = Field(default=None, sa_type=Numeric)
    fee_minor: int = Field(default=0, sa_type=BigInteger)
    status: str
    description: str = ""
    category: str | None = None
    metadata_: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs={"name": "metadata"})
    value_date: date
    reversal_of: UUID | None = None
    idempotency_key: str
    content_hash: bytes = Field(sa_type=LargeBinary)
    processed_at: datetime = Field(sa_type=MOMENT)
    created_at: datetime = Field(sa_type=MOMENT)


async def find(session: AsyncSession, transaction_id: UUID) -> Transaction:
    """That transaction. Raises `NotFound`, for one that the transaction's person may not see too."""
    found = await session.execute(select(Transaction).where(col(Transaction.id) == transaction_id))
    transaction = found.scalar_one_or_none()
    if transaction is None:
        raise NotFound("There is no such transaction")
    return transaction
