"""Posts per second through `LedgerWriter`, durable, against TPC-B on the same server in the same run.

TPC-B is measured twice. With `-s 1` it has 100,000 accounts, as we do, and one branch that every transaction updates:
the counterpart of our hot account. With `-s 64` its 64 clients hardly ever meet: the counterpart of our uniform load,
and the harder one to beat. A posting does more than a transaction of TPC-B: it is idempotent by key, refuses what is
not covered, and writes two legs with the balance after each.

Everything is measured in turns, so that a noisy neighbour disturbs all alike. At the end the ledger is proved.
"""

import asyncio
import gc
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from infra.ledger import LedgerWriter
from models.ledger import Entry, credit, debit
from models.tables.ledger import encode
from tests.bench import pgbench
from tests.bench.parts import Aim, Measure, part
from tests.databases import Database, Server, described, stack_of_database
from tests.factories.ledger import opening

ACCOUNTS: Final = 100_000
FUNDS: Final = 10**9
ROUNDS: Final = 2
SECONDS: Final = 4.0
MATRIX_SECONDS: Final = 3.0
# One call for each transfer does best with few connections: with 64 they only wait for one another.
ONE_CALL_CLIENTS: Final = 16

# One transfer by one call of the same function, without any Python in the way.
_ONE_CALL: Final = """
CREATE TABLE bench_accounts (n bigint PRIMARY KEY, id uuid NOT NULL);
INSERT INTO bench_accounts SELECT row_number() OVER (ORDER BY id), id FROM accounts WHERE user_id IS NOT NULL;
CREATE FUNCTION bench_transfer(source_n bigint, target_n bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    source uuid := (SELECT id FROM bench_accounts WHERE n = source_n);
    target uuid := (SELECT id FROM bench_accounts WHERE n = target_n);
BEGIN
    RETURN (SELECT outcome FROM ledger_post(
        json_build_array(json_build_object('id', uuidv7(), 'key', uuidv4(), 'hash', '\\x' || repeat('00', 32),
            'kind', 'transfer', 'amount_minor', 1, 'currency', 'EUR', 'legs', 2, 'from_account_id', source,
            'to_account_id', target)),
        ARRAY[least(source, target), greatest(source, target)],
        CASE WHEN source < target THEN ARRAY[1, 2] ELSE ARRAY[2, 1] END, ARRAY[-1, 1]));
END $$;
"""

Pick = Callable[[random.Random], tuple[UUID, UUID]]


@dataclass
class Tally:
    """What callers got done, over all turns."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Posts per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, part_of: float) -> float:
        """The latency that this part of all posts does not exceed, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1_000 * ordered[min(len(ordered) - 1, int(part_of * len(ordered)))]


class Load:
    """A ledger with funded accounts of one customer, and ways to choose among them."""

    def __init__(self, database: Database) -> None:
        """Opens and funds 100,000 accounts."""
        self.database = database
        self.customer = uuid7()
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            connection.execute("INSERT INTO users (id, email) VALUES (%s, 'bench@people.example')", (self.customer,))
            opened = connection.execute(
                "INSERT INTO accounts (user_id, account_number, account_type, currency, exponent, floor_minor)"
                " SELECT %s, 'bench' || n, 'checking', 'EUR', 2, 0 FROM generate_series(1, %s) n RETURNING id",
                (self.customer, ACCOUNTS),
            )
            self.accounts: list[UUID] = [row[0] for row in opened]
            self._fund(connection)
            connection.execute(_ONE_CALL)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        random.Random(1).shuffle(self.accounts)
        self.hot = self.accounts.pop()
        weights = [1 / rank for rank in range(1, len(self.accounts) + 1)]
        self._zipf = random.Random(1).choices(self.accounts, weights, k=200_000)
        # The list of accounts is the bench's own: going through it is no work of the ledger's.
        gc.collect()
        gc.freeze()

    def _fund(self, connection: psycopg.Connection) -> None:
        source = connection.execute("SELECT ledger_internal_account('opening', 'EUR', 2::smallint)").fetchone()
        assert source is not None
        for start in range(0, ACCOUNTS, 1_000):
            entries = [opening(source[0], target, FUNDS) for target in self.accounts[start : start + 1_000]]
            connection.execute(
                "SELECT count(*) FROM ledger_post(%(batch)s::json, %(accounts)s::uuid[], %(places)s::int[],"
                " %(amounts)s::bigint[])",
                encode(entries),
            )

    def uniform(self, chance: random.Random) -> tuple[UUID, UUID]:
        """Any two."""
        source, target = chance.sample(self.accounts, 2)
        return source, target

    def into_hot(self, chance: random.Random) -> tuple[UUID, UUID]:
        """Everybody pays into one customer's account."""
        return chance.choice(self.accounts), self.hot

    def out_of_hot(self, chance: random.Random) -> tuple[UUID, UUID]:
        """Everybody is paid from one customer's account, which has to be covered each time."""
        return self.hot, chance.choice(self.accounts)

    def zipf(self, chance: random.Random) -> tuple[UUID, UUID]:
        """Two, of which the n-th most popular is chosen with a weight of 1/n."""
        source = target = chance.choice(self._zipf)
        while source == target:
            target = chance.choice(self._zipf)
        return source, target

    async def drive(self, tally: Tally, writer: LedgerWriter, pick: Pick, callers: int, seconds: float) -> None:
        """Lets `callers` post one entry after the other, each waiting for its result, and counts."""
        begin = perf_counter()
        ends = begin + seconds

        async def caller() -> None:
            chance = random.Random(uuid7().int)
            while perf_counter() < ends:
                source, target = pick(chance)
                asked = perf_counter()
                await writer.post(
                    Entry(
                        key=f"bench/{uuid7()}",
                        kind="transfer",
                        currency="EUR",
                        amount_minor=1,
                        legs=(debit(source, 1), credit(target, 1)),
                        from_account_id=source,
                        to_account_id=target,
                        on_behalf_of=self.customer,
                    )
                )
                tally.latencies.append(perf_counter() - asked)

        await asyncio.gather(*(caller() for _ in range(callers)))
        tally.seconds += perf_counter() - begin

    def drift(self) -> int:
        """How much money was made or lost, plus the number of rules that do not hold."""
        with psycopg.connect(self.database.owner_url) as connection:
            row = connection.execute(
                "SELECT (SELECT abs(sum(posted_minor)) FROM ledger_balances), (SELECT count(*) FROM ledger_proof())"
            ).fetchone()
        assert row is not None
        return int(row[0] + row[1])


