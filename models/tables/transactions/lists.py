"""Lists of transactions, newest first, at the same cost for an account with a million of them as for a new one.

The postings of an account are numbered (`account_version`), and its unique key gives them newest first. A transfer
between two accounts of one list is in it once, by the leg that pays. The journal has booked entries only, so payments
that wait, failed or were cancelled come from the view `unbooked_payments`, whose rows have the journal's columns, by an
index of their own; once one is settled, its entry has the same id.
"""

from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.errors import Malformed, NotFound
from models.tables.transactions.rows import Transaction
from models.transactions import Selection

# Counted up to here, and "at least" from there on: an exact count of a million rows costs more than any page.
COUNTED: Final = 1000

_LEGS: Final = """
    SELECT p.transaction_id, p.created_at FROM unnest(CAST(:accounts AS uuid[])) a(id)
    CROSS JOIN LATERAL (
        SELECT p.transaction_id, p.created_at FROM postings p JOIN transactions t ON t.id = p.transaction_id
        WHERE p.account_id = a.id AND p.account_version IS NOT NULL {conditions}
            AND (p.amount_minor < 0 OR t.from_account_id IS NULL OR t.from_account_id <> ALL (:accounts))
        ORDER BY p.account_version DESC LIMIT :most) p
"""
_UNBOOKED: Final = """
    SELECT t.id AS transaction_id, t.created_at FROM unnest(CAST(:accounts AS uuid[])) a(id)
    CROSS JOIN LATERAL (
        SELECT t.id, t.created_at FROM unbooked_payments t WHERE t.from_account_id = a.id {conditions}
        ORDER BY t.created_at DESC, t.id DESC LIMIT :most) t
"""
_ALL: Final = """
    SELECT t.id AS transaction_id, t.created_at FROM transactions t WHERE true {conditions}
    ORDER BY t.id DESC LIMIT :most
"""
_ALL_UNBOOKED: Final = """
    SELECT t.id, t.created_at FROM unbooked_payments t WHERE true {conditions} ORDER BY t.id DESC LIMIT :most
"""
_REVERSED: Final = "EXISTS (SELECT FROM transactions r WHERE r.reversal_of = t.id)"


# The words of `transaction_search` (0009_02), in the newest payments that are not booked.
_WAITING: Final = text("""
    WITH asked AS (SELECT websearch_to_tsquery('simple', :wanted) AS words)
    SELECT t.id FROM asked CROSS JOIN LATERAL (
        SELECT * FROM unbooked_payments p WHERE p.from_account_id = ANY (CAST(:accounts AS uuid[]))
        ORDER BY p.created_at DESC LIMIT :most) t
    WHERE numnode(asked.words) > 0
        AND app.transaction_words(t.id, t.transaction_type, t.description, t.category, t.metadata, t.from_account_id,
                                  t.to_account_id)
            @@ CASE WHEN asked.words::text ~ '''$' THEN (asked.words::text || ':*')::tsquery ELSE asked.words END
""")


