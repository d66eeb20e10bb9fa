"""Monitoring: each rule at its edges, over changes of clocks, in any batches, at once, killed; and what it costs."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.monitoring import Dormant, RoundAmounts, Structuring, Velocity
from tests.databases import Database
from tests.factories import accounts as make
from tests.factories.monitoring import alerts, moved, rules, run
from tests.factories.users import add_customer

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
VELOCITY = Velocity(name="many", direction="out", hours=24, count=3)
ROUND = RoundAmounts(name="round", days=2, count=3, amounts={"EUR": 1000}, zone="Europe/Amsterdam")
SPLIT = Structuring(name="split", days=1, count=3, margin_percent=10, amounts={"EUR": 10_000})
ASLEEP = Dormant(name="asleep", days=180, amounts={"EUR": 100})


@pytest.fixture
async def account(owner_engine: AsyncEngine) -> UUID:
    return await _account(owner_engine)


async def _account(owner: AsyncEngine, **columns: Any) -> UUID:
    """An account with money that was there long before."""
    person = await add_customer(owner, **columns)
    async with transaction(owner) as session:
        account = await make.account(session, person.id, 10**12)
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(
            text("UPDATE postings SET created_at = '2020-01-01' WHERE account_id = :a"), {"a": account}
        )
    return account


async def _told(owner: AsyncEngine, worker: AsyncEngine, account: UUID) -> list[int]:
    """The movements (1: the first behind the opening) with which alerts came about."""
    await run(worker)
    return [int(one["account_version"]) - 1 for one in await alerts(owner, account)]


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ([0, 1, 2], [3]),
        ([0, 12, 23.99], [3]),
        # The first was exactly a day before, and is outside.
        ([0, 12, 24], []),
        ([0, 12, 24, 25], [4]),
        # One alert for a window, and the next for what comes after it.
        ([0, 1, 2, 3, 4, 5], [3]),
        ([0, 1, 2, 25, 25.5, 26, 27], [3, 6]),
    ],
)
async def test_many_movements_within_hours(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID, hours: list[float], told: list[int]
) -> None:
    async with rules(owner_engine, VELOCITY):
        for hour in hours:
            await moved(owner_engine, account, -1_23, NOON + hour * HOUR)
        assert await _told(owner_engine, worker_engine, account) == told


async def test_a_sum_is_enough_and_what_comes_in_does_not_count(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID
) -> None:
    async with rules(owner_engine, Velocity(name="much", direction="out", hours=24, amounts={"EUR": 1000, "USD": 1})):
        await moved(owner_engine, account, 5000_00, NOON)
        await moved(owner_engine, account, -999_99, NOON)
        assert await _told(owner_engine, worker_engine, account) == []
        await moved(owner_engine, account, -1, NOON + HOUR)
        assert await _told(owner_engine, worker_engine, account) == [3]
    (one,) = await alerts(owner_engine)
    assert (one["movements"], one["amount_minor"], one["evidence"]) == (2, 1000_00, 2)


async def test_hours_pass_whatever_clocks_say(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID
) -> None:
    """On 29 March 2026 an hour is left out: from noon to noon by the clock are 23 hours."""
    before = datetime(2026, 3, 28, 12, 30, tzinfo=AMSTERDAM).astimezone(UTC)
    async with rules(owner_engine, VELOCITY):
        for at in (before, before + HOUR, before + 24 * HOUR):
            await moved(owner_engine, account, -1_00, at)
        assert await _told(owner_engine, worker_engine, account) == []
        await moved(owner_engine, account, -1_00, before + 24 * HOUR + timedelta(minutes=1))
        assert await _told(owner_engine, worker_engine, account) == [4]


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        # From the first moment of the day before, in Amsterdam, to the last of today: 47 hours where one is left out,
        # 49 where one is put in.
        ("2026-03-28T00:00", "2026-03-29T23:59", [3]),
        ("2026-03-27T23:59", "2026-03-29T00:01", []),
        ("2026-10-24T00:00", "2026-10-25T23:59", [3]),
        ("2026-10-23T23:59", "2026-10-25T00:01", []),
        ("2026-06-09T00:00", "2026-06-10T23:59", [3]),
    ],
)
async def test_days_are_those_of_the_calendar(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID, first: str, last: str, told: list[int]
) -> None:
    begin, end = (datetime.fromisoformat(one).replace(tzinfo=AMSTERDAM).astimezone(UTC) for one in (first, last))
    async with rules(owner_engine, ROUND):
        await moved(owner_engine, account, -3000_00, begin)
        for number in range(2):
            await moved(owner_engine, account, -1000_00, end + timedelta(seconds=number))
        assert await _told(owner_engine, worker_engine, account) == told


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ([1000_00, -2000_00, 7000_00], [3]),
        ([1000_00, 1000_01, 1000_00, 999_00, 500_00, 1000_00], [6]),
        ([100_00] * 10, []),
    ],
)
async def test_round_amounts(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID, amounts: list[int], told: list[int]
) -> None:
    async with rules(owner_engine, ROUND):
        for number, minor in enumerate(amounts):
            await moved(owner_engine, account, minor, NOON + number * HOUR)
        assert await _told(owner_engine, worker_engine, account) == told


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ([9000_00, 9999_99, 9500_00], [3]),
        ([8999_99, 9999_99, 9500_00], []),
        # What reaches the threshold is reported, and hides nothing.
        ([10_000_00, 9999_99, 9500_00], []),
        ([9500_00, 10_000_00, 9500_00, 20_00, -9500_00], [5]),
    ],
)
async def test_just_under_a_threshold(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID, amounts: list[int], told: list[int]
) -> None:
    async with rules(owner_engine, SPLIT):
        for number, minor in enumerate(amounts):
            await moved(owner_engine, account, minor, NOON + number * timedelta(minutes=1))
        assert await _told(owner_engine, worker_engine, account) == told


async def test_an_account_awakes(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    one, other, small, new = [await _account(owner_engine) for _ in range(4)]
    async with transaction(owner_engine) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("DELETE FROM postings WHERE account_id = :a"), {"a": new})
        await session.execute(text("UPDATE accounts SET version = 0 WHERE id = :a"), {"a": new})
    async with rules(owner_engine, ASLEEP):
        for account, before in ((one, 180 * DAY), (other, 180 * DAY - timedelta(seconds=1)), (small, 400 * DAY)):
            await moved(owner_engine, account, -5_00, NOON - before)
            await run(worker_engine)
        # Not its customer's act: it was asleep nevertheless.
        await moved(owner_engine, one, 1_00, NOON - DAY, kind="reversal")
        for account, minor in ((one, -100_00), (other, -100_00), (small, -99_99), (new, 100_00)):
            await moved(owner_engine, account, minor, NOON)
            await moved(owner_engine, account, -200_00 if minor < 0 else 1_00, NOON + HOUR)
        assert await _told(owner_engine, worker_engine, one) == [3]
        assert await _told(owner_engine, worker_engine, other) == []
        assert await _told(owner_engine, worker_engine, small) == []
        assert await _told(owner_engine, worker_engine, new) == []
    (found,) = await alerts(owner_engine)
    assert (found["last_at"], found["evidence"]) == (NOON - 180 * DAY, 1)


async def test_transfers_to_oneself_and_fees_do_not_count(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID
) -> None:
    async with transaction(owner_engine) as session:
        owner = (await session.execute(text("SELECT user_id FROM accounts WHERE id = :a"), {"a": account})).scalar_one()
        savings = await make.account(session, owner)
    async with rules(owner_engine, VELOCITY.model_copy(update={"direction": "both"})):
        for number in range(5):
            await moved(owner_engine, account, -1_00, NOON + number * HOUR, to_account_id=savings)
            await moved(owner_engine, account, 1_00, NOON + number * HOUR, kind="wire_return")
        assert await _told(owner_engine, worker_engine, account) == []


async def test_a_currency_that_a_rule_does_not_name_is_not_looked_at(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        yen = await make.account(session, person.id, 10**9, "JPY")
    async with rules(owner_engine, SPLIT, SPLIT.model_copy(update={"name": "yen", "amounts": {"JPY": 1000}})):
        for number in range(3):
            await moved(owner_engine, yen, -950, NOON + number * HOUR, currency="JPY")
        await run(worker_engine)
    assert [one["rule"] for one in await alerts(owner_engine)] == ["yen"]


async def test_one_case_for_a_customer_while_it_is_open(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine, risk_level="high")
    async with transaction(owner_engine) as session:
        mine = [await make.account(session, person.id, 10**9) for _ in range(2)]
    async with rules(owner_engine, VELOCITY, SPLIT):
        for account in mine:
            for number in range(3):
                await moved(owner_engine, account, -9500_00, NOON + number * HOUR)
            await run(worker_engine)
    found = await alerts(owner_engine)
    assert sorted(one["rule"] for one in found) == ["many", "many", "split", "split"]
    async with transaction(owner_engine) as session:
        case = (await session.execute(text("SELECT * FROM monitoring_cases"))).one()
    assert {one["case_id"] for one in found} == {case.id}
    assert (case.customer_id, case.alerts, case.two_people, case.due_at - case.opened_at) == (
        person.id, 4, True, timedelta(days=30),
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 3, 1000])
async def test_batches_change_nothing(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID, batch: int
) -> None:
    async with rules(owner_engine, VELOCITY, ROUND, SPLIT):
        for number, minor in enumerate((1000_00, 9500_00, -2000_00, 9500_00, -1_00, 3000_00, 9500_00, -9_00, -7_00)):
            await moved(owner_engine, account, minor, NOON + number * HOUR)
        await run(worker_engine, batch)
    found = [
        (one["rule"], one["account_version"] - 1, one["movements"], one["evidence"])
        for one in await alerts(owner_engine)
    ]
    assert found == [("round", 6, 3, 3), ("split", 7, 3, 3), ("many", 8, 3, 3)]


async def test_runs_at_once_find_each_thing_once(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    many = [await _account(owner_engine) for _ in range(8)]
    async with rules(owner_engine, VELOCITY):
        for account in many:
            for number in range(4):
                await moved(owner_engine, account, -1_00, NOON + number * HOUR)
        await asyncio.gather(*(run(worker_engine, 5) for _ in range(6)))
        # Who came while another one worked has left it to them.
        await run(worker_engine)
    assert len(await alerts(owner_engine)) == len(many)
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT count(*) FROM monitoring_cases"))).scalar_one() == len(many)


async def _until_nobody_runs(owner: AsyncEngine) -> None:
    """Until the database has heard of a death the dead one has its turn, and whoever comes leaves it to them."""
    turn = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7203032"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    async with asyncio.timeout(60):
        while True:
            async with transaction(owner) as session:
                if not (await session.execute(text(turn))).scalar_one():
                    return
            await asyncio.sleep(0.01)


async def test_a_run_that_was_killed_left_nothing(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID, database: Database
) -> None:
    program = (
        "import asyncio, os, signal\n"
        "from infra.database import connect, transaction\n"
        "from models.tables import monitoring\n"
        "async def main():\n"
        f"    async with transaction(connect({database.worker_url!r})) as session:\n"
        "        assert (await monitoring.run(session, 1000)).alerts == 1\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    async with rules(owner_engine, VELOCITY):
        for number in range(3):
            await moved(owner_engine, account, -1_00, NOON + number * HOUR)
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", program], env=dict(os.environ), check=False
        )
        assert ran.returncode == -signal.SIGKILL
        await _until_nobody_runs(owner_engine)
        assert await alerts(owner_engine) == []
        assert await _told(owner_engine, worker_engine, account) == [3]
        assert await _told(owner_engine, worker_engine, account) == [3]


async def test_new_rules_say_nothing_about_what_was_looked_at(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, account: UUID
) -> None:
    for number in range(3):
        await moved(owner_engine, account, -1_00, NOON + number * HOUR)
    assert await _told(owner_engine, worker_engine, account) == []
    async with rules(owner_engine, VELOCITY):
        assert await _told(owner_engine, worker_engine, account) == []
        # But they count it.
        await moved(owner_engine, account, -1_00, NOON + 3 * HOUR)
        assert await _told(owner_engine, worker_engine, account) == [4]
