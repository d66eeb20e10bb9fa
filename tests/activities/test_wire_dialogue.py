"""The desk's clock while a customer is asked, who is told of what, and wires whose officer is away."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import WireState, WireStep
from models.wires.eyes import TooManyQuestions
from tests.activities.test_wire_races import Bench
from tests.factories import wires as make


@pytest.fixture
async def bench(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Bench:
    """A desk without processes."""
    made = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    return made


async def review(bench: Bench, wire_id: UUID, at: datetime | None = None) -> WireState:
    """The process looks, at that moment."""
    return await bench.approval.review(WireStep(wire_id=wire_id, at=at or datetime.now(UTC)))


async def row(bench: Bench, wire_id: UUID) -> Any:
    """The wire as it is stored."""
    async with transaction(bench.owner) as session:
        return await wires.find(session, wire_id)


async def told(bench: Bench, who: UUID) -> list[str]:
    """What somebody was told of."""
    async with transaction(bench.owner) as session:
        rows = await session.execute(
            text("SELECT event FROM notifications WHERE user_id = :who ORDER BY id"), {"who": who}
        )
        return list(rows.scalars().all())


async def asked_for(bench: Bench, wire_id: UUID, ago: timedelta, took: timedelta) -> None:
    """A question was asked that long ago, and answered after that time."""
    await bench.ask(wire_id)
    await bench.answer(wire_id)
    async with transaction(bench.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(
            text(
                "UPDATE wire_questions SET asked_at = now() - CAST(:ago AS interval),"
                " answered_at = now() - CAST(:ago AS interval) + CAST(:took AS interval) WHERE wire_id = :id"
            ),
            {"ago": ago, "took": took, "id": wire_id},
        )


async def test_question_and_answer_are_told_once(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    await bench.ask(wire_id)
    for _ in range(2):
        await review(bench, wire_id)
    assert await told(bench, bench.people.customer) == ["wire.info_requested"]
    assert await told(bench, bench.people.officers[0]) == []
    await bench.answer(wire_id)
    for _ in range(2):
        await review(bench, wire_id)
    assert await told(bench, bench.people.customer) == ["wire.info_requested"]
    for officer in (*bench.people.officers, bench.people.senior):
        assert await told(bench, officer) == ["wire.info_given/1"]
    async with transaction(bench.owner) as session:
        body = await session.execute(text("SELECT body FROM notifications WHERE event = 'wire.info_requested'"))
        assert body.scalar_one().startswith("Why?\n")


async def test_no_mark_is_reached_while_the_customer_is_asked_but_the_hard_stop(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    await bench.ask(wire_id)
    stands = await row(bench, wire_id)
    late = await review(bench, wire_id, stands.sla_deadline + timedelta(minutes=1))
    assert (late.status, late.sla_stage, late.look_again_at) == ("info_requested", "running", stands.sla_hard_stop)
    assert await told(bench, bench.people.senior) == []
    over = await review(bench, wire_id, stands.sla_hard_stop)
    assert (over.status, over.reason_code) == ("expired", "approval_deadline")


@pytest.mark.parametrize("times", [1, 2])
async def test_the_time_that_an_answer_took_is_given_back_once(bench: Bench, times: int) -> None:
    wire_id = await bench.awaiting()
    before = await row(bench, wire_id)
    await asked_for(bench, wire_id, timedelta(hours=1), timedelta(minutes=30))
    for _ in range(times):
        await review(bench, wire_id)
    after = await row(bench, wire_id)
    for mark in ("sla_remind_at", "sla_escalate_at", "sla_deadline"):
        assert getattr(after, mark) - getattr(before, mark) == timedelta(minutes=30), mark
    assert after.sla_hard_stop == before.sla_hard_stop


async def test_no_mark_moves_past_the_hard_stop_nor_when_it_was_over_before(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    before = await row(bench, wire_id)
    async with transaction(bench.owner) as session:
        await session.execute(
            text("UPDATE wire_transfers SET sla_remind_at = now() - interval '20 hours', sla_stage = 'reminded'")
        )
    await asked_for(bench, wire_id, timedelta(hours=10), timedelta(hours=9, minutes=59))
    await review(bench, wire_id)
    after = await row(bench, wire_id)
    assert after.sla_remind_at < before.sla_started_at
    assert after.sla_deadline == after.sla_escalate_at == before.sla_hard_stop


async def test_twenty_questions_are_enough(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    for _ in range(20):
        await bench.ask(wire_id)
        await bench.answer(wire_id)
    with pytest.raises(TooManyQuestions):
        await bench.ask(wire_id)


@pytest.mark.parametrize("why", ["frozen", "demoted", "lent"])
async def test_a_wire_of_somebody_who_is_away_goes_back_to_the_desk(bench: Bench, why: str) -> None:
    wire_id = await bench.awaiting()
    mine, other = bench.people.officers
    async with transaction(bench.api, bench.people.as_officer()) as session:
        await wires.claim(session, wire_id, mine)
    assert (await review(bench, wire_id)).assignee == mine
    change = {
        "frozen": "UPDATE users SET status = 'frozen' WHERE id = :mine",
        "demoted": "UPDATE users SET permissions = '{}' WHERE id = :mine",
        "lent": "INSERT INTO approver_delegations (delegator, delegate, roles, ends_at, reason)"
        " VALUES (:mine, :other, '{officer}', now() + interval '1 day', 'Away')",
    }[why]
    async with transaction(bench.owner) as session:
        await session.execute(text(change), {"mine": mine, "other": other} if why == "lent" else {"mine": mine})
    for _ in range(2):
        assert (await review(bench, wire_id)).assignee is None
    assert await told(bench, other) == [f"wire.unattended/{mine}"]
