"""Sealing the audit log: rows that have no seal yet get one, in the order in which they are seen.

Ids of the log are taken before their transactions commit, so a lower id can appear after a higher one was sealed. That
skips nothing: what gets a seal is every row without one above `settled_id`, not every row above the last. And
`settled_id` only ever moves to an id below which no transaction can still bring a row (`settle`). A sweep over all ids
comes on top, daily.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit_chain import COLUMNS, FORMULA, WINDOW, Link, SealRun, chained

BATCH: Final = 1000
# Rows of transactions that are about to commit get a chance to come in the order of their ids.
TRAILING: Final = timedelta(seconds=5)
SWEEP_EVERY: Final = timedelta(days=1)
_ONE_SEALER: Final = 7_203_010

# The text of a column as the formula wants it, whatever the session's settings are.
TEXTS: Final = tuple(
    "to_jsonb(a.at AT TIME ZONE 'UTC') #>> '{}'" if column == "at" else f"CAST(a.{column} AS text)"
    for column in COLUMNS[FORMULA]
)
_COUNTED: Final = "coalesce(int4send(octet_length({0})) || convert_to({0}, 'UTF8'), decode('ffffffff', 'hex'))"
# `models.audit_chain.row_hash` in SQL: the rows stay where they are.
ROW_HASH: Final = (
    f"sha256(decode('{FORMULA:02x}', 'hex') || convert_to('row', 'UTF8') || "
    + " || ".join(_COUNTED.format(column) for column in TEXTS)
    + ")"
)
# Never an error, whatever was put into the column.
SEALED_US: Final = (
    "CASE WHEN s.sealed_at BETWEEN '1970-01-01Z' AND '9999-12-31Z'"
    " THEN CAST(extract(epoch FROM s.sealed_at) * 1000000 AS bigint) ELSE -1 END"
)
SEAL: Final = f"s.chain_seq, s.audit_id, s.row_hash, s.chain_hash, s.formula, {SEALED_US}"

# Not NOT EXISTS: that would be planned as a join with all seals there are, and done again for each batch.
_WAITING: Final = text(
    f"SELECT a.id, {ROW_HASH} FROM audit_logs a WHERE a.id > :above AND a.at <= clock_timestamp() - :trailing"
    " AND (SELECT s.chain_seq FROM audit_seals s WHERE s.audit_id = a.id) IS NULL ORDER BY a.id LIMIT :batch"
)
_INSERT: Final = text(
    "INSERT INTO audit_seals (chain_seq, audit_id, row_hash, chain_hash, formula, sealed_at)"
    " SELECT n.chain_seq, n.audit_id, n.row_hash, n.chain_hash, :formula,"
    " timestamptz '1970-01-01Z' + CAST(:sealed_us AS bigint) * interval '1 microsecond'"
    " FROM unnest(CAST(:seqs AS bigint[]), CAST(:ids AS bigint[]), CAST(:rows AS bytea[]), CAST(:chains AS bytea[]))"
    " AS n (chain_seq, audit_id, row_hash, chain_hash)"
)
_NOW_US: Final = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")
_PROGRESS: Final = text(
    "SELECT clock_timestamp() AS started, p.settled_id, p.swept_at"
    " FROM (SELECT 1) one LEFT JOIN audit_seal_progress p ON true"
)
_SETTLE: Final = text(
    "INSERT INTO audit_seal_progress AS p (settled_id, swept_at)"
    " SELECT coalesce(max(s.audit_id), :above), :swept_at FROM audit_seals s"
    " WHERE s.audit_id > :above AND s.sealed_at <= :before"
    " ON CONFLICT (only_row) DO UPDATE SET settled_id = greatest(p.settled_id, excluded.settled_id),"
    " swept_at = greatest(p.swept_at, excluded.swept_at)"
)


async def begin(session: AsyncSession) -> SealRun:
    """Where the sealer has to look now: above what is settled, or everywhere if a sweep is due."""
    row = (await session.execute(_PROGRESS)).one()
    if row.settled_id is None or row.started - row.swept_at >= SWEEP_EVERY:
        return SealRun(started=row.started, above=0, reached=0, swept_at=row.started)
    return SealRun(started=row.started, above=row.settled_id, reached=row.settled_id, swept_at=row.swept_at)


async def seal_next(
    session: AsyncSession, above: int, *, trailing: timedelta = TRAILING, batch: int = BATCH
) -> list[Link] | None:
    """Seals the first rows with an id higher than `above`, at most `batch`, that are older than `trailing`.

    Their seals, in the order of their ids; None if another sealer is at work.
    """
    alone = await session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _ONE_SEALER})
    if not alone.scalar_one():
        return None
    rows = (await session.execute(_WAITING, {"above": above, "trailing": trailing, "batch": batch})).all()
    if not rows:
        return []
    last = await head(session)
    now = (await session.execute(_NOW_US)).scalar_one()
    # A clock that was set back does not make the chain's times go back.
    sealed_us = max(now, last.sealed_us if last else 0)
    links = chained(last, sealed_us, [(audit_id, hashed) for audit_id, hashed in rows])
    await session.execute(
        _INSERT,
        {
            "formula": FORMULA,
            "sealed_us": sealed_us,
            "seqs": [link.chain_seq for link in links],
            "ids": [link.audit_id for link in links],
            "rows": [link.row_hash for link in links],
            "chains": [link.chain_hash for link in links],
        },
    )
    return links


async def settle(session: AsyncSession, run: SealRun) -> None:
    """Says that `run` has come to its end and left nothing unsealed that was there when it began.

    A row that was sealed more than `WINDOW` before the run began bounds what can still come: whoever had a lower id
    had it before that, and has ended since (`TRANSACTION_LIMIT`), so the run has seen what it wrote.
    """
    await session.execute(_SETTLE, {"above": run.above, "before": run.started - WINDOW, "swept_at": run.swept_at})


async def head(session: AsyncSession) -> Link | None:
    """The last seal."""
    return await _one(session, "ORDER BY s.chain_seq DESC LIMIT 1", {})


async def seal_at(session: AsyncSession, chain_seq: int) -> Link | None:
    """The seal with this number."""
    return await _one(session, "WHERE s.chain_seq = :chain_seq", {"chain_seq": chain_seq})


async def _one(session: AsyncSession, which: str, values: dict[str, int]) -> Link | None:
    row = (await session.execute(text(f"SELECT {SEAL} FROM audit_seals s {which}"), values)).one_or_none()
    return Link._make(row) if row is not None else None
