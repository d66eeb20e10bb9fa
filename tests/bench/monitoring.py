"""Monitoring of what is new on accounts with a million postings of the past, against accounts with a thousand: the same
database, in turns, with the rules that are shipped. And a run over one new posting of an account that has moved 20,000
times on that day, which is the price of a window.
"""

from collections.abc import AsyncIterator
from statistics import median
from time import perf_counter
from typing import Final
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import connect, transaction
from models.ledger import InternalPurpose
from models.tables.ledger import internal_account
from tests.bench.parts import Aim, Measure, part
from tests.databases import server
from tests.factories.accounts import account
from tests.factories.users import add_customer

ACCOUNTS: Final = 100
NEW: Final = 20
ROUNDS: Final = 7
BUSY: Final = 20_000
# What is new decides; some more is looked at to find where windows begin.
AS_WITH_FEW: Final = Aim(2, at_least=False)
_POSTINGS: Final = """
    SET session_replication_role = replica;
    CREATE TEMP TABLE made AS
        SELECT a.id AS account, uuidv7() AS id, a.version + n AS version, 1 + (n * 7919) %% 90000 AS amount,
               now() - interval '{until}' - (1 - n / {each}::float8) * interval '{span}' AS at
        FROM accounts a CROSS JOIN generate_series(1, {each}) n WHERE a.id = ANY (%s);
    INSERT INTO transactions (id, transaction_type, from_account_id, to_account_id, amount_minor, currency, exponent,
                              idempotency_key, content_hash, processed_at, created_at)
        SELECT id, 'transfer', '{source}'::uuid, account, amount, 'EUR', 2, 'made/' || id,
               sha256(id::text::bytea), at, at
        FROM made;
    INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor, balance_after_minor,
                          account_version, created_at)
        SELECT id, 2, account, 'EUR', amount, amount, version, at FROM made
        UNION ALL SELECT id, 1, '{source}'::uuid, 'EUR', -amount, NULL, NULL, at FROM made;
    UPDATE accounts a SET version = a.version + {each} WHERE a.id = ANY (%s);
    DROP TABLE made;
    SET session_replication_role = origin;
"""


class _Bank:
    """Accounts, and what is posted on them without the ledger's work."""

    def __init__(self, owner: psycopg.Connection, source: UUID) -> None:
        self._owner = owner
        self._source = source

    def post(self, accounts: list[UUID], each: int, span: str, until: str = "0 s") -> None:
        """So many postings on each account, evenly over `span`, the last of them `until` ago."""
        statement = _POSTINGS.format(source=self._source, each=each, span=span, until=until)
        for one in statement.split(";\n"):
            if one.strip():
                self._owner.execute(one.encode(), [accounts] * one.count("%s"))

    def was_looked_at(self) -> None:
        """As after a run."""
        self._owner.execute(
            "INSERT INTO monitoring_horizons (account_id, version) SELECT id, version FROM accounts"
            " WHERE user_id IS NOT NULL AND version > 0 ON CONFLICT (account_id)"
            " DO UPDATE SET version = excluded.version"
        )

    def run(self) -> float:
        """Looks at all that is new; milliseconds."""
        began = perf_counter()
        while self._owner.execute("SELECT taken FROM monitoring_run(5000, '30 days')").fetchone() != (0,):
            pass
        return 1000 * (perf_counter() - began)


@part("monitoring")
async def monitoring() -> AsyncIterator[Measure]:
    """Milliseconds of a run over 2,000 new postings on a hundred accounts."""
    with server() as postgres:
        database = postgres.create()
        engine = connect(database.owner_url)
        small, large, busy = [await _accounts(engine, number) for number in (ACCOUNTS, ACCOUNTS, 1)]
        async with transaction(engine) as session:
            source = await internal_account(session, InternalPurpose.OPENING, "EUR")
        with psycopg.connect(database.owner_url, autocommit=True) as connection:
            bank = _Bank(connection, source)
            bank.post(small, 10, "3 years", "40 days")
            bank.post(large, 10_000, "3 years", "40 days")
            bank.was_looked_at()
            connection.execute("VACUUM ANALYZE")
            times: dict[str, list[float]] = {"few": [], "many": []}
            for number in range(2 * ROUNDS):
                which = ("few", "many")[number % 2]
                bank.post(small if which == "few" else large, NEW, "10 s")
                times[which].append(bank.run())
            few, many = (median(times[which]) for which in ("few", "many"))
            yield Measure("monitoring.2000_new_after_1m", many, "ms", floor=few, aim=AS_WITH_FEW)
            bank.post(busy, BUSY, "12 hours", "1 minute")
            yield Measure("monitoring.catching_up", 1000 * BUSY / bank.run(), "postings/s")
            bank.post(busy, 1, "1 s")
            yield Measure("monitoring.one_new_in_a_day_of_20000", bank.run(), "ms")
            yield Measure("monitoring.nothing_new", bank.run(), "ms")
        await engine.dispose()


async def _accounts(owner: AsyncEngine, number: int) -> list[UUID]:
    person = await add_customer(owner)
    async with transaction(owner) as session:
        return [await account(session, person.id) for _ in range(number)]
