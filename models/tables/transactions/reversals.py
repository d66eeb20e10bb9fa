"""Taking back what was booked wrongly, by another entry with the opposite legs. What stands in the books stays."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.errors import WrongState
from models.ledger import Entry, Leg
from models.tables import ledger
from models.tables.audit import AuditEntry, append
from models.tables.transactions.lists import legs_of
from models.tables.transactions.rows import Transaction, find
from models.transactions import TRANSFER

REVERSAL: Final = "reversal"
# A wire that has left comes back by the other bank's answer, and opening funds and reversals are not taken back.
REVERSIBLE: Final = frozenset({TRANSFER})


async def reverse(session: AsyncSession, transaction_id: UUID, *, reason: str, operator: str) -> Transaction:
    """The entry that reverses a transaction, made now or before: it is made once, whoever asks and however often.

    It has the opposite legs, so whoever was paid pays it back, frozen or not; the room that the transaction took up
    under its customer's limits is free again. `operator` is whose act it is, for the audit log. For roles that act for
    the bank. Raises `NotFound`, `WrongState` (not of a kind that is reversed), `InsufficientFunds` (the money is gone),
    `AccountUnusable` (an account is closed) or `LedgerFrozen`.
    """
    original = await find(session, transaction_id)
    if original.transaction_type not in REVERSIBLE:
        raise WrongState(f"A transaction of the type {original.transaction_type} is not reversed by an entry")
    key = f"{REVERSAL}/{original.id}"
    legs = await legs_of(session, original.id)
    # All of it follows from the original alone, so that two who reverse at once make one entry.
    entry = Entry(
        key=key,
        kind=REVERSAL,
        currency=original.currency,
        amount_minor=original.amount_minor,
        legs=tuple(Leg(account_id=leg["account_id"], amount_minor=-leg["amount_minor"]) for leg in legs),
        from_account_id=original.to_account_id,
        to_account_id=original.from_account_id,
        description=f"Reversal of {original.reference_number}",
        category=original.category,
        reversal_of=original.id,
    )
    posted = await ledger.post_one(session, entry)
    if not posted.replayed:
        await session.execute(text("DELETE FROM limit_uses WHERE transaction_id = :id"), {"id": original.id})
        await append(session, _line(posted.transaction_id, original.id, reason, operator))
    return await find(session, posted.transaction_id)


def _line(reversal: UUID, original: UUID, reason: str, operator: str) -> AuditEntry:
    return AuditEntry(
        user_id=None,
        actor_role="system",
        action="transactions.reverse",
        resource_type="transaction",
        resource_id=str(reversal),
        new_values={"reversal_of": str(original), "reason": reason, "operator": operator},
        outcome=Outcome.DONE,
    )
