"""Reconciliation over the rows: what is new is matched, and what does not agree becomes a break, once.

For the worker's role. One run at a time; every part is safe to repeat.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.calendars import Hours, business_days_between
from models.reconciliation import GRACE_DAYS, SETTLING, Pair, Reconciled, Side, match, needs_two_people
from models.tables import reconciliation_findings as findings
from models.tables.bank_statements import collect
from models.tables.notifications import tell_operations

_LOCK: Final = text("SELECT pg_advisory_xact_lock(7203025)")
_UNCHECKED: Final = text(
    "UPDATE bank_statements SET checked_at = :at WHERE checked_at IS NULL RETURNING id, account, currency, day"
)
# How far back a posting may have its value date before the first statement of its account.
_BEFORE_THE_FIRST: Final = timedelta(days=30)
_STATEMENTS: Final = text("""
    SELECT s.id, s.account, s.currency, s.statement_id, s.sequence, s.day, s.opening_minor, s.closing_minor,
           coalesce((SELECT sum(e.amount_minor) FROM bank_statement_entries e
                     WHERE e.statement_id = s.id AND e.booked), 0)::bigint AS net_minor
    FROM bank_statements s WHERE s.account = ANY (:accounts)
    ORDER BY s.account, s.day, s.sequence NULLS FIRST, s.id
""")
_THEIRS: Final = text("""
    SELECT e.id, e.statement_id, e.amount_minor, e.value_on, e.end_to_end_id, e.uetr, e.currency, s.day, s.received_at,
           EXISTS (SELECT FROM bank_statement_entries o JOIN bank_statements os ON os.id = o.statement_id
                   WHERE os.account = s.account AND o.id <> e.id AND o.booked AND o.amount_minor = e.amount_minor
                       AND (o.bank_reference = e.bank_reference AND o.id < e.id
                            OR o.end_to_end_id = e.end_to_end_id AND o.transaction_id IS NOT NULL)) AS again
    FROM bank_statement_entries e JOIN bank_statements s ON s.id = e.statement_id
    WHERE s.account = :account AND e.currency = :currency AND e.booked AND e.transaction_id IS NULL
""")
_OURS: Final = text("""
    SELECT transaction_id, leg, amount_minor, value_on, end_to_end_id, uetr FROM nostro_items
    WHERE account = :account AND NOT matched AND value_on >= :earliest
