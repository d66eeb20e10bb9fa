"""Breaks as people see them and act on them, and how each account stands."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, DateTime, Select, String, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.errors import FourEyes, NotFound, WrongState
from models.reconciliation import BreakKind, BreakStatus, ExplanationChanged

MOMENT = DateTime(timezone=True)


class ReconciliationBreak(SQLModel, table=True):
    """A break. What it is about never changes: the database refuses it."""

    __tablename__ = "reconciliation_breaks"

    id: UUID = Field(primary_key=True)
    subject: str
    kind: str
    account: str
    currency: str
    day: date
    theirs_minor: int | None = Field(default=None, sa_type=BigInteger)
    ours_minor: int | None = Field(default=None, sa_type=BigInteger)
    detail: str
    statement_id: UUID | None = None
    transaction_id: UUID | None = None
    two_people: bool
    status: str = Field(sa_type=String)
    proposal: int = 0
    reason: str | None = None
    proposed_by: UUID | None = None
    proposed_at: datetime | None = Field(default=None, sa_type=MOMENT)
    confirmed_by: UUID | None = None
    ended_at: datetime | None = Field(default=None, sa_type=MOMENT)
    created_at: datetime = Field(sa_type=MOMENT)


class AccountDay(BaseModel):
    """A statement and what became of it."""

    model_config = ConfigDict(frozen=True)

    account: str
    currency: str
    day: date
    statement_id: str
    sequence: int | None
    message_id: UUID
    opening_minor: int | None
    closing_minor: int | None
    entries: int
    matched: int
    open_breaks: int


class AccountBooks(BaseModel):
    """The newest statement of an account, and what of each side has no other side yet."""

    model_config = ConfigDict(frozen=True)

    account: str
    currency: str
    day: date
    theirs_minor: int | None
    ours_minor: int
    not_in_ours_minor: int
    not_in_theirs_minor: int
    open_breaks: int


_DAYS: Final = text("""
    SELECT s.account, s.currency, s.day, s.statement_id, s.sequence, s.message_id, s.opening_minor, s.closing_minor,
           count(e.id) FILTER (WHERE e.booked) AS entries, count(e.transaction_id) AS matched,
           (SELECT count(*) FROM reconciliation_breaks b
            WHERE b.statement_id = s.id AND b.status = 'open') AS open_breaks
    FROM (SELECT * FROM bank_statements WHERE CAST(:account AS text) IS NULL OR account = :account
          ORDER BY day DESC, account, sequence DESC LIMIT :most) s
    LEFT JOIN bank_statement_entries e ON e.statement_id = s.id
    GROUP BY s.id, s.account, s.currency, s.day, s.statement_id, s.sequence, s.message_id, s.opening_minor,
             s.closing_minor
    ORDER BY s.day DESC, s.account, s.sequence DESC
""")
# A nostro account is an asset: the ledger has it below zero where the bank owes us. Amounts that differ count with the
# difference, since both sides of the pair are in their balance.
_BOOKS: Final = text("""
    SELECT s.account, s.currency, s.day, s.closing_minor AS theirs_minor,
           -coalesce((SELECT b.posted_minor FROM ledger_balances b
                      WHERE b.purpose = 'nostro' AND b.currency = s.currency AND b.user_id IS NULL), 0) AS ours_minor,
           coalesce((SELECT sum(e.amount_minor) FROM bank_statement_entries e JOIN bank_statements o
                     ON o.id = e.statement_id WHERE o.account = s.account AND e.booked AND e.transaction_id IS NULL), 0)
               AS not_in_ours_minor,
           coalesce((SELECT sum(i.amount_minor) FROM nostro_items i WHERE i.account = s.account AND NOT i.matched
                         AND i.value_on >= s.first), 0) AS not_in_theirs_minor,
           (SELECT count(*) FROM reconciliation_breaks b WHERE b.account = s.account AND b.status = 'open')
               AS open_breaks
    FROM (SELECT DISTINCT ON (account) account, currency, day, closing_minor,
                 min(day) OVER (PARTITION BY account) AS first
          FROM bank_statements ORDER BY account, day DESC, sequence DESC) s
    ORDER BY s.account
