"""The histories of wires stay short, whichever way they go, and waiting adds nothing to them."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from tests.workflows.conftest import Desk, until
from tests.workflows.paths import ceiling_of, ceilings, events_in, events_of, paths
from tests.workflows.test_wires import awaiting


async def timer(process: WorkflowHandle[Any, Any]) -> timedelta:
    """For how long its newest timer was set."""
    history = await process.fetch_history()
    starts = [event for event in history.events if event.HasField("timer_started_event_attributes")]
    return starts[-1].timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() if starts else timedelta(0)


async def taken(process: WorkflowHandle[Any, Any]) -> int:
    """How many events it has by now."""
    return events_in((await process.fetch_history()).to_json())


@pytest.mark.parametrize("path", paths())
def test_a_path_takes_few_events(path: str) -> None:
    ceiling = ceiling_of(path)
    assert events_of(path) <= ceiling.events, ceiling.reason


def test_every_ceiling_is_of_a_recorded_path() -> None:
    assert ceilings() <= set(paths())


async def test_a_wire_that_waits_gains_no_events(desk: Desk) -> None:
    """Neither for an officer, until the first mark of the clock, nor for its day."""
    for_an_officer = await awaiting(desk)
    for_its_day = await awaiting(desk, execution_date=datetime.now(UTC).date() + timedelta(days=30))
    await desk.approve(for_its_day)
    for wire_id, span in ((for_an_officer, timedelta(minutes=50)), (for_its_day, timedelta(days=20))):
        process = desk.process(wire_id)
        await until(partial(timer, process), span.__lt__)
        before, began = await taken(process), await desk.time.get_current_time(process)
        await desk.passes(wire_id, span)
        assert await desk.time.get_current_time(process) - began >= span
        assert await taken(process) == before
