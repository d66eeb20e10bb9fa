"""Posting many entries at once: whatever arrived during the previous commit is the next batch.

A commit costs the same for one entry and for hundreds, and an account that everybody pays into is locked through each
commit. `LedgerWriter` therefore gathers the entries of all callers of this process and books them with one call of
`ledger_post`. There is no artificial delay: an entry that arrives alone is booked alone, at once.

Each caller gets the result of its own entry. A batch mixes customers, so the right to debit is checked by the database
for each entry (`Entry.on_behalf_of`), and one entry that cannot be booked never spoils the others.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Final, Self
from uuid import UUID

from infra.ledger_connection import LedgerConnection, Result
from models.errors import AurumError, Unavailable
from models.ledger import Entry, PostedEntry

# After a pause everybody arrives at once. From this many on half of them is taken, so that the other half waits when
# the database is done, and the two then take turns.
_WORTH_HALVING: Final = 32


class _Waiting:
    """One caller's entry, and where its result goes."""

    __slots__ = ("arrived", "claims", "entry", "future")

    def __init__(self, entry: Entry, future: asyncio.Future[PostedEntry]) -> None:
        self.arrived = monotonic()
        self.entry = entry
        self.future = future
        self.claims: tuple[str | UUID, ...] = (entry.key,) if entry.captures is None else (entry.key, entry.captures)

    def tell(self, result: Result) -> None:
        """Gives the caller its result, if it still waits."""
        if self.future.done():
            return
        if isinstance(result, AurumError):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class LedgerWriter:
    """Books entries in batches over connections of its own. Use it as an async context manager.

    `url` names the role that the entries are booked with: the API's may debit only for a customer, the worker's for the
    bank too. `patience_seconds` is how long an entry waits for a database that does not answer, `lock_seconds` how long
    a batch waits for an account that another transaction holds, and `waiting_limit` how many entries may wait; after
    any of them `post` raises `Unavailable`. More than one connection pays on a server with cores to spare: batches of
    different accounts then run side by side, those of one account still in turn.
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

        Raises what `models.tables.ledger.post_one` raises, `Malformed` for what the database refuses in another way (a
        hold that belongs to a process is captured with that process, not here), and `Unavailable` when the database did
        not answer: whether the entry was booked is then unknown, and asking again with the same key is safe. The same
        holds for a caller that is cancelled while it waits.
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
        connection = LedgerConnection(self._url, self._lock_seconds)
        batch: list[_Waiting] = []
        results: Sequence[Result] = ()
        try:
            while True:
                done, batch = batch, self._take(halve=not results)
                if batch:
                    booking = asyncio.create_task(
                        connection.book([waiting.entry for waiting in batch], self._deadline(batch))
                    )
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
            await connection.disconnect()

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
