"""Statements of an account out of the journal."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import NotFound, RuleRefused
from models.statements import ENTRIES_AT_ONCE, AccountHolder, Statement, StatementEntry

_HOLDER: Final = text(
    "SELECT a.id AS account_id, a.account_number, a.currency, a.floor_minor IS NULL AS unchecked,"
    " coalesce(u.first_name || ' ' || u.last_name, '') AS owner"
    " FROM accounts a LEFT JOIN users u ON u.id = a.user_id WHERE a.id = :account"
)
# The last posting before a moment. Versions are given under the account's lock and times when a transaction begins, so
# the newest version is looked for, not the latest time.
_BOUND: Final = text(
    "SELECT account_version, balance_after_minor FROM postings WHERE account_id = :account AND created_at < :moment"
    " AND account_version IS NOT NULL ORDER BY account_version DESC LIMIT 1"
)
_SUMS: Final = text(
    "SELECT count(*) FILTER (WHERE amount_minor > 0) AS credit_count,"
    " coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint AS credit_minor,"
    " count(*) FILTER (WHERE amount_minor < 0) AS debit_count,"
    " coalesce(sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS debit_minor"
    " FROM postings WHERE account_id = :account AND account_version > :after AND account_version <= :last"
)
# A header may be hidden from who sees the posting: a fee of somebody else's payment, for instance.
_ENTRIES: Final = text(
    "SELECT p.account_version AS version, p.transaction_id, p.leg, p.created_at AS booked_at,"
    " coalesce(t.value_date, p.created_at::date) AS value_date, p.amount_minor, p.balance_after_minor AS balance_minor,"
    " coalesce(t.transaction_type, 'entry') AS kind, coalesce(t.description, '') AS description"
    " FROM postings p LEFT JOIN transactions t ON t.id = p.transaction_id"
    " WHERE p.account_id = :account AND p.account_version > :after AND p.account_version <= :last"
    " ORDER BY p.account_version LIMIT :limit"
)


async def statement(session: AsyncSession, account_id: UUID, first: date, last: date) -> Statement:
    """The frame of the statement of an account for the days `first` to `last`, in UTC.

    Raises `NotFound` for an account that is not visible, and `RuleRefused` for one of the bank's own that keeps no
    balance after each entry.
    """
    found = (await session.execute(_HOLDER, {"account": account_id})).mappings().one_or_none()
    if found is None:
        raise NotFound("There is no such account")
    if found["unchecked"]:
        raise RuleRefused("The bank's own accounts have no statements")
    after_version, opening_minor = await _bound(session, account_id, first)
    last_version, closing_minor = await _bound(session, account_id, last + timedelta(days=1))
    span = {"account": account_id, "after": after_version, "last": last_version}
    sums = (await session.execute(_SUMS, span)).mappings().one()
    return Statement(
        holder=AccountHolder.model_validate({**found}),
        first=first,
        last=last,
        made_at=datetime.now(UTC),
        after_version=after_version,
        last_version=last_version,
        opening_minor=opening_minor,
        closing_minor=closing_minor,
        **sums,
    )


async def _bound(session: AsyncSession, account_id: UUID, day: date) -> tuple[int, int]:
    moment = datetime.combine(day, time.min, UTC)
    row = (await session.execute(_BOUND, {"account": account_id, "moment": moment})).one_or_none()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


async def entries(session: AsyncSession, wanted: Statement) -> AsyncIterator[Sequence[StatementEntry]]:
    """The entries of a statement in their order, `ENTRIES_AT_ONCE` at a time."""
    after = wanted.after_version
    while after < wanted.last_version:
        rows = await session.execute(
            _ENTRIES,
            {
                "account": wanted.holder.account_id,
                "after": after,
                "last": wanted.last_version,
                "limit": ENTRIES_AT_ONCE,
            },
        )
        page = [StatementEntry.model_validate(dict(row)) for row in rows.mappings()]
        yield page
        after = page[-1].version