async def _floor(running: Server, scale: int) -> str:
    database = running.create()
    await pgbench.fill(database.owner_url, scale)
    return database.owner_url


@part("ledger")
async def ledger() -> AsyncIterator[Measure]:
    """The figures of the issues, in two turns of some seconds each."""
    with stack_of_database() as stack, tempfile.TemporaryDirectory() as folder:
        running = described(stack)
        load = Load(running.create())
        scale_1, scale_64 = await _floor(running, 1), await _floor(running, 64)
        script = Path(folder) / "into_hot.sql"
        script.write_text(f"\\set source random(2, {ACCOUNTS})\nSELECT bench_transfer(:source, 1);\n")
        loads = {
            "uniform_64": (load.uniform, 64),
            "uniform_256": (load.uniform, 256),
            "into_hot_64": (load.into_hot, 64),
            "out_of_hot_64": (load.out_of_hot, 64),
            "into_hot_256": (load.into_hot, 256),
        }
        tallies = {name: Tally() for name in loads}
        tpcb_1 = tpcb_64 = one_call = 0.0
        async with LedgerWriter(load.database.api_url) as writer:
            await load.drive(Tally(), writer, load.uniform, 64, 0.5)
            for _ in range(ROUNDS):
                tpcb_64 += await pgbench.transactions_per_second(scale_64, clients=64, seconds=SECONDS) / ROUNDS
                for name, (pick, callers) in loads.items():
                    await load.drive(tallies[name], writer, pick, callers, SECONDS)
                tpcb_1 += await pgbench.transactions_per_second(scale_1, clients=64, seconds=SECONDS) / ROUNDS
                one_call += (
                    await pgbench.transactions_per_second(
                        load.database.owner_url, clients=ONE_CALL_CLIENTS, seconds=SECONDS, script=script
                    )
                    / ROUNDS
                )
        rate = {name: tally.rate for name, tally in tallies.items()}
        yield Measure("ledger.tpcb_scale_1", tpcb_1, "transactions/s")
        yield Measure("ledger.tpcb_scale_64", tpcb_64, "transactions/s")
        yield Measure("ledger.one_call_into_hot", one_call, "posts/s")
        yield Measure("ledger.uniform_64", rate["uniform_64"], "posts/s", tpcb_1, Aim(3.5))
        yield Measure("ledger.uniform_64_strict", rate["uniform_64"], "posts/s", tpcb_64, Aim(2.5))
        yield Measure("ledger.uniform_256", rate["uniform_256"], "posts/s", tpcb_1, Aim(5))
        yield Measure("ledger.uniform_256_strict", rate["uniform_256"], "posts/s", tpcb_64)
        yield Measure("ledger.into_hot_64", rate["into_hot_64"], "posts/s", tpcb_1, Aim(2.5))
        yield Measure("ledger.out_of_hot_64", rate["out_of_hot_64"], "posts/s", tpcb_1, Aim(2.5))
        yield Measure("ledger.into_hot_256", rate["into_hot_256"], "posts/s", one_call, Aim(10))
        for name in ("uniform_64", "uniform_256", "into_hot_64"):
            p99 = tallies[name].percentile(0.99)
            yield Measure(f"ledger.{name}_p99", p99, "ms", aim=Aim(60, at_least=False))
        yield Measure("ledger.drift", load.drift(), "minor units", aim=Aim(0, at_least=False))


@part("ledger_matrix", by_default=False)
async def ledger_matrix() -> AsyncIterator[Measure]:
    """Every distribution at every number of callers, with median and 99th percentile."""
    with stack_of_database() as stack:
        load = Load(described(stack).create())
        picks = {"uniform": load.uniform, "zipf": load.zipf, "into_hot": load.into_hot, "out_of_hot": load.out_of_hot}
        async with LedgerWriter(load.database.api_url) as writer:
            for name, pick in picks.items():
                for callers in (1, 16, 64, 256):
                    tally = Tally()
                    await load.drive(tally, writer, pick, callers, MATRIX_SECONDS)
                    yield Measure(f"ledger_matrix.{name}_{callers}", tally.rate, "posts/s")
                    yield Measure(f"ledger_matrix.{name}_{callers}_p50", tally.percentile(0.5), "ms")
                    yield Measure(f"ledger_matrix.{name}_{callers}_p99", tally.percentile(0.99), "ms")
        yield Measure("ledger_matrix.drift", load.drift(), "minor units", aim=Aim(0, at_least=False))
