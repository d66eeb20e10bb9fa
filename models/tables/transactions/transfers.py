"""Transfers between accounts of this bank: done when they return, in the caller's transaction."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.accounts import AccountStatus
from models.errors import AccountUnusable, CurrencyMismatch
from models.kyc.policy import Act
from models.limits import limits_of
from models.money import to_minor
from models.tables import ledger
from models.tables.accounts import Account, Recipient, owned_account, recipient_by_number
from models.tables.limits import use_limits
from models.tables.transactions.rows import Transaction, find
from models.tables.users import may
from models.transactions import TRANSFER, SameAccount, TransferOrder, transfer_entry


async def transfer(session: AsyncSession, customer: UUID, order: TransferOrder) -> Transaction:
    """Moves money from an account of `customer` to another account of this bank.

    Raises `KycRequired`, `CustomerFrozen`, `NotFound` (either account), `SameAccount`, `CurrencyMismatch`,
    `InvalidAmount` (more decimals than the currency has), `AccountUnusable`, `InsufficientFunds` and
    `LimitExceeded`; then nothing is stored. Whoever lacks both money and room is told of the money.

    Locks are taken in one order by everybody: the person who pays, then the accounts by id, in the ledger's function.
    """
    person = await may(session, customer, Act.TRANSFER, lock=True)
    source = await owned_account(session, customer, order.from_account_id)
    currency = order.currency or source.currency
    if currency != source.currency:
        raise CurrencyMismatch(f"The account is held in {source.currency}, the transfer is in {currency}")
    amount_minor = to_minor(order.amount, currency)
    target = await _recipient(session, customer, order)
    _check(source, target)
    entry = transfer_entry(
        order,
        customer,
        target=target.id,
        amount_minor=amount_minor,
        currency=currency,
        numbers=(source.account_number, target.account_number),
    )
    posted = await ledger.post_one(session, entry)
    await use_limits(
        session,
        customer,
        TRANSFER,
        limits_of(person.limits_tier, currency),
        amount_minor=amount_minor,
        currency=currency,
        transaction_id=posted.transaction_id,
    )
    return await find(session, posted.transaction_id)


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
