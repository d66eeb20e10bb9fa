"""The batcher.

One result for each caller, batches that form by themselves, and patience with a database that is away.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import transaction
from infra.ledger import LedgerWriter
from models.errors import (
    Forbidden,
    IdempotencyConflict,
    InsufficientFunds,
    Malformed,
    NotFound,
    Unavailable,
    WrongState,
)
from models.ledger import Entry, InternalPurpose, PostedEntry
from models.tables import ledger
from tests.databases import Database
from tests.factories.accounts import account
from tests.factories.ledger import entry
from tests.factories.users import add_customer

TEN = 10_00


@dataclass
class Bank:
    """Two accounts of one customer with 10.00 EUR each, and connections to look at them."""

    database: Database
    owner: AsyncEngine
    worker: AsyncEngine
    customer: UUID
    here: UUID
    there: UUID

    def writer(self, **settings: Any) -> LedgerWriter:
        """A writer that acts for the bank."""
        return LedgerWriter(self.database.worker_url, **settings)

    async def available(self, account_id: UUID) -> int:
        """What can be spent."""
        async with transaction(self.worker) as session:
            return (await ledger.balance(session, account_id)).available_minor

    async def look(self, query: str) -> Any:
        """One value, as the owner."""
        async with transaction(self.owner) as session:
            return (await session.execute(text(query))).scalar_one()

    @asynccontextmanager
    async def locked(self, account_id: UUID) -> AsyncIterator[psycopg.AsyncConnection]:
        """Another transaction has this account in its hands."""
        async with await psycopg.AsyncConnection.connect(self.database.owner_url) as connection:
            await connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (account_id,))
            yield connection

    async def until_blocked(self) -> None:
        """Waits until the writer waits for a lock."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'aurum-ledger' AND wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with asyncio.timeout(10):
            while not await self.look(waiting):
                continue  # asking takes its moment


