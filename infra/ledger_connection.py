"""One connection to the ledger, and the patience to keep it: what to do when booking a batch fails.

A batch may be sent again at any time, since every entry has its idempotency key: after a lost connection, of which
nobody knows whether it was lost before or after the commit, as well as after a deadlock or a lost race for a key.
"""

import asyncio
import logging
from collections.abc import Sequence
from enum import Enum
from time import monotonic
from typing import Final, TypeAlias

import psycopg
from psycopg import errors

from models.errors import AurumError, Malformed, Unavailable
from models.ledger import Entry, PostedEntry
from models.tables.ledger import encode, outcome_of

_log = logging.getLogger(__name__)

_POST: Final = (
    "SELECT entry_ord, transaction_id, outcome"
    " FROM ledger_post(%(batch)s::json, %(accounts)s::uuid[], %(places)s::integer[], %(amounts)s::bigint[])"
)
_STATEMENT_SECONDS: Final = 10
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
# Another writer booked the same key between our look and our insert; the second look finds it.
_LOST_RACES: Final = 3

Result: TypeAlias = PostedEntry | AurumError


class LedgerConnection:
    """One connection, and the patience to keep it."""

    def __init__(self, url: str, lock_seconds: float) -> None:
        self._url = url
        self._options = (
            f"-c timezone=UTC -c statement_timeout={_STATEMENT_SECONDS}s -c lock_timeout={lock_seconds * 1000:.0f}ms"
        )
        self._connection: psycopg.AsyncConnection | None = None

    async def book(self, entries: Sequence[Entry], deadline: float) -> list[Result]:
        """Books `entries`; one result for each, whatever happens. Gives up at `deadline`, by the monotonic clock."""
        try:
            return await self._book(entries, deadline)
        except Exception as error:  # noqa: BLE001 - told to every caller, with its cause
            # None of the failures that a database has: a mistake of ours, or a right that is missing.
            _log.exception("a batch of the ledger failed")
            await self.disconnect()
            return _all(entries, Unavailable, "The ledger could not book the entry", error)

    async def disconnect(self) -> None:
        """Drops the connection; the next batch makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _book(self, entries: Sequence[Entry], deadline: float) -> list[Result]:
        pause = _FIRST_PAUSE
        races = 0
        lost = False
        while True:
            try:
                results = await self._call(entries)
            except psycopg.Error as error:
                verdict = _verdict(error)
                if verdict is _Verdict.BROKEN:
                    raise
                if verdict is _Verdict.REFUSED:
                    return await self._book_apart(entries, deadline, error)
                if verdict is _Verdict.LOST_RACE and races < _LOST_RACES:
                    races += 1
                    continue
                if verdict is _Verdict.UNREACHABLE:
                    lost = True
                    await self.disconnect()
                if monotonic() + pause > deadline:
                    return _all(entries, Unavailable, "The ledger does not answer", error)
                _log.warning("the ledger tries a batch again: %s", str(error).partition("\n")[0])
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return (
                    [_own(entry, result) for entry, result in zip(entries, results, strict=True)] if lost else results
                )

    async def _book_apart(self, entries: Sequence[Entry], deadline: float, error: psycopg.Error) -> list[Result]:
        """One of `entries` cannot be booked, or not now: finds it by halves, and books the others."""
        if len(entries) == 1:
            if isinstance(error, errors.LockNotAvailable):
                return _all(entries, Unavailable, "An account of this entry is busy", error)
            return _all(entries, Malformed, "The ledger does not book this entry", error)
        half = len(entries) // 2
        return await self._book(entries[:half], deadline) + await self._book(entries[half:], deadline)

    async def _call(self, entries: Sequence[Entry]) -> list[Result]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                application_name="aurum-ledger",
                connect_timeout=5,
                # A server whose machine went away is noticed within this time, not within hours.
                tcp_user_timeout=15_000,
                options=self._options,
            )
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_POST, encode(entries), prepare=True)
        rows = sorted(await cursor.fetchall())
        return [
            outcome_of(entry, transaction_id, outcome)
            for entry, (_, transaction_id, outcome) in zip(entries, rows, strict=True)
        ]


def _own(entry: Entry, result: Result) -> Result:
    """The result of a call that followed one whose answer was lost: that one may have booked the entry."""
    if isinstance(result, PostedEntry) and result.transaction_id == entry.id:
        return PostedEntry(transaction_id=entry.id, replayed=False)
    return result


def _all(entries: Sequence[object], kind: type[AurumError], detail: str, cause: Exception) -> list[Result]:
    """An error of its own for each caller: one that several raise would mix up their tracebacks."""
    failures = [kind(detail) for _ in entries]
    for failure in failures:
        failure.__cause__ = cause
    return list(failures)


class _Verdict(Enum):
    """What an error of the database means for a batch."""

    REFUSED = "one of the entries cannot be booked"
    LOST_RACE = "another writer was first with a key"
    CONTENDED = "chosen as the victim of a deadlock"
    UNREACHABLE = "no answer, or none that counts"
    BROKEN = "a mistake of ours"


def _verdict(error: psycopg.Error) -> _Verdict:
    match error:
        case errors.UniqueViolation() if error.diag.constraint_name == "transactions_idempotency_key_key":
            return _Verdict.LOST_RACE
        case errors.DeadlockDetected() | errors.SerializationFailure():
            return _Verdict.CONTENDED
        case errors.LockNotAvailable() | psycopg.IntegrityError() | psycopg.DataError():
            return _Verdict.REFUSED
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return _Verdict.UNREACHABLE
        case _ if (error.sqlstate or "").startswith("AU"):
            return _Verdict.REFUSED
        case _:
            return _Verdict.BROKEN
