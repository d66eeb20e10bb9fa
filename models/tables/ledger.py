"""Posting to the ledger and reading it, in the caller's transaction. Nothing here commits.

The database's own functions are the only writers (`ledger_post`, `hold_place`, `hold_release`): no role that the bank
runs as may insert postings or change a balance.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import (
    AccountUnusable,
    AurumError,
    IdempotencyConflict,
    InsufficientFunds,
    LedgerFrozen,
    NotFound,
)
from models.ledger import (
    Balance,
    Breach,
    Entry,
    Hold,
    InternalPurpose,
    Leg,
    Outcome,
    PostedEntry,
    refusal,
    rounds,
)
from models.money import exponent

_POST: Final = text(
    "SELECT entry_ord, transaction_id, outcome"
    " FROM ledger_post(CAST(:batch AS json), CAST(:accounts AS uuid[]), CAST(:places AS integer[]),"
    " CAST(:amounts AS bigint[]))"
)
_BALANCE: Final = text(
    "SELECT account_id, currency, posted_minor, held_minor FROM ledger_balances WHERE account_id = :account"
)
_OFTEN_EMPTY: Final = (
    "from_account_id",
    "to_account_id",
    "fee_minor",
    "description",
    "category",
    "metadata",
    "value_date",
    "reversal_of",
    "captures",
    "on_behalf_of",
)


def encode(entries: Sequence[Entry]) -> dict[str, str]:
    """`entries` as the arguments of `ledger_post`, by the names `batch`, `accounts`, `places`, `amounts`.

    What an entry leaves empty is left out, and the legs stand in array literals, by the place of their account in the
    sorted list: the database spends less time on those than on JSON (decision 0007).
    """
    rows: list[dict[str, Any]] = []
    legs: list[Leg] = []
    for entry in entries:
        row = {
            "id": entry.id,
            "key": entry.key,
            "hash": f"\\x{entry.content_hash().hex()}",
            "kind": entry.kind,
            "amount_minor": entry.amount_minor,
            "currency": entry.currency,
            "legs": len(entry.legs),
        }
        for name in _OFTEN_EMPTY:
            value = getattr(entry, name)
            if value:
                row[name] = value
        rows.append(row)
        legs += entry.legs
    # By number: UUID's own comparison is written in Python, and gives the same order.
    accounts = sorted({leg.account_id for leg in legs}, key=attrgetter("int"))
    places = {account: place for place, account in enumerate(accounts, start=1)}
    return {
        "batch": orjson.dumps(rows).decode(),
        "accounts": _array(accounts),
        "places": _array([places[leg.account_id] for leg in legs]),
        "amounts": _array([leg.amount_minor for leg in legs]),
    }


def _array(values: Sequence[UUID] | Sequence[int]) -> str:
    """`values` as a PostgreSQL array literal, of which JSON differs in the brackets alone."""
    return f"{{{orjson.dumps(values)[1:-1].decode()}}}"


def outcome_of(entry: Entry, transaction_id: UUID | None, outcome: str) -> PostedEntry | AurumError:
    """What a row that `ledger_post` returned says to the one who asked."""
    said = Outcome(outcome)
    if said in (Outcome.POSTED, Outcome.REPLAYED) and transaction_id is not None:
        return PostedEntry(transaction_id=transaction_id, replayed=said is Outcome.REPLAYED)
    return refusal(said, entry)


async def post(session: AsyncSession, entries: Sequence[Entry]) -> list[PostedEntry | AurumError]:
    """Books `entries`; the answer has one result for each, in their order. A refused entry leaves no trace.

    Entries count in their order, except that one whose key or captured hold occurs before in the list is booked after
    all others.
    """
    results: dict[int, PostedEntry | AurumError] = {}
    for positions in rounds(entries):
        batch = [entries[position] for position in positions]
        answer = await session.execute(_POST, encode(batch))
        for ord_, transaction_id, outcome in answer:
            results[positions[ord_ - 1]] = outcome_of(batch[ord_ - 1], transaction_id, outcome)
    return [results[position] for position in range(len(entries))]


async def post_one(session: AsyncSession, entry: Entry) -> PostedEntry:
    """Books `entry` or finds it booked.

    Raises `InsufficientFunds`, `AccountUnusable`, `CurrencyMismatch`, `IdempotencyConflict`, `WrongState` (its hold is
    closed), `NotFound` (an account), `Forbidden` (somebody else's account) or `LedgerFrozen`.
    """
    (result,) = await post(session, [entry])
    if isinstance(result, AurumError):
        raise result
    return result


NOT_COVERED: Final = "The available balance does not cover the amount and its fee"


async def place_hold(
    session: AsyncSession,
    account_id: UUID,
    amount_minor: int,
    owner_kind: str,
    owner_id: UUID,
    on_behalf_of: UUID | None,
) -> UUID:
    """Sets `amount_minor` of the account aside for a process and returns the hold's id. Asked again, the same id.

    Raises `InsufficientFunds`, `AccountUnusable`, `NotFound` (no such account of that customer),
    `LedgerFrozen` or `IdempotencyConflict` (the process holds another amount, or money of another account).
    """
    answer = await session.execute(
        text("SELECT hold_id, outcome FROM hold_place(:account, :amount, :kind, :owner, :on_behalf_of)"),
        {
            "account": account_id,
            "amount": amount_minor,
            "kind": owner_kind,
            "owner": owner_id,
            "on_behalf_of": on_behalf_of,
        },
    )
    hold_id, outcome = answer.one()
    match outcome:
        case "placed" | "replayed":
            return UUID(str(hold_id))
        case "insufficient_funds":
            raise InsufficientFunds(NOT_COVERED)
        case "account_unusable":
            raise AccountUnusable("The account is frozen or closed")
        case "ledger_frozen":
            raise LedgerFrozen("The bank sets no money aside at the moment; your order was not taken")
        case "hold_conflict":
            raise IdempotencyConflict(f"The {owner_kind} {owner_id} holds another amount")
        case _:
            raise NotFound("There is no such account")


async def release_hold(session: AsyncSession, owner_kind: str, owner_id: UUID) -> bool:
    """Gives held money back. True if this call did it, False if the hold was closed before or never was."""
    answer = await session.execute(text("SELECT hold_release(:kind, :owner)"), {"kind": owner_kind, "owner": owner_id})
    return bool(answer.scalar_one())


async def hold_of(session: AsyncSession, owner_kind: str, owner_id: UUID) -> Hold | None:
    """The hold of a process, open or closed."""
    answer = await session.execute(
        text(
            "SELECT id, account_id, amount_minor, owner_kind, owner_id, status FROM holds"
            " WHERE owner_kind = :kind AND owner_id = :owner"
        ),
        {"kind": owner_kind, "owner": owner_id},
    )
    row = answer.mappings().one_or_none()
    return None if row is None else Hold.model_validate(dict(row))


async def internal_account(session: AsyncSession, purpose: InternalPurpose, currency: str) -> UUID:
    """The id of the bank's own account for `purpose` in `currency`, opened on first use.

    Raises `UnknownCurrency`.
    """
    answer = await session.execute(
        text("SELECT ledger_internal_account(:purpose, :currency, CAST(:exponent AS smallint))"),
        {"purpose": purpose, "currency": currency, "exponent": exponent(currency)},
    )
    return UUID(str(answer.scalar_one()))


async def balance(session: AsyncSession, account_id: UUID) -> Balance:
    """What the books say of an account, the bank's own included.

    Raises `NotFound` for one that is not visible.
    """
    answer = await session.execute(_BALANCE, {"account": account_id})
    row = answer.mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such account")
    return Balance.model_validate(dict(row))


async def totals(session: AsyncSession) -> dict[str, int]:
    """The sum of all balances by currency, in minor units.

    Zero each, as long as no money was made or lost.
    """
    answer = await session.execute(
        text(
            "SELECT currency, CAST(sum(posted_minor) AS bigint) AS total FROM ledger_balances"
            " GROUP BY currency ORDER BY currency"
        )
    )
    return {str(currency): int(total) for currency, total in answer}


async def roll_up(session: AsyncSession, lines: int) -> int:
    """Moves at most `lines` of what was booked on the bank's own unchecked accounts into their checkpoints.

    How many it were: fewer than `lines` when none is left, or when somebody else is at it. For the worker's role.
    """
    answer = await session.execute(text("SELECT ledger_roll_up(:lines)"), {"lines": lines})
    return int(answer.scalar_one())


async def proof(session: AsyncSession) -> list[Breach]:
    """Every rule of the ledger that does not hold now; none, as it should be. For the worker's role."""
    answer = await session.execute(text("SELECT rule, subject, expected, found FROM ledger_proof()"))
    return [Breach.model_validate(dict(row)) for row in answer.mappings()]
