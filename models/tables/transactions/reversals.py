"""Taking back what was booked wrongly, by another entry with the opposite legs. What stands in the books stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.errors import AurumError, FourEyes, InsufficientFunds, NotFound, RuleRefused, WrongState
from models.ledger import Entry, Leg
from models.money import written
from models.reversals import WORKFLOW, Reversal, ReversalStatus, needs_second_officer
from models.tables import ledger
from models.tables.audit import AuditEntry, append
from models.tables.notifications import tell
from models.tables.outbox import enqueue
from models.tables.transactions.lists import legs_of, reversed_among
from models.tables.transactions.rows import Transaction, find
from models.transactions import TRANSFER

REVERSAL: Final = "reversal"
# What the database says of somebody who pays or is paid by the transaction (0012_03_reversals.sql).
_OWN_TRANSACTION: Final = "AU141"

_ASK: Final = text(
    "INSERT INTO transaction_reversals (transaction_id, status, reason, asked_by)"
    " VALUES (:id, :status, :reason, :officer)"
    " ON CONFLICT (transaction_id) WHERE status NOT IN ('refused', 'withdrawn') DO NOTHING RETURNING *"
)
_OPEN: Final = text(
    "SELECT * FROM transaction_reversals WHERE transaction_id = :id AND status NOT IN ('refused', 'withdrawn')"
)
_CONFIRM: Final = text(
    "UPDATE transaction_reversals SET status = 'approved', confirmed_by = :officer"
    " WHERE id = :id AND status = 'awaiting_confirmation' RETURNING *"
)
_WITHDRAW: Final = text(
    "UPDATE transaction_reversals SET status = 'withdrawn'"
    " WHERE transaction_id = :id AND status = 'awaiting_confirmation' AND asked_by = :officer RETURNING *"
)
_WAITING: Final = text(
    "SELECT * FROM transaction_reversals WHERE status = 'awaiting_confirmation' ORDER BY id LIMIT :limit OFFSET :offset"
)
_COUNT: Final = text("SELECT count(*) FROM transaction_reversals WHERE status = 'awaiting_confirmation'")
_NEWEST: Final = text("SELECT * FROM transaction_reversals WHERE transaction_id = :id ORDER BY id DESC LIMIT 1")
_LOCKED: Final = text("SELECT * FROM transaction_reversals WHERE id = :id FOR UPDATE")
_END: Final = text(
    "UPDATE transaction_reversals SET status = :status, reversal_id = :entry, refusal_code = :code, refusal = :refusal"
    " WHERE id = :id RETURNING *"
)
# A wire that has left comes back by the other bank's answer, and opening funds and reversals are not taken back.
REVERSIBLE: Final = frozenset({TRANSFER})


class Asked(BaseModel):
    """A reversal after somebody asked for it. `changed`: this call did something."""

    model_config = ConfigDict(frozen=True)

    reversal: Reversal
    changed: bool


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


async def ask(session: AsyncSession, transaction_id: UUID, officer: UUID, reason: str, request_id: str | None) -> Asked:
    """An officer asks to take a transaction back, or confirms what another one asked for.

    The process does it, as soon as enough officers have said so. Asked by both at once it is one reversal, and of a
    large transaction asked by one and confirmed by the other. Raises `NotFound`, `FourEyes` (the transaction is the
    officer's own) and `WrongState` (of a kind that is not reversed, or reversed before).
    """
    original = await find(session, transaction_id)
    if original.transaction_type not in REVERSIBLE:
        raise WrongState(f"A transaction of the type {original.transaction_type} is not reversed by an entry")
    if transaction_id in await reversed_among(session, [transaction_id]):
        raise WrongState("This transaction is reversed")
    large = needs_second_officer(original.amount_minor, original.currency)
    status = ReversalStatus.AWAITING_CONFIRMATION if large else ReversalStatus.APPROVED
    values = {"id": transaction_id, "status": status.value, "reason": reason, "officer": officer}
    with _four_eyes():
        made = await session.execute(_ASK, values)
        row = made.mappings().one_or_none()
        if row is None:
            found = await session.execute(_OPEN, values)
            standing = found.mappings().one_or_none()
            # It may have been refused in this moment.
            present = Reversal.model_validate(dict(standing)) if standing else await newest_of(session, transaction_id)
            if present.status is not ReversalStatus.AWAITING_CONFIRMATION or present.asked_by == officer:
                return Asked(reversal=present, changed=False)
            confirmed = await session.execute(_CONFIRM, {"id": present.id, "officer": officer})
            row = confirmed.mappings().one_or_none()
            if row is None:
                return Asked(reversal=await newest_of(session, transaction_id), changed=False)
    reversal = Reversal.model_validate(dict(row))
    if reversal.status is ReversalStatus.APPROVED:
        await enqueue(
            session,
            workflow=WORKFLOW,
            workflow_id=f"{WORKFLOW}/{reversal.id}",
            argument={"reversal_id": str(reversal.id)},
            summary=original.reference_number,
            request_id=request_id,
        )
    return Asked(reversal=reversal, changed=True)


async def withdraw(session: AsyncSession, transaction_id: UUID, officer: UUID) -> Reversal:
    """Takes back what one has asked for, as long as nobody has confirmed it. Called again it changes nothing.

    Raises `NotFound`, `FourEyes` (somebody else has asked for it) and `WrongState` (it was confirmed or has ended).
    """
    moved = await session.execute(_WITHDRAW, {"id": transaction_id, "officer": officer})
    row = moved.mappings().one_or_none()
    if row is not None:
        return Reversal.model_validate(dict(row))
    standing = await newest_of(session, transaction_id)
    if standing.asked_by != officer:
        raise FourEyes("Somebody else has asked for this reversal; they can withdraw it")
    if standing.status is not ReversalStatus.WITHDRAWN:
        raise WrongState(f"This reversal is {standing.status}; only one that nobody has confirmed is withdrawn")
    return standing


async def waiting(session: AsyncSession, *, limit: int, offset: int) -> tuple[list[Reversal], int]:
    """The reversals that wait for a second officer, the longest waiting first, and how many there are."""
    total = (await session.execute(_COUNT)).scalar_one()
    rows = await session.execute(_WAITING, {"limit": limit, "offset": offset})
    return [Reversal.model_validate(dict(row)) for row in rows.mappings()], total


async def newest_of(session: AsyncSession, transaction_id: UUID) -> Reversal:
    """The newest reversal that was asked for of a transaction. Raises `NotFound` if none was."""
    found = await newest_or_none(session, transaction_id)
    if found is None:
        raise NotFound("Nobody has asked to reverse this transaction")
    return found


async def newest_or_none(session: AsyncSession, transaction_id: UUID) -> Reversal | None:
    """The newest reversal that was asked for of a transaction, as far as the session's person sees it."""
    row = (await session.execute(_NEWEST, {"id": transaction_id})).mappings().one_or_none()
    return None if row is None else Reversal.model_validate(dict(row))


async def carry_out(session: AsyncSession, reversal_id: UUID) -> Reversal:
    """Posts a reversal that enough officers approved, or writes down why it is refused. Done once, however often.

    For the worker's role. How many officers are enough is looked at here again, since the row came from elsewhere.
    Raises `LedgerFrozen`: then it is tried again.
    """
    found = await session.execute(_LOCKED, {"id": reversal_id})
    reversal = Reversal.model_validate(dict(found.mappings().one()))
    if reversal.status is not ReversalStatus.APPROVED:
        return reversal
    original = await find(session, reversal.transaction_id)
    changes: dict[str, Any] = {"id": reversal.id, "entry": None, "code": None, "refusal": ""}
    if needs_second_officer(original.amount_minor, original.currency) and reversal.confirmed_by is None:
        changes |= {"status": ReversalStatus.REFUSED.value, "code": FourEyes.code, "refusal": "One officer is too few"}
    else:
        try:
            async with session.begin_nested():
                made = await reverse(session, original.id, reason=reversal.reason, operator=_officers(reversal))
            changes |= {"status": ReversalStatus.DONE.value, "entry": made.id}
            for leg in await legs_of(session, made.id):
                await _tell_owner(session, made, leg)
        except (RuleRefused, WrongState) as error:
            changes |= {"status": ReversalStatus.REFUSED.value, "code": error.code, "refusal": _refusal(error)}
    ended = await session.execute(_END, changes)
    return Reversal.model_validate(dict(ended.mappings().one()))


def _officers(reversal: Reversal) -> str:
    confirmed = f", confirmed by {reversal.confirmed_by}" if reversal.confirmed_by else ""
    return f"asked by {reversal.asked_by}{confirmed}"


def _refusal(error: AurumError) -> str:
    if isinstance(error, InsufficientFunds):
        return "The money is no longer on the account that received it"
    return error.detail


async def _tell_owner(session: AsyncSession, made: Transaction, leg: dict[str, Any]) -> None:
    """Tells the owner of an account that the reversal moved money on; the bank's own have none."""
    owner = await session.execute(text("SELECT user_id FROM accounts WHERE id = :id"), {"id": leg["account_id"]})
    user_id = owner.scalar_one()
    if user_id is None:
        return
    came = leg["amount_minor"] > 0
    amount = written(abs(leg["amount_minor"]), leg["currency"])
    await tell(
        session,
        user_id=user_id,
        key=f"{REVERSAL}/{made.id}/{leg['leg']}",
        event="transactions.reversed",
        subject="A transfer was taken back",
        body=f"{made.description}: {amount} {'are back on' if came else 'were taken from'} your account.",
    )


@contextmanager
def _four_eyes() -> Iterator[None]:
    """The database's refusal of somebody who has a part in the transaction, as ours."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == _OWN_TRANSACTION:
            raise FourEyes("You have a part in this transaction; somebody else takes it back") from None
        raise
