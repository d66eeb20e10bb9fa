"""Monitoring as a process: by its schedule's name, once or twice, it finds each thing once."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from infra.schedules import SCHEDULES
from models.monitoring import Monitored, Velocity
from tests.factories.monitoring import moved, rules
from tests.workflows.conftest import Desk


async def _run(desk: Desk) -> Monitored:
    done: Monitored = await desk.client.execute_workflow(
        "transaction-monitoring",
        id=f"transaction-monitoring/{uuid4()}",
        task_queue=desk.settings.task_queue,
        result_type=Monitored,
    )
    return done


async def test_what_was_booked_is_held_against_the_rules_once(desk: Desk) -> None:
    assert SCHEDULES["transaction-monitoring"].workflow == "transaction-monitoring"
    async with rules(desk.engine, Velocity(name="many", direction="out", hours=24, count=3)):
        for number in range(3):
            at = datetime(2026, 6, 10, 12 + number, tzinfo=UTC)
            await moved(desk.engine, desk.people.usd_account, -1_00, at, currency="USD")
        await _run(desk)
        assert await desk.count("monitoring_alerts") == 1
        assert (await _run(desk)).movements == 0
    assert await desk.count("monitoring_alerts") == 1
    assert await desk.count("monitoring_cases WHERE status = 'open'") == 1
    assert SCHEDULES["transaction-monitoring"].spec.intervals[0].every == timedelta(minutes=5)