""")


async def days(session: AsyncSession, account: str | None, most: int) -> list[AccountDay]:
    """The newest statements, of one account or of all, newest first."""
    rows = await session.execute(_DAYS, {"account": account, "most": most})
    return [AccountDay.model_validate(dict(row)) for row in rows.mappings()]


async def books(session: AsyncSession) -> list[AccountBooks]:
    """How each account stands by its newest statement, and by our books now."""
    return [AccountBooks.model_validate(dict(row)) for row in (await session.execute(_BOOKS)).mappings()]


async def currencies(session: AsyncSession) -> list[str]:
    """The currencies that there are breaks in."""
    return list((await session.execute(select(col(ReconciliationBreak.currency)).distinct())).scalars())


def breaks(statuses: tuple[BreakStatus, ...], kinds: tuple[BreakKind, ...], account: str | None) -> Select[Any]:
    """The breaks of those statuses and kinds (none: all), of one account or of all."""
    chosen = select(ReconciliationBreak)
    if statuses:
        chosen = chosen.where(col(ReconciliationBreak.status).in_(statuses))
    if kinds:
        chosen = chosen.where(col(ReconciliationBreak.kind).in_(kinds))
    return chosen if account is None else chosen.where(col(ReconciliationBreak.account) == account)


async def find_break(session: AsyncSession, break_id: UUID) -> ReconciliationBreak:
    """A break. Raises `NotFound`."""
    found = await session.execute(
        select(ReconciliationBreak)
        .where(col(ReconciliationBreak.id) == break_id)
        .execution_options(populate_existing=True)
    )
    row = found.scalar_one_or_none()
    if row is None:
        raise NotFound("there is no such break")
    return row


async def explain(
    session: AsyncSession, break_id: UUID, person: UUID, reason: str, at: datetime
) -> ReconciliationBreak:
    """A person says why the books differ. One that is large stays open until another person confirms it; explained
    anew, it is confirmed anew. Raises `NotFound`, and `WrongState` for one that is not open."""
    seen = await find_break(session, break_id)
    ended = {} if seen.two_people else {"status": BreakStatus.EXPLAINED.value, "ended_at": at}
    moved = await session.execute(
        update(ReconciliationBreak)
        .where(col(ReconciliationBreak.id) == break_id, col(ReconciliationBreak.status) == BreakStatus.OPEN)
        .values(proposal=ReconciliationBreak.proposal + 1, reason=reason, proposed_by=person, proposed_at=at, **ended)
        .returning(col(ReconciliationBreak.id))
    )
    if moved.scalar_one_or_none() is None:
        raise WrongState("the break is not open any more")
    return await find_break(session, break_id)


async def confirm(
    session: AsyncSession, break_id: UUID, person: UUID, proposal: int, at: datetime
) -> ReconciliationBreak:
    """A second person confirms the explanation number `proposal`, the one that they have read.

    Raises `NotFound`, `WrongState` (not open, or nobody has explained it), `FourEyes`, and `ExplanationChanged`.
    """
    seen = await find_break(session, break_id)
    if seen.status != BreakStatus.OPEN or seen.proposed_by is None:
        raise WrongState(f"the break is {seen.status}; only an open one that was explained is confirmed")
    if seen.proposed_by == person:
        raise FourEyes("You have explained this break; somebody else confirms it")
    moved = await session.execute(
        update(ReconciliationBreak)
        .where(
            col(ReconciliationBreak.id) == break_id,
            col(ReconciliationBreak.status) == BreakStatus.OPEN,
            col(ReconciliationBreak.proposal) == proposal,
        )
        .values(status=BreakStatus.EXPLAINED.value, confirmed_by=person, ended_at=at)
        .returning(col(ReconciliationBreak.id))
    )
    if moved.scalar_one_or_none() is None:
        raise ExplanationChanged("the break has another explanation by now, or is over; read it again")
    return await find_break(session, break_id)
