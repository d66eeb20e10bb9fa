"""Transfers between accounts of this bank: done when they return, in the caller's transaction."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.accounts import AccountStatus
from models.errors import AccountUnusable, CurrencyMismatch
from models.fees import FREE, FeeSchedule, transfer_fee
from models.kyc.policy import Act
from models.ledger import InternalPurpose
from models.limits import limits_of
from models.money import to_minor
from models.tables import ledger
from models.tables.accounts import Account, Recipient, owned_account, owns, recipient_by_number
from models.tables.limits import use_limits
from models.tables.transactions.rows import Transaction, find
from models.tables.users import User, may
from models.transactions import (
    TRANSFER,
    SameAccount,
    TransferFee,
    TransferOrder,
    TransferQuote,
    transfer_entry,
)


@dataclass(frozen=True)
class _Prepared:
    """A transfer that nothing but money and limits stands against."""

    person: User
    source: Account
    target: Recipient
    amount_minor: int
    fee_minor: int
    own: bool


async def quote(session: AsyncSession, customer: UUID, order: TransferOrder, fees: FeeSchedule = FREE) -> TransferQuote:
    """What `order` would cost now. Moves nothing, and raises what `transfer` does but for money and limits."""
    ready = await _prepared(session, customer, order, fees, lock=False)
    available = ready.source.posted_minor - ready.source.held_minor - (ready.source.floor_minor or 0)
    return TransferQuote(
        currency=ready.source.currency,
        amount_minor=ready.amount_minor,
        fee_minor=ready.fee_minor,
        own=ready.own,
        covered=ready.amount_minor + ready.fee_minor <= available,
    )


async def transfer(
    session: AsyncSession, customer: UUID, order: TransferOrder, fees: FeeSchedule = FREE
) -> Transaction:
    """Moves money from an account of `customer` to another account of this bank, and the fee to the bank.

    Raises `KycRequired`, `CustomerFrozen`, `NotFound` (either account), `SameAccount`, `CurrencyMismatch`,
    `InvalidAmount` (more decimals than the currency has), `AccountUnusable`, `InsufficientFunds` (for amount and fee)
    and `LimitExceeded` (by the amount); then nothing is stored. Whoever lacks both money and room is told of the money.

    Locks are taken in one order by everybody: the person who pays, then the accounts by id, in the ledger's function.
    """
    ready = await _prepared(session, customer, order, fees, lock=True)
    currency = ready.source.currency
    fee = None
    if ready.fee_minor:
        income = await ledger.internal_account(session, InternalPurpose.FEES, currency)
        fee = TransferFee(minor=ready.fee_minor, income=income)
    entry = transfer_entry(
        order,
        customer,
        target=ready.target.id,
        amount_minor=ready.amount_minor,
        currency=currency,
        numbers=(ready.source.account_number, ready.target.account_number),
        fee=fee,
    )
    posted = await ledger.post_one(session, entry)
    await use_limits(
        session,
        customer,
        TRANSFER,
        limits_of(ready.person.limits_tier, currency),
        amount_minor=ready.amount_minor,
        currency=currency,
        transaction_id=posted.transaction_id,
    )
    return await find(session, posted.transaction_id)


async def _prepared(
    session: AsyncSession, customer: UUID, order: TransferOrder, fees: FeeSchedule, *, lock: bool
) -> _Prepared:
    person = await may(session, customer, Act.TRANSFER, lock=lock)
    source = await owned_account(session, customer, order.from_account_id)
    currency = order.currency or source.currency
    if currency != source.currency:
        raise CurrencyMismatch(f"The account is held in {source.currency}, the transfer is in {currency}")
    amount_minor = to_minor(order.amount, currency)
    target = await _recipient(session, customer, order)
    _check(source, target)
    own = order.to_account_id is not None or await owns(session, customer, target.id)
    fee_minor = transfer_fee(fees, tier=person.tier, currency=currency, amount_minor=amount_minor, own=own)
    return _Prepared(person, source, target, amount_minor, fee_minor, own)


async def _recipient(session: AsyncSession, customer: UUID, order: TransferOrder) -> Recipient:
    if order.to_account_id is not None:
        own = await owned_account(session, customer, order.to_account_id)
        return Recipient(id=own.id, account_number=own.account_number, currency=own.currency, status=own.status)
    return await recipient_by_number(session, order.to_account_number or "")


def _check(source: Account, target: Recipient) -> None:
    if source.id == target.id:
        raise SameAccount("The account that pays is the one that receives")
    if source.currency != target.currency:
        raise CurrencyMismatch(
            f"The receiving account is held in {target.currency}, the paying one in {source.currency}"
        )
    if source.status != AccountStatus.ACTIVE:
        raise AccountUnusable(f"The account is {source.status}")
    # A frozen account can be paid into (models.accounts).
    if target.status == AccountStatus.CLOSED:
        raise AccountUnusable("The receiving account is closed")
