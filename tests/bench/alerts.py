"""The sweep of a million active alerts over five thousand symbols, a thousand of which fire, and of ten thousand alerts
with the same firings: what it costs has to follow what moved. Every price moves in both."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Final

import psycopg

from infra.database import connect, transaction
from models.tables import alerts
from tests.bench.parts import Aim, Measure, part
from tests.databases import Server, server
from tests.factories.alerts import NOON, quote
from tests.factories.users import add_customer

SYMBOLS: Final = 5_000
FIRING: Final = 1_000
MANY, FEW = 1_000_000, 10_000
ROUNDS: Final = 3
# A thousand alerts just above the price, each to fire once in a round; all others lie out of reach, at every condition.
_ROWS: Final = """
    INSERT INTO market_prices (symbol, as_of, session_date, price, move, session_price, session_move)
        SELECT 'S' || n, '{at}', '2026-11-20', 100, 0, 100, 0 FROM generate_series(1, {symbols}) n;
    INSERT INTO price_alerts (user_id, symbol, condition, level, reference, repeat, cooldown, session_only, fresh)
        SELECT '{user}', 'S' || 1 + n % {symbols},
            CASE WHEN n < {firing} THEN 'above'
                ELSE (ARRAY['above', 'below', 'crosses', 'percent_move'])[1 + n / {symbols} % 4] END,
            CASE WHEN n < {firing} THEN 101 WHEN n / {symbols} % 4 = 1 THEN 10 + n % 70 ELSE 110 + n % 900 END,
            100, true, '0 seconds', n % 3 = 0, false
        FROM generate_series(0, {alerts} - 1) n;
    ANALYZE price_alerts; ANALYZE market_prices;
"""


async def _seconds(running: Server, count: int) -> float:
    database = running.create()
    owner, worker = connect(database.owner_url, pool_size=1), connect(database.worker_url, pool_size=1)
    try:
        user = (await add_customer(owner)).id
        with psycopg.connect(database.owner_url, autocommit=True) as filling:
            rows = _ROWS.format(at=NOON, user=user, symbols=SYMBOLS, firing=FIRING, alerts=count)
            filling.execute(rows.encode())
            filling.execute("VACUUM price_alerts")
        times = []
        for turn in range(2 * ROUNDS):
            # Up, where they fire, and down again.
            at, price = NOON + timedelta(minutes=5 * (turn + 1)), "100" if turn % 2 else "102"
            quotes = [quote(price, symbol=f"S{number}", at=at) for number in range(1, SYMBOLS + 1)]
            began = perf_counter()
            async with transaction(worker) as session:
                fired = await alerts.sweep(session, quotes, [True] * SYMBOLS, at)
            times.append(perf_counter() - began)
            assert len(fired) == (0 if turn % 2 else FIRING), len(fired)
        return median(times[::2])
    finally:
        await owner.dispose()
        await worker.dispose()
        running.drop(database)


@part("alerts", by_default=False)
async def sweeping() -> AsyncIterator[Measure]:
    """Seconds of a sweep with its letters, committed; the load of the machine beside them."""
    with server() as running:
        few = await _seconds(running, FEW)
        many = await _seconds(running, MANY)
    yield Measure("alerts.sweep.10k", few, "s")
    yield Measure("alerts.sweep.1m", many, "s", aim=Aim(2, at_least=False))
    yield Measure("alerts.sweep.1m.to.10k", many, "s", floor=few, aim=Aim(2, at_least=False))
    yield Measure("alerts.machine.load", os.getloadavg()[0], "running")