@pytest.fixture
async def bank(database: Database, owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> AsyncIterator[Bank]:
    """In balance when a test ends."""
    customer = (await add_customer(owner_engine)).id
    async with transaction(owner_engine) as session:
        here, there = [await account(session, customer, TEN) for _ in range(2)]
    yield Bank(database, owner_engine, worker_engine, customer, here, there)
    async with transaction(worker_engine) as session:
        assert await ledger.proof(session) == []
        assert await ledger.totals(session) == {"EUR": 0}


async def results_of(writer: LedgerWriter, entries: list[Entry]) -> list[PostedEntry | BaseException]:
    """All at once, each by a caller of its own."""
    return await asyncio.gather(*(writer.post(wanted) for wanted in entries), return_exceptions=True)


async def test_an_entry_that_arrives_alone_is_booked_alone(bank: Bank) -> None:
    wanted = entry(bank.here, bank.there, 300)
    async with bank.writer() as writer:
        assert await writer.post(wanted) == PostedEntry(transaction_id=wanted.id, replayed=False)
        again = wanted.model_copy(update={"id": uuid7()})
        assert await writer.post(again) == PostedEntry(transaction_id=wanted.id, replayed=True)
    assert await bank.available(bank.here) == TEN - 300


async def test_what_arrives_during_a_commit_is_the_next_batch(bank: Bank) -> None:
    """Two hundred callers at once cost a handful of transactions."""
    async with bank.writer() as writer:
        await results_of(writer, [entry(bank.here, bank.there, 1) for _ in range(200)])
    assert await bank.look("SELECT count(*) FROM transactions WHERE transaction_type = 'transfer'") == 200
    commits = await bank.look("SELECT count(DISTINCT created_at) FROM transactions WHERE transaction_type = 'transfer'")
    assert commits <= 4


async def test_no_batch_is_larger_than_its_limit(bank: Bank) -> None:
    async with bank.writer(batch_limit=7) as writer:
        await results_of(writer, [entry(bank.here, bank.there, 1) for _ in range(50)])
    largest = await bank.look(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM transactions WHERE transaction_type = 'transfer'"
        " GROUP BY created_at) c"
    )
    assert largest == 7


async def test_each_caller_of_a_batch_gets_the_result_of_its_own_entry(bank: Bank) -> None:
    wanted: list[tuple[Entry, type]] = [
        (entry(bank.here, bank.there, 1), PostedEntry),
        (entry(bank.here, bank.there, TEN + 1), InsufficientFunds),
        (entry(bank.here, uuid7(), 1), NotFound),
        (entry(bank.here, bank.there, 2), PostedEntry),
        (entry(bank.here, bank.there, 1, on_behalf_of=uuid7()), Forbidden),
        (entry(bank.here, bank.there, 1, captures=uuid7()), WrongState),
        (entry(bank.there, bank.here, 3), PostedEntry),
    ]
    async with bank.writer() as writer:
        results = await results_of(writer, [asked for asked, _ in wanted])
    for (asked, kind), result in zip(wanted, results, strict=True):
        assert type(result) is kind
        if isinstance(result, PostedEntry):
            assert result.transaction_id == asked.id
    assert await bank.available(bank.here) == TEN


async def test_the_same_key_twice_at_once_is_booked_once(bank: Bank) -> None:
    wanted = entry(bank.here, bank.there, 300)
    copies = [wanted.model_copy(update={"id": uuid7()}) for _ in range(20)]
    other = entry(bank.here, bank.there, 301, key=wanted.key)
    async with bank.writer() as writer:
        results = await results_of(writer, [wanted, *copies, other])
    assert results[0] == PostedEntry(transaction_id=wanted.id, replayed=False)
    assert results[1:-1] == [PostedEntry(transaction_id=wanted.id, replayed=True)] * 20
    assert type(results[-1]) is IdempotencyConflict
    assert await bank.available(bank.here) == TEN - 300


@pytest.mark.parametrize("connections", [1, 3])
async def test_two_writers_with_the_same_keys_book_each_once(bank: Bank, connections: int) -> None:
    """Between the bank's own accounts there is no lock to meet on: only the unique key stops the second."""
    async with transaction(bank.worker) as session:
        nostro = await ledger.internal_account(session, InternalPurpose.NOSTRO, "EUR")
        clearing = await ledger.internal_account(session, InternalPurpose.CLEARING, "EUR")
    wanted = [entry(nostro, clearing, 1) for _ in range(100)]
    copies = [one.model_copy(update={"id": uuid7()}) for one in wanted]
    async with bank.writer(connections=connections) as one, bank.writer(connections=connections) as other:
        results = await asyncio.gather(results_of(one, wanted), results_of(other, copies))
    for first, second in zip(*results, strict=True):
        assert isinstance(first, PostedEntry)
        assert isinstance(second, PostedEntry)
        assert first.transaction_id == second.transaction_id
        assert {first.replayed, second.replayed} == {True, False}


async def test_money_is_spent_once_by_callers_of_one_batch(bank: Bank) -> None:
    async with bank.writer() as writer:
        results = await results_of(writer, [entry(bank.here, bank.there, 400) for _ in range(40)])
    assert sum(isinstance(result, PostedEntry) for result in results) == 2
    assert await bank.available(bank.here) == TEN - 800


async def test_a_caller_that_goes_away_does_not_disturb_the_others(bank: Bank) -> None:
    gone, stays = entry(bank.here, bank.there, 1), entry(bank.here, bank.there, 2)
    waits, leaves_early = entry(bank.here, bank.there, 4), entry(bank.here, bank.there, 8)
    async with bank.writer(lock_seconds=30) as writer:
        async with bank.locked(bank.here):
            first = [asyncio.create_task(writer.post(asked)) for asked in (gone, stays)]
            await bank.until_blocked()
            second = [asyncio.create_task(writer.post(asked)) for asked in (waits, leaves_early)]
            await asyncio.sleep(0)
            first[0].cancel()
            second[1].cancel()
        assert (await first[1]).transaction_id == stays.id
        assert (await second[0]).transaction_id == waits.id
    assert first[0].cancelled()
    assert second[1].cancelled()
    # Of the two that went away, the first was already on its way and the other not yet.
    assert await bank.available(bank.here) == TEN - 1 - 2 - 4


async def test_a_lost_connection_is_made_again_and_nothing_is_booked_twice(bank: Bank) -> None:
    wanted = [entry(bank.here, bank.there, 1) for _ in range(10)]
    async with bank.writer(lock_seconds=30) as writer:
        async with bank.locked(bank.here):
            posting = asyncio.create_task(results_of(writer, wanted))
            await bank.until_blocked()
            await bank.look(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'aurum-ledger' AND datname = current_database()"
            )
        results = await posting
    assert results == [PostedEntry(transaction_id=asked.id, replayed=False) for asked in wanted]
    assert await bank.available(bank.here) == TEN - 10


async def test_an_entry_that_the_database_cannot_store_does_not_spoil_its_batch(bank: Bank) -> None:
    """Errors, not refusals: a reversal of nothing, a balance that leaves 64 bits, an id that is taken."""
    first = entry(bank.here, bank.there, 1)
    async with bank.writer() as writer:
        await writer.post(first)
        wanted = [entry(bank.here, bank.there, 1) for _ in range(20)]
        wanted[5] = entry(bank.here, bank.there, 1, reversal_of=uuid7())
        wanted[13] = entry(bank.here, bank.there, 1, id=first.id)
        results = await results_of(writer, wanted)
    assert [position for position, result in enumerate(results) if isinstance(result, Malformed)] == [5, 13]
    assert sum(isinstance(result, PostedEntry) for result in results) == 18
    assert await bank.available(bank.here) == TEN - 19


async def test_a_hold_of_a_process_is_not_captured_behind_its_back(bank: Bank) -> None:
    """A wire's hold turns into its entry together with the wire's status; the database refuses one alone."""
    wire = uuid7()
    async with transaction(bank.owner) as session:
        await session.execute(text("ALTER TABLE holds DISABLE TRIGGER holds_wire_agrees"))
        hold = await ledger.place_hold(session, bank.here, 100, "wire", wire, None)
        await session.execute(text("ALTER TABLE holds ENABLE TRIGGER holds_wire_agrees"))
    async with bank.writer() as writer:
        results = await results_of(
            writer, [entry(bank.here, bank.there, 1), entry(bank.here, bank.there, 100, captures=hold)]
        )
    assert isinstance(results[0], PostedEntry)
    assert isinstance(results[1], Malformed)
    assert await bank.available(bank.here) == TEN - 101


async def test_an_account_in_somebody_s_hands_holds_up_its_own_entries_alone(bank: Bank) -> None:
    async with transaction(bank.owner) as session:
        free = await account(session, bank.customer, TEN)
    wanted = [entry(free, bank.there, 1), entry(bank.here, bank.there, 1), entry(free, bank.there, 1)]
    async with bank.writer(lock_seconds=0.05) as writer:
        async with bank.locked(bank.here):
            results = await results_of(writer, wanted)
        assert [type(result) for result in results] == [PostedEntry, Unavailable, PostedEntry]
        assert await writer.post(wanted[1]) == PostedEntry(transaction_id=wanted[1].id, replayed=False)


async def test_a_database_that_is_away_costs_patience_and_then_an_error(bank: Bank) -> None:
    nowhere = bank.database.worker_url.replace(f"/{bank.database.name}", "/nowhere")
    async with LedgerWriter(nowhere, patience_seconds=0.1) as writer:
        results = await results_of(writer, [entry(bank.here, bank.there, 1) for _ in range(3)])
    assert {type(result) for result in results} == {Unavailable}


async def test_only_so_many_entries_wait(bank: Bank) -> None:
    async with bank.writer(waiting_limit=5, batch_limit=1) as writer:
        results = await results_of(writer, [entry(bank.here, bank.there, 1) for _ in range(8)])
    assert sum(isinstance(result, PostedEntry) for result in results) == 5
    assert sum(isinstance(result, Unavailable) for result in results) == 3


async def test_closing_books_what_waits_and_takes_nothing_more(bank: Bank) -> None:
    async with bank.writer(batch_limit=3) as writer:
        posting = [asyncio.create_task(writer.post(entry(bank.here, bank.there, 1))) for _ in range(20)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await writer.post(entry(bank.here, bank.there, 1))
        await closing
        assert not any(result.replayed for result in await asyncio.gather(*posting))
    with pytest.raises(Unavailable):
        await writer.post(entry(bank.here, bank.there, 1))
    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aurum-ledger' AND state <> 'idle'"
    assert await bank.look(f"{left} AND datname = current_database()") == 0


async def test_the_api_s_writer_debits_only_for_the_customer_of_each_entry(bank: Bank) -> None:
    """A batch mixes customers, so the database looks at each entry."""
    other = (await add_customer(bank.owner)).id
    wanted = [
        (entry(bank.here, bank.there, 1, on_behalf_of=bank.customer), PostedEntry),
        (entry(bank.here, bank.there, 1, on_behalf_of=other), Forbidden),
        (entry(bank.here, bank.there, 1), Forbidden),
        (entry(bank.there, bank.here, 1, on_behalf_of=bank.customer), PostedEntry),
    ]
    async with LedgerWriter(bank.database.api_url) as writer:
        results = await results_of(writer, [asked for asked, _ in wanted])
    assert [type(result) for result in results] == [kind for _, kind in wanted]


async def test_one_account_that_everybody_pays_into(bank: Bank) -> None:
    async with transaction(bank.owner) as session:
        sources = [await account(session, bank.customer, TEN) for _ in range(16)]
    async with bank.writer(connections=2) as writer:
        results = await results_of(writer, [entry(sources[number % 16], bank.there, 1) for number in range(1_000)])
    assert all(isinstance(result, PostedEntry) for result in results)
    assert await bank.available(bank.there) == TEN + 1_000
