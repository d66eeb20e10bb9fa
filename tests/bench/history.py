"""Looking back over an account with a million postings, against one with a thousand: same database, in turns.

The postings of both lie evenly over three years, so the larger account has a thousand times as many in each month.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
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
        SELECT n, uuidv7(-age) AS id, now() - age AS at,
               CASE WHEN n % 2 = 0 THEN 1 + n * 7919::bigint % 100 ELSE 100 END AS amount
        FROM (SELECT n, (1 - n / {rows}::float8) * interval '1095 days' + interval '1 second' AS age
              FROM generate_series(1, {rows}) n) s;
    INSERT INTO transactions (id, transaction_type, from_account_id, to_account_id, amount_minor, currency, exponent,
                              description, category, metadata, idempotency_key, content_hash, processed_at, created_at)
        SELECT id, 'transfer', CASE WHEN n % 2 = 0 THEN '{target}' ELSE '{source}' END::uuid,
               CASE WHEN n % 2 = 0 THEN '{source}' ELSE '{target}' END::uuid, amount, 'EUR', 2,
               'Card payment shop' || n % 500 || CASE WHEN n % {rows} = 0 THEN ' unicorn' ELSE '' END,
               (ARRAY['groceries', 'housing', 'travel', 'health'])[1 + n % 4], '{{}}', 'made/' || id,
               sha256(id::text::bytea), at, at
        FROM made;
    INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor, balance_after_minor, account_version,
                          created_at)
        SELECT id, 2 - n % 2, '{source}'::uuid, 'EUR', CASE WHEN n % 2 = 0 THEN amount ELSE -amount END, NULL::bigint,
               NULL::bigint, at FROM made
        UNION ALL SELECT id, 1 + n % 2, '{target}', 'EUR', CASE WHEN n % 2 = 0 THEN -amount ELSE amount END,
                         sum(CASE WHEN n % 2 = 0 THEN -amount ELSE amount END) OVER (ORDER BY n), n, at FROM made;
    UPDATE accounts SET version = {rows},
        posted_minor = (SELECT sum(CASE WHEN n % 2 = 0 THEN -amount ELSE amount END) FROM made) WHERE id = '{target}';
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
    "analytics_odd_hours": "/transactions/analytics?from={month_ago}&to={hour_ago}",
    "analytics_year": "/transactions/analytics?from={year_ago}&to={hour_ago}",
    "balance_at": "/accounts/{account}/balance?at={year_ago}",
    "balance_by_day": "/accounts/{account}/history",
}


async def _filled(owner: AsyncEngine, database: Database, person: UUID, rows: int) -> UUID:
    """An account of that person with that many postings, in turns a credit of 1.00 and a debit of at most that.

    They are rolled up, as they are but for the last minutes.
    """
    async with transaction(owner) as session:
        source = await internal_account(session, InternalPurpose.OPENING, "EUR")
        target = await account(session, person)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(_ROWS.format(rows=rows, source=source, target=target).encode())
        connection.execute("ANALYZE")
        while connection.execute("SELECT account_flows_roll_up(100000)").fetchone() != (0,):
            pass
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
    now = datetime.now(UTC)
    spans = {"hour_ago": timedelta(hours=1), "month_ago": timedelta(days=30), "year_ago": timedelta(days=365)}
    moments = {name: f"{now - span:%Y-%m-%dT%H:%M:%SZ}" for name, span in spans.items()}
    for turn in range(ROUNDS + 5):
        for (headers, target), taken in zip(sides, times, strict=True):
            began = perf_counter()
            answered = await client.get(path.format(account=target, **moments), headers=headers)
            took = perf_counter() - began
            if answered.status_code != 200:
                raise RuntimeError(answered.text)
            if turn >= 5:
                taken.append(took * 1000)
    return median(times[0]), median(times[1])
