"""Monthly statements: read out of the journal, and kept for good.

Which postings are on a statement is said by the account's versions, not by times: it begins with the last version of
the statement of the month before, if there is one, and ends before the first of the month after. So a posting is on
one statement exactly, in whatever order months are made, and a new version of a statement has the same postings.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, SmallInteger, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col
from uuid_utils.compat import uuid7

from models.errors import NotFound, RuleRefused
from models.statements import (
    ZONE,
    AccountHolder,
    MonthlyStatement,
    Statement,
    StatementEntry,
    StatementForm,
    StatementHold,
    address_lines,
    days_of,
    moments_of,
)

_MOMENT: Final = DateTime(timezone=True)

_ACCOUNT: Final = text(
    "SELECT a.user_id, a.account_number, a.currency, a.name, a.account_type, a.opened_at, u.address,"
    " u.first_name || ' ' || u.last_name AS owner"
    " FROM accounts a JOIN users u ON u.id = a.user_id WHERE a.id = :account"
)
_BOUNDS: Final = text(
    "WITH made AS (SELECT s.period, s.after_version, s.last_version FROM statements s WHERE s.account_id = :account"
    " AND s.version = 1 AND s.period IN (:before, :period, :after)),"
    " bounds AS (SELECT coalesce((SELECT m.after_version FROM made m WHERE m.period = :period),"
    " (SELECT m.last_version FROM made m WHERE m.period = :before),"
    " app.version_at(:account, :begins_at)) AS after_version,"
    " coalesce((SELECT m.last_version FROM made m WHERE m.period = :period),"
    " (SELECT m.after_version FROM made m WHERE m.period = :after),"
    " app.version_at(:account, :ends_at)) AS last_version)"
    " SELECT b.after_version, b.last_version, coalesce(o.balance_after_minor, 0) AS opening_minor,"
    " coalesce(c.balance_after_minor, 0) AS closing_minor FROM bounds b"
    " LEFT JOIN postings o ON o.account_id = :account AND o.account_version = b.after_version"
    " LEFT JOIN postings c ON c.account_id = :account AND c.account_version = b.last_version"
)
# A fee is a part of what its payer was debited, in the payer's currency.
_ENTRIES: Final = text(
    "SELECT p.account_version AS version, p.transaction_id, p.leg, p.created_at AS booked_at, t.value_date,"
    " p.amount_minor, p.balance_after_minor AS balance_minor, t.transaction_type AS kind, t.description,"
    " CASE WHEN p.amount_minor < 0 AND t.from_account_id = p.account_id AND t.currency = p.currency"
    " THEN t.fee_minor ELSE 0 END AS fee_minor"
    " FROM postings p JOIN transactions t ON t.id = p.transaction_id"
    " WHERE p.account_id = :account AND p.account_version > :after AND p.account_version <= :last"
    " ORDER BY p.account_version"
)
_HOLDS: Final = text(
    "SELECT owner_kind, owner_id, amount_minor, placed_at FROM holds WHERE account_id = :account"
    " AND placed_at < :ends_at AND (closed_at IS NULL OR closed_at >= :ends_at) ORDER BY placed_at, id"
)
_ADD: Final = text(
    "INSERT INTO statements (id, user_id, account_id, period, version, reason, currency, exponent, begins_at, ends_at,"
    " after_version, last_version, opening_minor, closing_minor, credit_count, credit_minor, debit_count, debit_minor,"
    " fee_minor, interest_minor, held_minor)"
    " SELECT :id, a.user_id, a.id, :period, :version, :reason, a.currency, a.exponent, :begins_at, :ends_at,"
    " :after_version, :last_version, :opening_minor, :closing_minor, :credit_count, :credit_minor, :debit_count,"
    " :debit_minor, :fee_minor, :interest_minor, :held_minor FROM accounts a WHERE a.id = :account_id"
    " ON CONFLICT ON CONSTRAINT statements_once DO NOTHING RETURNING id"
)
_ADD_FILE: Final = text(
    "INSERT INTO statement_files (id, statement_id, form, content_hash, size_bytes, file_path, key_sealed)"
    " VALUES (:id, :statement_id, :form, :content_hash, :size_bytes, :file_path, :key_sealed)"
)
_FILES: Final = text(
    "SELECT id, form, content_hash, size_bytes, file_path, key_sealed FROM statement_files"
    " WHERE statement_id = :statement ORDER BY form"
)


class StoredStatement(SQLModel, table=True):
    """A statement that was made. Nothing of it changes."""

    __tablename__: ClassVar[Any] = "statements"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    account_id: UUID
    period: str
    version: int
    reason: str
    currency: str
    exponent: int = Field(sa_type=SmallInteger)
    begins_at: datetime = Field(sa_type=_MOMENT)
    ends_at: datetime = Field(sa_type=_MOMENT)
    after_version: int = Field(sa_type=BigInteger)
    last_version: int = Field(sa_type=BigInteger)
    opening_minor: int = Field(sa_type=BigInteger)
    closing_minor: int = Field(sa_type=BigInteger)
    credit_count: int = Field(sa_type=BigInteger)
    credit_minor: int = Field(sa_type=BigInteger)
    debit_count: int = Field(sa_type=BigInteger)
    debit_minor: int = Field(sa_type=BigInteger)
    fee_minor: int = Field(sa_type=BigInteger)
    interest_minor: int = Field(sa_type=BigInteger)
    held_minor: int = Field(sa_type=BigInteger)
    made_at: datetime | None = Field(default=None, sa_type=_MOMENT, sa_column_kwargs={"server_default": func.now()})


class StatementFile(SQLModel):
    """One file of a statement: its hash, and the way to its content."""

    id: UUID
    form: StatementForm
    content_hash: str
    size_bytes: int
    file_path: str
    key_sealed: bytes


async def read(
    session: AsyncSession, account_id: UUID, period: str, *, bank_name: str, bank_bic: str
) -> MonthlyStatement:
    """What the statement of a customer's account and a month says.

    Raises `NotFound`, and `RuleRefused` for a month that is not over.
    """
    account = (await session.execute(_ACCOUNT, {"account": account_id})).mappings().one_or_none()
    if account is None:
        raise NotFound("There is no such account of a customer")
    begins_at, ends_at = moments_of(period)
    if (await session.execute(text("SELECT clock_timestamp() < :ends_at"), {"ends_at": ends_at})).scalar_one():
        raise RuleRefused("A statement is made when its month is over")
    bounds = await _bounds(session, account_id, period)
    span = {"account": account_id, "after": bounds["after_version"], "last": bounds["last_version"]}
    entries = [StatementEntry.model_validate(dict(row)) for row in (await session.execute(_ENTRIES, span)).mappings()]
    holds = (await session.execute(_HOLDS, {"account": account_id, "ends_at": ends_at})).mappings()
    holder = AccountHolder.model_validate({**account, "account_id": account_id})
    return MonthlyStatement(
        frame=_frame(holder, period, bounds, [entry.amount_minor for entry in entries]),
        period=period,
        begins_at=begins_at,
        ends_at=ends_at,
        account_name=account["name"],
        account_type=account["account_type"],
        address=address_lines(account["address"]),
        bank_name=bank_name,
        bank_bic=bank_bic,
        entries=tuple(entries),
        holds=tuple(StatementHold.model_validate(dict(row)) for row in holds),
    )


async def _bounds(session: AsyncSession, account_id: UUID, period: str) -> dict[str, int]:
    first, last = days_of(period)
    begins_at, ends_at = moments_of(period)
    just_before = timedelta(microseconds=1)
    asked = {
        "account": account_id,
        "period": period,
        "before": f"{first - timedelta(days=1):%Y-%m}",
        "after": f"{last + timedelta(days=1):%Y-%m}",
        "begins_at": begins_at - just_before,
        "ends_at": ends_at - just_before,
    }
    return dict((await session.execute(_BOUNDS, asked)).mappings().one())


def _frame(holder: AccountHolder, period: str, bounds: dict[str, int], amounts: Sequence[int]) -> Statement:
    first, last = days_of(period)
    credited = [amount for amount in amounts if amount > 0]
    debited = [amount for amount in amounts if amount < 0]
    return Statement(
        holder=holder,
        first=first,
        last=last,
        zone=ZONE,
        # Whenever it is made, it says the same.
        made_at=moments_of(period)[1],
        credit_count=len(credited),
        credit_minor=sum(credited),
        debit_count=len(debited),
        debit_minor=sum(debited),
        **bounds,
    )


async def newest(session: AsyncSession, account_id: UUID, period: str) -> StoredStatement | None:
    """The statement that counts for an account and a month, if one was made."""
    return (
        await session.execute(
            select(StoredStatement)
            .where(col(StoredStatement.account_id) == account_id, col(StoredStatement.period) == period)
            .order_by(col(StoredStatement.version).desc())
            .limit(1)
        )
    ).scalar_one_or_none()


async def find(session: AsyncSession, statement_id: UUID) -> StoredStatement:
    """The statement. Raises `NotFound`, also for one that is not visible."""
    found = await session.get(StoredStatement, statement_id)
    if found is None:
        raise NotFound("There is no such statement")
    return found


async def files_of(session: AsyncSession, statement_id: UUID) -> dict[StatementForm, StatementFile]:
    """The files of a statement that is visible."""
    rows = (await session.execute(_FILES, {"statement": statement_id})).mappings()
    found = [StatementFile.model_validate(dict(row)) for row in rows]
    return {file.form: file for file in found}


async def add(session: AsyncSession, made: MonthlyStatement, files: Sequence[StatementFile]) -> UUID | None:
    """Keeps a statement. Its id; None if that version of it was made in the meantime."""
    frame = made.frame
    statement_id = (
        await session.execute(
            _ADD,
            {
                **frame.model_dump(exclude={"holder", "first", "last", "zone", "made_at"}),
                "id": uuid7(),
                "account_id": frame.holder.account_id,
                "period": made.period,
                "version": made.version,
                "reason": made.reason,
                "begins_at": made.begins_at,
                "ends_at": made.ends_at,
                "fee_minor": made.fee_minor,
                "interest_minor": made.interest_minor,
                "held_minor": made.held_minor,
            },
        )
    ).scalar_one_or_none()
    if statement_id is None:
        return None
    await session.execute(_ADD_FILE, [{**file.model_dump(), "statement_id": statement_id} for file in files])
    return UUID(str(statement_id))


async def customers_after(session: AsyncSession, period: str, after: UUID | None, most: int) -> list[UUID]:
    """The customers who had an account in a month, in the order of their ids."""
    begins_at, ends_at = moments_of(period)
    rows = await session.execute(
        text(
            "SELECT DISTINCT a.user_id FROM accounts a WHERE a.user_id > :after AND a.opened_at < :ends_at"
            " AND (a.closed_at IS NULL OR a.closed_at >= :begins_at) ORDER BY a.user_id LIMIT :most"
        ),
        {"after": after or UUID(int=0), "begins_at": begins_at, "ends_at": ends_at, "most": most},
    )
    return list(rows.scalars())


async def accounts_of(session: AsyncSession, period: str, first: UUID, last: UUID) -> list[tuple[UUID, UUID]]:
    """Customers of a page, each with each account that they had in a month."""
    begins_at, ends_at = moments_of(period)
    rows = await session.execute(
        text(
            "SELECT a.user_id, a.id FROM accounts a WHERE a.user_id BETWEEN :first AND :last AND a.opened_at < :ends_at"
            " AND (a.closed_at IS NULL OR a.closed_at >= :begins_at) ORDER BY a.user_id, a.id"
        ),
        {"first": first, "last": last, "begins_at": begins_at, "ends_at": ends_at},
    )
    return [(row.user_id, row.id) for row in rows]


async def kept_paths(session: AsyncSession, period: str, paths: Sequence[str]) -> set[str]:
    """Which of these objects are files of statements."""
    rows = await session.execute(
        text(
            "SELECT f.file_path FROM statement_files f JOIN statements s ON s.id = f.statement_id"
            " WHERE f.file_path = ANY (:paths) AND s.period = :period"
        ),
        {"paths": list(paths), "period": period},
    )
    return set(rows.scalars())
