"""The table of schedules is what the server has, and what operations paused stays paused."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, ScheduleSpec
from temporalio.testing import WorkflowEnvironment

from infra.database import transaction
from infra.schedules import SCHEDULES, Upkeep, reconcile
from tests.databases import Database
from tests.factories.commands import admin
from tests.workflows.conftest import Desk, until


async def ids(client: Client) -> set[str]:
    """The schedules that the server lists."""
    return {listed.id async for listed in await client.list_schedules()}


async def test_the_table_is_made_kept_and_taken_away(temporal_server: WorkflowEnvironment) -> None:
    client = temporal_server.client
    old = Upkeep(workflow="session-cleanup", why="gone tomorrow", spec=ScheduleSpec(), catch_up=timedelta(minutes=1))
    await reconcile(client, task_queue="nobody", table={**SCHEDULES, "old": old})
    await until(lambda: ids(client), lambda found: found >= {"old", "session-cleanup"})
    paused = client.get_schedule_handle("session-cleanup")
    await paused.pause(note="looking into it")
    await reconcile(client, task_queue="nobody")
    await until(lambda: ids(client), lambda found: "old" not in found)
    assert (await paused.describe()).schedule.state.paused
    assert (await paused.describe()).schedule.state.note == "looking into it"
    for left in await ids(client):
        await client.get_schedule_handle(left).delete()


async def test_sessions_that_ended_long_ago_are_taken_out(desk: Desk) -> None:
    async with transaction(desk.engine) as session:
        await session.execute(
            text(
                "INSERT INTO sessions (id, user_id, last_seen_at) VALUES"
                " ('00000000-0000-7000-8000-000000000001', :user, now() - interval '60 days'),"
                " ('00000000-0000-7000-8000-000000000002', :user, now())"
            ),
            {"user": desk.people.customer},
        )
        await session.execute(
            text(
                "INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES"
                " (sha256('a'), '00000000-0000-7000-8000-000000000001', now() - interval '40 days'),"
                " (sha256('b'), '00000000-0000-7000-8000-000000000002', now() + interval '1 day')"
            )
        )
    removed = await desk.client.execute_workflow(
        "session-cleanup", id=f"session-cleanup/{uuid4()}", task_queue=desk.settings.task_queue
    )
    assert removed["sessions"] + removed["tokens"] in {0, 2}  # 0 when the step ran twice and the second found nothing
    assert await desk.count("sessions") == 1
    assert await desk.count("refresh_tokens") == 1


async def test_operators_pause_and_run_a_schedule_from_the_command_line(
    temporal_server: WorkflowEnvironment, database: Database, owner_engine: AsyncEngine
) -> None:
    client = temporal_server.client
    await reconcile(client, task_queue="nobody", table={"calendar-top-up": SCHEDULES["calendar-top-up"]})
    handle = client.get_schedule_handle("calendar-top-up")
    there = {"AURUM_TEMPORAL_ADDRESS": client.service_client.config.target_host}
    why = ("--reason", "the source is wrong")
    assert await admin(database, "schedule-pause", "calendar-top-up", *why, **there) == (
        0,
        "calendar-top-up: pause done\n",
        "",
    )
    state = (await handle.describe()).schedule.state
    assert (state.paused, (state.note or "").split(" (")[0]) == (True, "the source is wrong")
    status, told, _ = await admin(database, "schedules", **there)
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert (status, "PAUSED: the source is wrong" in lines["calendar-top-up"]) == (0, True)
    assert lines.keys() == SCHEDULES.keys()
    assert (await admin(database, "schedule-resume", "calendar-top-up", *why, **there))[0] == 0
    assert not (await handle.describe()).schedule.state.paused
    assert (await admin(database, "schedule-trigger", "calendar-top-up", *why, **there))[0] == 0
    assert (await admin(database, "schedule-trigger", "no-such", *why, **there))[0] == 2
    await handle.delete()
    # Where Temporal is away nothing is done, and nothing is said to have been done.
    away = {"AURUM_TEMPORAL_ADDRESS": "127.0.0.1:1"}
    status, _, complaint = await admin(database, "schedule-pause", "calendar-top-up", *why, **away)
    assert (status, "does not answer" in complaint) == (1, True)
    async with transaction(owner_engine) as session:
        told_of = await session.execute(text("SELECT action FROM audit_logs ORDER BY id"))
        assert told_of.scalars().all() == ["schedule.pause", "schedule.resume", "schedule.trigger"]
