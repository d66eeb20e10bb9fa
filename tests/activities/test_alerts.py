"""The sweep of price alerts: each edge fires once, under repeats, overlap and death; nothing fires that should not."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.databases import Database
from tests.factories.alerts import NOON, alert, quote, swept
from tests.factories.users import add_customer

MINUTES = timedelta(minutes=5)


@pytest.fixture
async def user(owner_engine: AsyncEngine) -> UUID:
    return (await add_customer(owner_engine)).id


async def _count(engine: AsyncEngine, what: str) -> int:
    async with transaction(engine) as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one())


async def _fires(worker: AsyncEngine, prices: str, **more: Any) -> list[int]:
    """Which of the prices, five minutes apart, fire something."""
    told = []
    for number, price in enumerate(prices.split()):
        if await swept(worker, quote(price, at=NOON + number * MINUTES, **more)):
            told.append(number)
    return told


@pytest.mark.parametrize(
    ("condition", "level", "prices", "fires"),
    [
        ("above", "105", "100 104.99 105 106", [2]),
        ("above", "105", "106 107", [0]),
        ("above", "105", "100 110", [1]),
        ("below", "95", "100 95.01 95 90", [2]),
        ("below", "95", "94", [0]),
        ("below", "95", "100 120 95.01", []),
        ("crosses", "105", "100 110 100", [1]),
        ("crosses", "95", "100 90", [1]),
        ("crosses", "105", "106", [0]),
        ("crosses", "105", "100 104 105", [2]),
        ("percent_move", "5", "100 104.9 105", [2]),
        ("percent_move", "5", "100 95.1 95", [2]),
        ("percent_move", "5", "104 103 101", []),
    ],
)
async def test_a_condition_fires_once_where_it_is_met(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID, condition: str, level: str, prices: str,
    fires: list[int],
) -> None:  # fmt: skip
    await alert(owner_engine, user, condition, level)
    assert await _fires(worker_engine, prices) == fires
    assert await _count(owner_engine, "price_alert_firings") == len(fires)
    assert await _count(owner_engine, "notifications WHERE event = 'price_alert'") == len(fires)
    assert await _count(owner_engine, "outbox WHERE workflow = 'notification' AND summary = 'price_alert'") == len(
        fires
    )
    assert await _count(owner_engine, "price_alerts WHERE status = 'triggered'") == len(fires)


async def test_a_repeating_alert_fires_at_each_edge_but_not_in_its_cooldown(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await alert(owner_engine, user, "above", "105", repeat=True, cooldown=timedelta(minutes=15))
    # At 0, then in the cooldown at 10, and after it at 20.
    assert await _fires(worker_engine, "106 100 106 100 106 107") == [0, 4]
    async with transaction(owner_engine) as session:
        numbers = await session.execute(text("SELECT number FROM price_alert_firings ORDER BY number"))
        assert list(numbers.scalars()) == [1, 2]


async def test_a_percent_move_begins_anew_every_day(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await alert(owner_engine, user, "percent_move", "5", repeat=True, cooldown=timedelta(minutes=1))
    assert len(await swept(worker_engine, quote("106"))) == 1
    assert not await swept(worker_engine, quote("107", at=NOON + MINUTES))
    monday = NOON + timedelta(days=3)
    assert len(await swept(worker_engine, quote("112.35", at=monday, before="107"))) == 1


async def test_the_same_prices_fire_nothing_twice_and_older_ones_nothing_at_all(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await swept(worker_engine, quote("100"))
    await alert(owner_engine, user, "above", "105", repeat=True, cooldown=timedelta(0))
    await swept(worker_engine, quote("100", at=NOON + MINUTES))
    later = quote("106", at=NOON + 2 * MINUTES)
    assert len(await swept(worker_engine, later)) == 1
    assert not await swept(worker_engine, later)
    # A worker that was slow: were its price taken, the next would be an edge again.
    assert not await swept(worker_engine, quote("100", at=NOON + MINUTES))
    assert not await swept(worker_engine, quote("107", at=NOON + 3 * MINUTES))
    assert await _count(owner_engine, "notifications") == 1


async def test_alerts_of_sessions_wait_for_one_and_then_see_the_gap(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await swept(worker_engine, quote("100"))
    await alert(owner_engine, user, "above", "105", session_only=True, repeat=True, cooldown=timedelta(0))
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE price_alerts SET set_at = :at"), {"at": NOON})
    assert not await swept(worker_engine, quote("101", at=NOON + MINUTES))
    evening = NOON + timedelta(hours=6)
    assert not await swept(worker_engine, quote("108", at=evening), running=[False])
    assert len(await swept(worker_engine, quote("109", at=NOON + timedelta(days=3)))) == 1


async def test_a_price_from_before_it_was_set_does_not_fire_an_alert_of_sessions(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await alert(owner_engine, user, "above", "90", session_only=True)
    now = datetime.now(UTC)
    assert not await swept(worker_engine, quote("100", at=now - timedelta(hours=30)), at=now)
    assert len(await swept(worker_engine, quote("100", at=now + timedelta(hours=30)))) == 1


async def test_paused_expired_and_foreign_symbols_are_silent(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await alert(owner_engine, user, "above", "105", expires_at=NOON + timedelta(minutes=1))
    await alert(owner_engine, user, "above", "105", symbol="XKEST")
    paused = await alert(owner_engine, user, "above", "105")
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE price_alerts SET status = 'paused' WHERE id = :id"), {"id": paused})
    assert await _fires(worker_engine, "100 106") == []


async def test_a_split_changes_the_levels_once(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    await swept(worker_engine, quote("100"))
    await alert(owner_engine, user, "above", "110")
    await alert(owner_engine, user, "below", "90")
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE price_alerts SET set_at = :at"), {"at": NOON - timedelta(days=1)})
    await swept(worker_engine, quote("101", at=NOON + MINUTES))
    monday = NOON + timedelta(days=3)
    split: dict[str, Any] = {"before": "50", "split": Decimal(2)}
    assert not await swept(worker_engine, quote("51", at=monday, **split))
    assert not await swept(worker_engine, quote("52", at=monday + MINUTES, **split))
    async with transaction(owner_engine) as session:
        levels = await session.execute(text("SELECT level FROM price_alerts ORDER BY level"))
        assert list(levels.scalars()) == [45, 55]
    assert len(await swept(worker_engine, quote("55", at=monday + 2 * MINUTES, **split))) == 1


async def test_sweeps_at_once_fire_each_edge_once(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    symbols = [f"X{letter}{other}" for letter in "ABCDE" for other in "ABCDEFGH"]
    for symbol in symbols:
        await alert(owner_engine, user, "above", "105", symbol=symbol, repeat=True, cooldown=timedelta(0))
    await swept(worker_engine, *[quote("100", symbol=symbol) for symbol in symbols])
    up = [quote("106", symbol=symbol, at=NOON + MINUTES) for symbol in symbols]
    # In two orders, so that they would meet in the middle.
    told = await asyncio.gather(*(swept(worker_engine, *order) for order in (up, up[::-1]) * 4))
    assert sum(map(len, told)) == len(symbols)
    assert await _count(owner_engine, "price_alert_firings") == len(symbols)
    assert await _count(owner_engine, "notifications") == len(symbols)


async def test_a_sweep_that_was_killed_left_nothing_and_the_next_fires_once(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID, database: Database
) -> None:
    await alert(owner_engine, user, "above", "105")
    await swept(worker_engine, quote("100"))
    program = (
        "import asyncio, os, signal\n"
        "from infra.database import connect, transaction\n"
        "from models.tables import alerts\n"
        "from tests.factories.alerts import NOON, quote\n"
        "from datetime import timedelta\n"
        "async def main():\n"
        f"    async with transaction(connect({database.worker_url!r})) as session:\n"
        "        up = quote('106', at=NOON + timedelta(minutes=5))\n"
        "        assert len(await alerts.sweep(session, [up], [True], up.as_of)) == 1\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    ran = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], env=dict(os.environ), check=False)
    assert ran.returncode == -signal.SIGKILL
    assert await _count(owner_engine, "price_alert_firings") == 0
    assert await _fires(worker_engine, "100 106 107") == [1]
    assert await _count(owner_engine, "notifications") == 1


async def test_edges_are_those_of_a_plain_comparison(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, user: UUID
) -> None:
    """Many levels under a wandering price, against a model that looks at every alert."""
    levels = [90 + number * 2 for number in range(11)]
    for condition in ("above", "below", "crosses"):
        for level in levels:
            await alert(owner_engine, user, condition, str(level), repeat=True, cooldown=timedelta(0))
    prices = [100, 103, 99, 90, 96, 110, 110, 108, 91, 100, 85, 112]
    await swept(worker_engine, quote(str(prices[0])))
    for number, (before, after) in enumerate(pairwise(prices), start=1):
        firings = await swept(worker_engine, quote(str(after), at=NOON + number * MINUTES))
        got = sorted((one.condition.value, int(one.level)) for one in firings)
        up = [level for level in levels if before < level <= after]
        down = [level for level in levels if after <= level < before]
        want = (
            [("above", one) for one in up] + [("below", one) for one in down] + [("crosses", one) for one in up + down]
        )
        assert got == sorted(want), (before, after)
