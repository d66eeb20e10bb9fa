"""Processes and servers that die in the middle: no money is made or lost, and what was acknowledged stays."""

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import connect, transaction
from infra.ledger import LedgerWriter
from infra.local.parts import Part
from models.tables import ledger
from tests.databases import Database, Server, described, stack_of_database
from tests.factories.accounts import account
from tests.factories.ledger import entry
from tests.factories.users import add_customer

WRITERS = 8
STEPS = 25
ACCOUNTS = 12
FUNDS = 10_000


@asynccontextmanager
async def engines(database: Database) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """The owner's and the worker's."""
    owner, worker = connect(database.owner_url, pool_size=2), connect(database.worker_url, pool_size=2)
    try:
        yield owner, worker
    finally:
        await owner.dispose()
        await worker.dispose()


async def funded_accounts(owner: AsyncEngine) -> list[UUID]:
    """Few accounts, so that everybody meets on them, of two customers."""
    customers = [(await add_customer(owner)).id for _ in range(2)]
    async with transaction(owner) as session:
        return [await account(session, customers[number % 2], FUNDS) for number in range(ACCOUNTS)]


async def hold_to_account(database: Database, acknowledged: Counter[str]) -> None:
    """Everything acknowledged is in the journal, once; every rule of the ledger holds; no money was made or lost."""
    async with engines(database) as (_, worker), transaction(worker) as session:
        assert await ledger.proof(session) == []
        assert await ledger.totals(session) == {"EUR": 0}
    with psycopg.connect(database.owner_url) as connection:
        journal = {str(row[0]) for row in connection.execute("SELECT id FROM transactions")}
        assert set(acknowledged) <= journal
        (outside,) = connection.execute(
            "SELECT sum(p.amount_minor) FROM postings p JOIN accounts a ON a.id = p.account_id"
            " WHERE a.purpose IS DISTINCT FROM 'opening'"
        ).fetchone() or (None,)
    assert outside == ACCOUNTS * FUNDS


async def run_writer(database: Database, seed: int, kill_after: int | None) -> Counter[str]:
    """One writer process, killed when it has acknowledged `kill_after` things; what it acknowledged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.infra.ledger_load", database.worker_url, database.owner_url, str(seed), str(STEPS)),
        stdout=asyncio.subprocess.PIPE,
    )
    acknowledged: Counter[str] = Counter()
    assert process.stdout is not None
    async for line in process.stdout:
        acknowledged[line.decode().split()[1]] += 1
        if len(acknowledged) == kill_after:
            process.send_signal(signal.SIGKILL)
    status = await process.wait()
    assert status == (0 if kill_after is None else -signal.SIGKILL)
    return acknowledged


async def test_eight_writers_killed_and_started_again_make_and_lose_no_money(postgres: Server) -> None:
    database = postgres.create()
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE holds DISABLE TRIGGER holds_wire_agrees")
    async with engines(database) as (owner, _):
        await funded_accounts(owner)
    chance = random.Random(7)

    async def life(seed: int) -> Counter[str]:
        first = await run_writer(database, seed, chance.randint(5, 60)) if seed % 2 else Counter[str]()
        return first + await run_writer(database, seed, None)

    acknowledged = sum(await asyncio.gather(*(life(seed) for seed in range(WRITERS))), Counter[str]())
    assert len(acknowledged) > WRITERS * STEPS
    # A process that starts again asks for the same things, and is told of the same entries.
    assert acknowledged.most_common(1)[0][1] == 2
    await hold_to_account(database, acknowledged)
    postgres.drop(database)


async def test_a_killed_database_costs_time_and_no_entry() -> None:
    """SIGKILL of PostgreSQL under load.

    The writer carries on when it is back, and nothing is booked twice.
    """
    with stack_of_database() as stack:
        database = described(stack).create()
        async with engines(database) as (owner, _):
            accounts = await funded_accounts(owner)
        posted: Counter[str] = Counter()
        half_way = asyncio.Event()

        async def caller(writer: LedgerWriter, number: int) -> None:
            chance = random.Random(number)
            for _ in range(60):
                source, target = chance.sample(accounts, 2)
                booked = await writer.post(entry(source, target, 1))
                posted[str(booked.transaction_id)] += 1
                if posted.total() == 400:
                    half_way.set()

        async def power_cut() -> None:
            await half_way.wait()
            await asyncio.to_thread(stack.kill, Part.DB)
            await asyncio.to_thread(stack.start, [Part.DB], migrate=False)

        async with LedgerWriter(database.worker_url, patience_seconds=60) as writer:
            await asyncio.gather(power_cut(), *(caller(writer, number) for number in range(16)))
        assert posted.total() == len(posted) == 16 * 60
        await hold_to_account(database, posted)
        with psycopg.connect(database.owner_url) as connection:
            row = connection.execute("SELECT count(*) FROM transactions WHERE transaction_type = 'transfer'").fetchone()
        assert row == (16 * 60,)
