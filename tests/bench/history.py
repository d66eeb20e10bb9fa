"""Looking back over an account with a million postings, against one with a thousand: same database, in turns.

The postings of both lie evenly over three years, so the larger account has a thousand times as many in each month.
"""

from collections.abc import AsyncIterator
from statistics import median
from time import perf_counter
from typing import Final
from uuid import UUID

import httpx
import psycopg
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from infra.database import connect, transaction
from infra.limits import Limits
from infra.settings import Settings
from models.ledger import InternalPurpose
from models.tables.ledger import internal_account
from tests.bench.parts import Aim, Measure, part
from tests.databases import Database, server
from tests.factories.accounts import account
from tests.factories.auth import signed_in
from tests.factories.users import add_customer

SMALL: Final = 1_000
LARGE: Final = 1_000_000
ROUNDS: Final = 40
# First page within three times (issue 4).
WITHIN: Final = Aim(3, at_least=False)
_ROWS: Final = """
    SET session_replication_role = replica;
    CREATE TEMP TABLE made AS
        SELECT n, uuidv7(-age) AS id, now() - age AS at
        FROM (SELECT n, (1 - n / {rows}::float8) * interval '1095 days' + interval '1 second' AS age
              FROM generate_series(1, {rows}) n) s;
    INSERT INTO transactions (id, transaction_type, from_account_id, to_account_id, amount_minor, currency, exponent,
                              description, category, metadata, idempotency_key, content_hash, processed_at, created_at)
        SELECT id, 'transfer', '{source}', '{target}', 100, 'EUR', 2,
               'Card payment shop' || n % 500 || CASE WHEN n % {rows} = 0 THEN ' unicorn' ELSE '' END,
               (ARRAY['groceries', 'housing', 'travel', 'health'])[1 + n % 4], '{{}}', 'made/' || id,
               sha256(id::text::bytea), at, at
        FROM made;
    INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor, balance_after_minor, account_version,
                          created_at)
        SELECT id, 1, '{source}'::uuid, 'EUR', -100, NULL::bigint, NULL::bigint, at FROM made
        UNION ALL SELECT id, 2, '{target}', 'EUR', 100, 100 * n, n, at FROM made;
    UPDATE accounts SET posted_minor = 100 * {rows}, version = {rows} WHERE id = '{target}';
    DROP TABLE made;
"""
_QUESTIONS: Final = {
    "first_page": "/transactions",
    "account_page": "/transactions?account={account}",
    "tenth_page": "/transactions?page=10",
    "search_everywhere": "/transactions/search?q=card",
    "search_in_500": "/transactions/search?q=shop17",
    "search_once": "/transactions/search?q=unicorn",
    "analytics": "/transactions/analytics",
}


async def _filled(owner: AsyncEngine, database: Database, person: UUID, rows: int) -> UUID:
    """An account of that person with that many postings, all of them credits of 1.00."""
    async with transaction(owner) as session:
        source = await internal_account(session, InternalPurpose.OPENING, "EUR")
        target = await account(session, person)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(_ROWS.format(rows=rows, source=source, target=target).encode())
        connection.execute("VACUUM ANALYZE")
    return target


@part("history")
async def history() -> AsyncIterator[Measure]:
    """The time of one answer, without a network: the application itself over PostgreSQL."""
    with server() as postgres:
        database = postgres.create()
        settings = Settings(
            _env_file=None,
            database_api_url=SecretStr(database.api_url),
            temporal_address="127.0.0.1:9",
            limits=Limits.model_validate({"reads": {"user": "10000000/minute", "address": "10000000/minute"}}),
            log_level="ERROR",
        )
        app = create_app(settings)
        owner = connect(database.owner_url, pool_size=2)
        try:
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://bench/api/v1") as client:
                    sides = []
                    for rows in (SMALL, LARGE):
                        person = await add_customer(owner)
                        target = await _filled(owner, database, person.id, rows)
                        sides.append((await signed_in(app, owner, person), target))
                    for name, path in _QUESTIONS.items():
                        small, large = await _asked(client, path, sides)
                        yield Measure(f"history.{name}", large, "ms", floor=small, aim=WITHIN)
        finally:
            await owner.dispose()


async def _asked(client: httpx.AsyncClient, path: str, sides: list[tuple[dict[str, str], UUID]]) -> tuple[float, float]:
    """The median time of an answer on the small and on the large side, in milliseconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 5):
        for (headers, target), taken in zip(sides, times, strict=True):
            began = perf_counter()
            answered = await client.get(path.format(account=target), headers=headers)
            took = perf_counter() - began
            if answered.status_code != 200:
                raise RuntimeError(answered.text)
            if turn >= 5:
                taken.append(took * 1000)
    return median(times[0]), median(times[1])
