"""Posting many entries at once: whatever arrived during the previous commit is the next batch.

A commit costs the same for one entry and for hundreds, and an account that everybody pays into is locked
through each commit. `LedgerWriter` therefore gathers the entries of all callers of this process and books
them with one call of `ledger_post`. There is no artificial delay: an entry that arrives alone is booked
alone, at once.

Each caller gets the result of its own entry. A batch mixes customers, so the right to debit is checked by the
database for each entry (`Entry.on_behalf_of`), and one entry that cannot be booked never spoils the others.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from enum import Enum
from time import monotonic
from typing import Final, Self, TypeAlias
from uuid import UUID

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
# From this many on, half of what waits is booked while the other half is being prepared.
_WORTH_HALVING: Final = 32
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
# Another writer booked the same key between our look and our insert; the second look finds it.
_LOST_RACES: Final = 3

_Result: TypeAlias = PostedEntry | AurumError


class _Waiting:
    """One caller's entry, and where its result goes."""

    __slots__ = ("arrived", "claims", "entry", "future")

    def __init__(self, entry: Entry, future: asyncio.Future[PostedEntry]) -> None:
        self.arrived = monotonic()
        self.entry = entry
        self.future = future
        self.claims: tuple[str | UUID, ...] = (entry.key,) if entry.captures is None else (entry.key, entry.captures)

    def tell(self, result: _Result) -> None:
        """Gives the caller its result, if it still waits."""
        if self.future.done():
            return
        if isinstance(result, AurumError):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class LedgerWriter:
    """Books entries in batches over connections of its own. Use it as an async context manager.

    `url` names the role that the entries are booked with: the API's may debit only for a customer, the
    worker's for the bank too. `patience_seconds` is how long an entry waits for a database that does not
    answer, `lock_seconds` how long a batch waits for an account that another transaction holds, and
    `waiting_limit` how many entries may wait; after any of them `post` raises `Unavailable`. More than one
    connection pays on a server with cores to spare: batches of different accounts then run side by side,
    those of one account still in turn.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 1,
        batch_limit: int = 500,
        patience_seconds: float = 20.0,
        lock_seconds: float = 1.0,
        waiting_limit: int = 20_000,
    ) -> None:
        self._url = url
        self._connections = connections
        self._batch_limit = batch_limit
        self._patience_seconds = patience_seconds
        self._lock_seconds = lock_seconds
        self._waiting_limit = waiting_limit
        self._waiting: deque[_Waiting] = deque()
        self._claimed: set[str | UUID] = set()
        self._wake = asyncio.Event()
        self._closing = False
        self._lanes: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Starts to take entries. Connections are made when the first one arrives."""
        self._lanes = [
            asyncio.create_task(self._work(), name=f"ledger-{number}") for number in range(self._connections)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes; see `close`."""
        await self.close()

    async def post(self, entry: Entry) -> PostedEntry:
        """Books `entry`, durably when this returns, or finds it booked.

        Raises what `models.tables.ledger.post_one` raises, `Malformed` for what the database refuses in
        another way (a hold that belongs to a process is captured with that process, not here), and
        `Unavailable` when the database did not answer: whether the entry was booked is then unknown, and
        asking again with the same key is safe. The same holds for a caller that is cancelled while it waits.
        """
        if self._closing or not self._lanes:
            raise Unavailable("The ledger takes no entries now")
        if len(self._waiting) >= self._waiting_limit:
            raise Unavailable("Too many entries wait for the ledger")
        future: asyncio.Future[PostedEntry] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(entry, future))
        self._wake.set()
        return await future

    async def close(self) -> None:
        """Books what waits, takes nothing more, and disconnects."""
        self._closing = True
        self._wake.set()
        await asyncio.gather(*self._lanes)
        self._lanes.clear()

    async def _work(self) -> None:
        lane = _Lane(self._url, self._lock_seconds)
        batch: list[_Waiting] = []
        results: Sequence[_Result] = ()
        try:
            while True:
                done, batch = batch, self._take(halve=not results)
                if batch:
                    booking = asyncio.create_task(lane.book(batch, self._deadline(batch)))
                    # The next batch is on its way before the callers of the last one run: they prepare their next
                    # entries while the database works, instead of taking turns with it.
                    await asyncio.sleep(0)
                for waiting, result in zip(done, results, strict=True):
                    waiting.tell(result)
                if batch:
                    results = await booking
                    self._claimed.difference_update(*(waiting.claims for waiting in batch))
                    self._wake.set()
                elif self._closing and not self._waiting:
                    return
                else:
                    results = ()
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            for waiting in batch:
                waiting.tell(Unavailable("The ledger was stopped"))
            await lane.disconnect()

    def _deadline(self, batch: Sequence[_Waiting]) -> float:
        return batch[-1].arrived + self._patience_seconds

    def _take(self, *, halve: bool) -> list[_Waiting]:
        """The next batch: what waits, less what has a key or a hold that is being booked now."""
        share = len(self._waiting) // 2 if halve and len(self._waiting) >= _WORTH_HALVING else len(self._waiting)
        limit = min(self._batch_limit, share)
        overdue = monotonic() - self._patience_seconds
        batch: list[_Waiting] = []
        passed_over: list[_Waiting] = []
        while self._waiting and len(batch) < limit:
            waiting = self._waiting.popleft()
            if waiting.future.done():
                continue  # its caller was cancelled before anything was tried
            if waiting.arrived < overdue:
                waiting.tell(Unavailable("The ledger does not answer"))
            elif self._claimed.isdisjoint(waiting.claims):
                self._claimed.update(waiting.claims)
                batch.append(waiting)
            else:
                passed_over.append(waiting)
        self._waiting.extendleft(reversed(passed_over))
        return batch


class _Lane:
    """One connection, and the patience to keep it."""

    def __init__(self, url: str, lock_seconds: float) -> None:
        self._url = url
        self._options = (
            f"-c timezone=UTC -c statement_timeout={_STATEMENT_SECONDS}s -c lock_timeout={lock_seconds * 1000:.0f}ms"
        )
        self._connection: psycopg.AsyncConnection | None = None

    async def book(self, batch: Sequence[_Waiting], deadline: float) -> list[_Result]:
        """Books `batch`; one result for each, whatever happens. Gives up on the database at `deadline`."""
        try:
            return await self._book([waiting.entry for waiting in batch], deadline)
        except Exception as error:  # noqa: BLE001 - told to every caller, with its cause
            # None of the failures that a database has: a mistake of ours, or a right that is missing.
            _log.exception("a batch of the ledger failed")
            await self.disconnect()
            return _all(batch, Unavailable, "The ledger could not book the entry", error)

    async def disconnect(self) -> None:
        """Drops the connection; the next batch makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _book(self, entries: Sequence[Entry], deadline: float) -> list[_Result]:
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

    async def _book_apart(self, entries: Sequence[Entry], deadline: float, error: psycopg.Error) -> list[_Result]:
        """One of `entries` cannot be booked, or not now: finds it by halves, and books the others."""
        if len(entries) == 1:
            if isinstance(error, errors.LockNotAvailable):
                return _all(entries, Unavailable, "An account of this entry is busy", error)
            return _all(entries, Malformed, "The ledger does not book this entry", error)
        half = len(entries) // 2
        return await self._book(entries[:half], deadline) + await self._book(entries[half:], deadline)

    async def _call(self, entries: Sequence[Entry]) -> list[_Result]:
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


def _own(entry: Entry, result: _Result) -> _Result:
    """The result of a call that followed one whose answer was lost: that one may have booked the entry."""
    if isinstance(result, PostedEntry) and result.transaction_id == entry.id:
        return PostedEntry(transaction_id=entry.id, replayed=False)
    return result


def _all(entries: Sequence[object], kind: type[AurumError], detail: str, cause: Exception) -> list[_Result]:
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