class Found(BaseModel):
    """A part of a list: the transactions, how many there are in all (`at_least`: or more), whether some come after."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    transactions: list[Transaction]
    total: int
    at_least: bool
    more: bool


async def newest(
    session: AsyncSession,
    accounts: Sequence[UUID] | None,
    chosen: Selection,
    *,
    limit: int,
    offset: int = 0,
    cursor: UUID | None = None,
) -> Found:
    """The transactions of `accounts` (None: all that the session's person sees) that are `chosen`, newest first.

    `cursor` is the transaction after which to go on. Raises `Malformed` if it is not in the list.
    """
    if accounts is not None and not accounts:
        return Found(transactions=[], total=0, at_least=False, more=False)
    values: dict[str, Any] = {"accounts": list(accounts or [])}
    source = _source(chosen, values, by_account=accounts is not None)
    counting = f"SELECT count(*) FROM (SELECT FROM ({source}) s LIMIT :most) c"  # noqa: S608 - ours
    counted = int((await session.execute(text(counting), values | {"most": COUNTED + 1})).scalar_one())
    if cursor is not None:
        await _look_up(session, accounts, cursor, values)
        source = _source(chosen, values, by_account=accounts is not None, after=True)
    order = "created_at DESC, transaction_id DESC" if accounts is not None else "transaction_id DESC"
    part = text(
        f"SELECT s.transaction_id FROM ({source}) s"  # noqa: S608 - our own conditions
        f" ORDER BY {order} LIMIT :limit OFFSET :offset"
    )
    wanted = {"most": offset + limit + 1, "limit": limit + 1, "offset": offset}
    ids = [row.transaction_id for row in await session.execute(part, values | wanted)]
    return Found(
        transactions=await by_ids(session, ids[:limit]),
        total=min(counted, COUNTED),
        at_least=counted > COUNTED,
        more=len(ids) > limit,
    )


async def by_ids(session: AsyncSession, ids: Sequence[UUID]) -> list[Transaction]:
    """Those transactions in that order, booked or not; whether one was reversed since is `reversed_among`'s to say."""
    found = await session.execute(select(Transaction).where(col(Transaction.id).in_(ids)))
    known = {transaction.id: transaction for transaction in found.scalars()}
    missing = [transaction_id for transaction_id in ids if transaction_id not in known]
    if missing:
        unbooked = await session.execute(
            text("SELECT * FROM unbooked_payments WHERE id = ANY (CAST(:ids AS uuid[]))"), {"ids": missing}
        )
        for row in unbooked.mappings():
            facts = dict(row)
            known[row["id"]] = Transaction(
                **facts, metadata_=facts.pop("metadata"), idempotency_key="", content_hash=b""
            )
    return [known[transaction_id] for transaction_id in ids if transaction_id in known]


async def find_any(session: AsyncSession, transaction_id: UUID) -> Transaction:
    """That transaction, booked or not. Raises `NotFound`, for one that the session's person may not see too."""
    found = await by_ids(session, [transaction_id])
    if not found:
        raise NotFound("There is no such transaction")
    return found[0]


async def reversed_among(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    """Which of those transactions a later entry has reversed."""
    found = await session.execute(
        select(col(Transaction.reversal_of)).where(col(Transaction.reversal_of).in_(list(ids)))
    )
    return {reversed_id for reversed_id in found.scalars() if reversed_id is not None}


async def _look_up(
    session: AsyncSession, accounts: Sequence[UUID] | None, cursor: UUID, values: dict[str, Any]
) -> None:
    """Where the list is to go on: the moment of the cursor into `values`."""
    values["cursor"] = cursor
    if accounts is None:
        return
    seen = await session.execute(
        text(
            "(SELECT created_at FROM postings WHERE transaction_id = :cursor AND account_id = ANY (:accounts)"
            " ORDER BY amount_minor LIMIT 1) UNION ALL"
            " SELECT created_at FROM unbooked_payments WHERE id = :cursor AND from_account_id = ANY (:accounts)"
        ),
        values,
    )
    values["cursor_at"] = seen.scalar_one_or_none()
    if values["cursor_at"] is None:
        raise Malformed("The cursor is not of this list")


def _source(chosen: Selection, values: dict[str, Any], *, by_account: bool, after: bool = False) -> str:
    """What is booked and what is not, as SQL of ours; with `after`, what comes after the cursor."""
    booked = _conditions(chosen, values, by_account=by_account)
    unbooked = _conditions(chosen, values, by_account=False, booked=False)
    if after and by_account:
        booked += (
            " AND p.account_version <= app.version_at(a.id, :cursor_at)"
            " AND (p.created_at, p.transaction_id) < (:cursor_at, :cursor)"
        )
        unbooked += " AND (t.created_at, t.id) < (:cursor_at, :cursor)"
    elif after:
        booked += " AND t.id < :cursor"
        unbooked += " AND t.id < :cursor"
    one, other = (_LEGS, _UNBOOKED) if by_account else (_ALL, _ALL_UNBOOKED)
    return f"({one.format(conditions=booked)}) UNION ALL ({other.format(conditions=unbooked)})"


def _conditions(chosen: Selection, values: dict[str, Any], *, by_account: bool, booked: bool = True) -> str:
    """The conditions on `t` (and `p`) as SQL of ours, their values into `values`."""
    parts: list[str] = []

    def also(condition: str, **given: Any) -> None:
        parts.append(f" AND {condition}")
        values.update(given)

    if chosen.types:
        also("t.transaction_type = ANY (:types)", types=list(chosen.types))
    if chosen.statuses:
        status = f"CASE WHEN {_REVERSED} THEN 'reversed' ELSE t.status END" if booked else "t.status"
        also(f"{status} = ANY (:statuses)", statuses=list(chosen.statuses))
    for moment, name, sign in ((chosen.since, "since", ">="), (chosen.until, "until", "<=")):
        if moment is not None and by_account:
            also(f"p.created_at {sign} :{name}", **{name: moment})
            also(f"p.account_version {sign} app.version_at(a.id, :{name})")
        elif moment is not None:
            also(f"t.created_at {sign} :{name}", **{name: moment})
    if chosen.least is not None:
        also("t.amount >= :least", least=chosen.least)
    if chosen.greatest is not None:
        also("t.amount <= :greatest", greatest=chosen.greatest)
    if chosen.category is not None:
        also("t.category = :category", category=chosen.category)
    if chosen.words:
        escaped = chosen.words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        also(
            "(t.description ILIKE :words OR t.category ILIKE :words OR t.reference_number ILIKE :words)",
            words=f"%{escaped}%",
        )
    return "".join(parts)


async def search(session: AsyncSession, accounts: Sequence[UUID], wanted: str, *, limit: int, offset: int = 0) -> Found:
    """The newest transactions of `accounts` in which `wanted` is found: by words, or failing that written alike."""
    rows = await session.execute(
        text("SELECT id FROM transaction_search(:wanted, CAST(:accounts AS uuid[]), :most)"),
        {"wanted": wanted, "accounts": list(accounts), "most": offset + limit + 1},
    )
    also = await session.execute(_WAITING, {"wanted": wanted, "accounts": list(accounts), "most": COUNTED})
    found = {row.id for row in rows} | {row.id for row in also}
    ids = sorted(found, key=attrgetter("int"), reverse=True)
    part = ids[offset : offset + limit]
    more = len(ids) > offset + limit
    return Found(
        transactions=await by_ids(session, part), total=min(len(ids), offset + limit + 1), at_least=more, more=more
    )


async def find_by_words(session: AsyncSession, wanted: str, most: int) -> list[Transaction]:
    """The newest booked transactions of the bank in which the words stand, or the one with that id; for staff."""
    with suppress(ValueError):
        return await by_ids(session, [UUID(wanted)])
    rows = await session.execute(
        text("SELECT id FROM staff_find_transactions(:wanted, :most)"), {"wanted": wanted, "most": most}
    )
    return await by_ids(session, list(rows.scalars()))


async def categories_of(session: AsyncSession, accounts: Sequence[UUID]) -> dict[str, int]:
    """The categories among the newest transactions of each of `accounts`, and how often they are used there."""
    rows = await session.execute(
        text(
            "SELECT t.category, count(DISTINCT t.id) AS times FROM unnest(CAST(:accounts AS uuid[])) a(id)"
            " CROSS JOIN LATERAL (SELECT p.transaction_id FROM postings p WHERE p.account_id = a.id"
            " AND p.account_version IS NOT NULL ORDER BY p.account_version DESC LIMIT :most) p"
            " JOIN transactions t ON t.id = p.transaction_id WHERE t.category IS NOT NULL GROUP BY 1"
        ),
        {"accounts": list(accounts), "most": COUNTED},
    )
    return {row.category: int(row.times) for row in rows}


async def legs_of(session: AsyncSession, transaction_id: UUID) -> list[dict[str, Any]]:
    """The legs of a transaction that the session's person sees: `account_id, amount_minor, balance_after_minor, at`."""
    rows = await session.execute(
        text(
            "SELECT leg, account_id, currency, amount_minor, balance_after_minor, created_at FROM postings"
            " WHERE transaction_id = :id ORDER BY leg"
        ),
        {"id": transaction_id},
    )
    return [dict(row) for row in rows.mappings()]