""")
_SPAN: Final = text("SELECT min(day) AS first, max(day) AS last FROM bank_statements WHERE account = :account")
_MATCHED: Final = text(
    "UPDATE bank_statement_entries SET transaction_id = :transaction_id, leg = :leg, matched_by = :by, matched_at = :at"
    " WHERE id = :entry_id"
)
_TAKEN: Final = text("UPDATE nostro_items SET matched = true WHERE transaction_id = :transaction_id AND leg = :leg")
_FOUND: Final = text(
    "INSERT INTO reconciliation_breaks (id, subject, kind, account, currency, day, theirs_minor, ours_minor, detail,"
    " statement_id, entry_id, transaction_id, two_people, created_at) VALUES (:id, :subject, :kind, :account,"
    " :currency, :day, :theirs_minor, :ours_minor, :detail, :statement_id, :entry_id, :transaction_id, :two_people,"
    " :at)"
    " ON CONFLICT (subject) DO NOTHING RETURNING id"
)
_CLOSE: Final = text(
    "UPDATE reconciliation_breaks SET status = 'closed', ended_at = :at"
    " WHERE status = 'open' AND subject = ANY (:subjects) RETURNING id"
)
# What a statement that comes late may put right.
_MENDED: Final = text(
    "UPDATE reconciliation_breaks SET status = 'closed', ended_at = :at WHERE status = 'open'"
    " AND kind IN ('opening_gap', 'missing_statement') AND account = ANY (:accounts) AND subject <> ALL (:standing)"
    " RETURNING id"
)
_OPEN: Final = text("SELECT count(*) FROM reconciliation_breaks WHERE status = 'open'")


@dataclass(frozen=True)
class Nostro:
    """One of our accounts at the bank: its number there, the account of the ledger that it is, and its banking days."""

    account: str
    currency: str
    ledger_account: UUID
    hours: Hours


@dataclass
class _Tally:
    at: datetime
    statements: int = 0
    matched: int = 0
    closed: int = 0
    new: list[findings.Break] = field(default_factory=list)


async def reconcile(session: AsyncSession, nostros: Mapping[str, Nostro], at: datetime, run: str) -> Reconciled:
    """Reconciles what is new, closes what has found its other side, and tells operations of new breaks, once each.

    `nostros` are our accounts by their number (`account_key`). `run` names this run for the letter.
    """
    await session.execute(_LOCK)
    tally = _Tally(at)
    await _check_statements(session, nostros, tally)
    for nostro in nostros.values():
        await _match_account(session, nostro, tally)
    if tally.new:
        lines = "\n".join(f"  {one.line()}" for one in tally.new[:20])
        await tell_operations(
            session,
            key=f"reconciliation/{run}",
            event="operations.reconciliation",
            subject=f"{len(tally.new)} new breaks between the bank's books and ours",
            body=f"{lines}\n\nAll of them are under reconciliation in the administration.",
        )
    still_open = (await session.execute(_OPEN)).scalar_one()
    return Reconciled(
        at=at,
        statements=tally.statements,
        matched=tally.matched,
        found=len(tally.new),
        closed=tally.closed,
        open=still_open,
    )


async def _check_statements(session: AsyncSession, nostros: Mapping[str, Nostro], tally: _Tally) -> None:
    """Whether new statements add up, and follow each other without a gap."""
    new = (await session.execute(_UNCHECKED, {"at": tally.at})).all()
    if not new:
        return
    tally.statements = len(new)
    for strange in new:
        if strange.account not in nostros:
            await _found(session, tally, findings.unknown_account(strange))
    accounts = sorted({one.account for one in new} & set(nostros))
    rows = (await session.execute(_STATEMENTS, {"accounts": accounts})).all()
    standing = [gap for row in rows if (gap := findings.balance_gap(row)) is not None]
    standing += [gap for before, row in pairwise(rows) if (gap := findings.order_gap(before, row)) is not None]
    for gap in standing:
        await _found(session, tally, gap)
    mended = await session.execute(
        _MENDED, {"at": tally.at, "accounts": accounts, "standing": [gap.subject for gap in standing]}
    )
    tally.closed += len(mended.all())


async def _match_account(session: AsyncSession, nostro: Nostro, tally: _Tally) -> None:
    await collect(session, nostro.account, nostro.ledger_account)
    span = (await session.execute(_SPAN, {"account": nostro.account})).one()
    if span.first is None:
        return  # the bank has sent no statement of it yet: there is nothing to compare with
    asked = {"account": nostro.account, "currency": nostro.currency, "earliest": span.first - _BEFORE_THE_FIRST}
    theirs = {row.id: row for row in await session.execute(_THEIRS, asked)}
    ours = {(row.transaction_id, row.leg): row for row in await session.execute(_OURS, asked)}
    pairs = match(_sides(theirs), _sides(ours))
    await _keep_pairs(session, pairs, tally)
    for pair in pairs:
        entry, item = theirs.pop(pair.theirs.key), ours.pop(pair.ours.key)
        if pair.differs:
            await _found(session, tally, findings.differing(nostro.account, nostro.currency, entry, item))
    for entry in theirs.values():
        if entry.received_at <= tally.at - SETTLING:
            await _found(session, tally, findings.not_ours(nostro.account, nostro.currency, entry))
    today = max(nostro.hours.business_day(tally.at), span.last)
    for item in ours.values():
        late = item.value_on >= span.first and business_days_between(nostro.hours, item.value_on, today) > GRACE_DAYS
        if late:
            await _found(session, tally, findings.not_theirs(nostro.account, nostro.currency, item))


def _sides(rows: Mapping[Any, Row[Any]]) -> Iterable[Side]:
    return [
        Side(
            key=key,
            amount_minor=row.amount_minor,
            value_on=row.value_on,
            end_to_end_id=row.end_to_end_id,
            uetr=row.uetr,
        )
        for key, row in rows.items()
    ]


async def _keep_pairs(session: AsyncSession, pairs: Sequence[Pair], tally: _Tally) -> None:
    if not pairs:
        return
    values = [
        {
            "entry_id": pair.theirs.key,
            "transaction_id": pair.ours.key[0],
            "leg": pair.ours.key[1],
            "by": pair.by.value,
            "at": tally.at,
        }
        for pair in pairs
    ]
    await session.execute(_MATCHED, values)
    await session.execute(_TAKEN, values)
    tally.matched += len(pairs)
    subjects = [f"entry/{one['entry_id']}" for one in values]
    subjects += [f"item/{one['transaction_id']}/{one['leg']}" for one in values]
    closed = await session.execute(_CLOSE, {"subjects": subjects, "at": tally.at})
    tally.closed += len(closed.all())


async def _found(session: AsyncSession, tally: _Tally, found: findings.Break) -> None:
    values = {name: getattr(found, name) for name in _COLUMNS} | {
        "id": uuid7(),
        "two_people": needs_two_people(found.currency, found.at_stake_minor),
        "at": tally.at,
    }
    if (await session.execute(_FOUND, values)).scalar_one_or_none() is not None:
        tally.new.append(found)


_COLUMNS: Final[Collection[str]] = tuple(
    name for name in findings.Break.__dataclass_fields__ if name != "at_stake_minor"
)
