"""Saved recipients as they are kept. Sealing is the caller's: nothing here knows a key of it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.beneficiaries import (
    BeneficiaryExists,
    NewBeneficiary,
    Standing,
    beneficiary_added,
    fingerprint,
    institution,
)
from models.errors import NotFound
from models.tables.notifications import tell

_MOMENT: Final = DateTime(timezone=True)


class Beneficiary(SQLModel, table=True):
    """A recipient that a customer has saved. It never changes; it is deleted, and added anew."""

    __tablename__ = "beneficiaries"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    name: str
    bank_name: str = ""
    bank_swift: str | None = None
    routing_number: str | None = None
    account_sealed: bytes = Field(sa_type=LargeBinary)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    address: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    country: str
    known_from: datetime = Field(sa_type=_MOMENT)
    created_at: datetime | None = Field(default=None, sa_type=_MOMENT, sa_column_kwargs={"server_default": func.now()})
    deleted_at: datetime | None = Field(default=None, sa_type=_MOMENT)

    def standing_at(self, at: datetime) -> Standing:
        """Whether its cooling time is over at `at`."""
        return Standing.KNOWN if at >= self.known_from else Standing.COOLING


_PAID: Final = text(
    "SELECT recipient_bank_swift, recipient_routing_number FROM wire_transfers"
    " WHERE user_id = :user_id AND recipient_account_number = :account AND status = 'completed'"
)
_SAVED: Final = text(
    "SELECT known_from FROM beneficiaries"
    " WHERE user_id = :user_id AND fingerprint = :fingerprint AND deleted_at IS NULL"
)


async def standing(
    session: AsyncSession,
    user_id: UUID,
    recipient_account_number: str,
    bic_or_aba: str,
    *,
    key: bytes,
    at: datetime | None = None,
) -> Standing:
    """What a recipient is to that customer, `at` that moment or now. `key` is that of the fingerprints.

    A completed wire to the same account at the same bank makes a recipient known for good: an officer has looked at it
    when it was new. One that came back does not, and a saved recipient that was deleted does not either.
    """
    paid = await session.execute(_PAID, {"user_id": user_id, "account": recipient_account_number})
    banks = {institution(row.recipient_bank_swift or row.recipient_routing_number or "") for row in paid}
    if institution(bic_or_aba) in banks:
        return Standing.KNOWN
    mark = fingerprint(key, user_id, recipient_account_number, bic_or_aba)
    known_from = (await session.execute(_SAVED, {"user_id": user_id, "fingerprint": mark})).scalar_one_or_none()
    if known_from is None:
        return Standing.NEW
    return Standing.KNOWN if (at or datetime.now(UTC)) >= known_from else Standing.COOLING


async def save(
    session: AsyncSession,
    user_id: UUID,
    recipient: NewBeneficiary,
    *,
    beneficiary_id: UUID,
    sealed: bytes,
    key: bytes,
    cooling: timedelta,
    at: datetime,
) -> Beneficiary:
    """Saves a recipient under `beneficiary_id`, for which its account number is `sealed`, and writes to its customer.

    Raises `BeneficiaryExists`, whichever of two at once comes second.
    """
    mark = fingerprint(key, user_id, recipient.account_number, recipient.bank)
    known_from = at + cooling
    added = await session.execute(
        insert(Beneficiary)
        .values(
            **recipient.model_dump(exclude={"account_number"}, mode="json"),
            id=beneficiary_id,
            user_id=user_id,
            account_sealed=sealed,
            fingerprint=mark,
            known_from=known_from,
        )
        .on_conflict_do_nothing(
            index_elements=["user_id", "fingerprint"], index_where=col(Beneficiary.deleted_at).is_(None)
        )
        .returning(Beneficiary)
    )
    beneficiary = added.scalar_one_or_none()
    if beneficiary is None:
        found = select(Beneficiary.id).where(Beneficiary.fingerprint == mark, col(Beneficiary.deleted_at).is_(None))
        present = (await session.execute(found)).scalar_one_or_none()
        raise BeneficiaryExists("You have saved this account at this bank already", beneficiary_id=present)
    letter = beneficiary_added(recipient.name, recipient.account_number, known_from)
    await tell(
        session,
        user_id=user_id,
        key=f"beneficiary/{beneficiary_id}/added",
        event="beneficiary_added",
        subject=letter.subject,
        body=letter.body,
    )
    return beneficiary


async def find(session: AsyncSession, user_id: UUID, beneficiary_id: UUID) -> Beneficiary:
    """That saved recipient of that customer. Raises `NotFound`: somebody else's, and deleted ones, too."""
    found = await session.execute(
        select(Beneficiary).where(
            Beneficiary.id == beneficiary_id, Beneficiary.user_id == user_id, col(Beneficiary.deleted_at).is_(None)
        )
    )
    beneficiary = found.scalar_one_or_none()
    if beneficiary is None:
        raise NotFound("There is no such saved recipient")
    return beneficiary


async def delete(session: AsyncSession, user_id: UUID, beneficiary_id: UUID) -> None:
    """Takes a saved recipient out of use. The row stays. Raises `NotFound`."""
    gone = await session.execute(
        update(Beneficiary)
        .where(
            col(Beneficiary.id) == beneficiary_id,
            col(Beneficiary.user_id) == user_id,
            col(Beneficiary.deleted_at).is_(None),
        )
        .values(deleted_at=func.now())
        .returning(col(Beneficiary.id))
    )
    if gone.scalar_one_or_none() is None:
        raise NotFound("There is no such saved recipient")
