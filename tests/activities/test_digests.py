"""Digests: put together when they are due by the customer's clock, each thing in one of them, none empty."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities import digests
from activities.digests import DigestSteps
from infra.database import transaction
from models.digests import MOST_WRITTEN_OUT
from models.notifications import DigestsWritten, EmailChoice
from models.quiet_hours import DigestRhythm, Rhythm
from models.upkeep import UpkeepStep
from tests.factories.users import add_customer
from tests.factories.wishes import told, wish

# A Monday's eight o'clock in Amsterdam.
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


async def collected(owner: AsyncEngine, user: UUID, *keys: str, at: datetime = MONDAY - timedelta(hours=5)) -> None:
    for key in keys:
        notification = await told(owner, user, key)
        async with transaction(owner) as session:
            await session.execute(
                text("UPDATE notifications SET status = 'collected', collected_at = :at WHERE id = :id"),
                {"at": at, "id": notification},
            )


async def write(worker: AsyncEngine, at: datetime = MONDAY) -> DigestsWritten:
    done: DigestsWritten = await ActivityEnvironment().run(DigestSteps(worker).write, UpkeepStep(at=at))
    return done


async def written(owner: AsyncEngine) -> list[tuple[str, str]]:
    """Subject and text of every digest."""
    async with transaction(owner) as session:
        rows = await session.execute(text("SELECT subject, body FROM notifications WHERE event = 'digest' ORDER BY id"))
        return [(row.subject, row.body) for row in rows]


async def left(owner: AsyncEngine) -> int:
    async with transaction(owner) as session:
        rows = await session.execute(text("SELECT count(*) FROM notifications WHERE status = 'collected'"))
        return int(rows.scalar_one())


async def test_what_was_collected_is_one_letter_once(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    await wish(owner_engine, person.id, alerts=EmailChoice.DIGEST)
    await collected(owner_engine, person.id, "XALDE is at 5", "XKEST is at 7")
    assert await write(worker_engine) == DigestsWritten(digests=1, notifications=2)
    assert await write(worker_engine) == DigestsWritten()
    ((subject, body),) = await written(owner_engine)
    assert subject == "Your digest: 2 notifications"
    assert body.index("XALDE is at 5 (") < body.index("About XALDE is at 5.") < body.index("XKEST is at 7 (")
    async with transaction(owner_engine) as session:
        rows = await session.execute(text("SELECT workflow_id FROM outbox WHERE summary = 'digest' ORDER BY id"))
        processes = list(rows.scalars())
        rows = await session.execute(text("SELECT id, in_app FROM notifications WHERE event = 'digest'"))
        digest = rows.one()
    assert (processes, digest.in_app) == ([f"notification/{digest.id}"], False)


async def test_an_empty_digest_is_not_written(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    await wish(owner_engine, person.id, alerts=EmailChoice.DIGEST)
    await told(owner_engine, person.id, "at once")
    assert await write(worker_engine) == DigestsWritten()


async def test_what_came_after_it_was_due_waits_for_the_next(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await wish(owner_engine, person.id, alerts=EmailChoice.DIGEST)
    await collected(owner_engine, person.id, "late", at=MONDAY)
    assert await write(worker_engine, MONDAY + timedelta(hours=12)) == DigestsWritten()
    assert await write(worker_engine, MONDAY + DAY) == DigestsWritten(digests=1, notifications=1)
    # One was written for that moment: what a slow transaction adds to the time before it is for the next, too.
    await collected(owner_engine, person.id, "slow", at=MONDAY + DAY - timedelta(seconds=1))
    assert await write(worker_engine, MONDAY + DAY + timedelta(minutes=15)) == DigestsWritten()
    assert await write(worker_engine, MONDAY + 2 * DAY) == DigestsWritten(digests=1, notifications=1)


async def test_everybody_has_their_own_clock_and_rhythm(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    people = [await add_customer(owner_engine) for _ in range(3)]
    weekly = DigestRhythm(every=Rhythm.WEEKLY, weekday=2, at=time(6, 30))
    wishes: list[dict[str, Any]] = [
        {},
        {"time_zone": "America/New_York"},
        {"time_zone": "Asia/Kathmandu", "digest": weekly},
    ]
    for person, changes in zip(people, wishes, strict=True):
        await wish(owner_engine, person.id, alerts=EmailChoice.DIGEST, **changes)
        await collected(owner_engine, person.id, f"for {person.id}")
    whose = []
    for at in (MONDAY, MONDAY + timedelta(hours=6), datetime(2026, 11, 24, 0, 45, tzinfo=UTC)):
        assert (await write(worker_engine, at)).digests == 1
        whose.append((await written(owner_engine))[-1][1].split()[1])
    assert whose == [str(person.id) for person in people]


async def test_two_who_write_at_once_write_one(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several pages of customers.
    monkeypatch.setattr(digests, "_CUSTOMERS_AT_ONCE", 2)
    for _ in range(5):
        person = await add_customer(owner_engine)
        await wish(owner_engine, person.id, alerts=EmailChoice.DIGEST)
        await collected(owner_engine, person.id, f"a/{person.id}", f"b/{person.id}")
    done = await asyncio.gather(*(write(worker_engine) for _ in range(4)))
    assert sum(one.digests for one in done) == 5
    assert sum(one.notifications for one in done) == 10
    assert len(await written(owner_engine)) == 5
    assert await left(owner_engine) == 0


async def test_a_long_digest_stays_readable_and_loses_nothing(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    await wish(owner_engine, person.id, alerts=EmailChoice.DIGEST)
    keys = [f"number {number}." for number in range(MOST_WRITTEN_OUT + 7)]
    await collected(owner_engine, person.id, *keys)
    assert (await write(worker_engine)).notifications == len(keys)
    ((_, body),) = await written(owner_engine)
    assert [key for key in keys if f"About {key}" not in body] == keys[MOST_WRITTEN_OUT:]
    assert "And 7 more" in body
    assert await left(owner_engine) == 0
