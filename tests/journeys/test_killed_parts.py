"""SIGKILL of the worker, the API, PostgreSQL or Temporal at any step of a wire: it is carried out, and once.

For each part wires are brought to a stop at every point of `points`, one at each, all at the same time. Then the part
is killed, which meets a wire at every step that it can be at. While the part is away the wires are let go, so that what
still runs runs into the gap; then it is started again, and every wire has to come to its end by itself. Nothing that it
needs for that is killed again meanwhile, so that no second start can help out.

A worker that is killed while it sends a mail is missed after a minute. Its wires are looked at after the API's, which
has no part in them, so that the minute is not waited for.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import httpx
import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistoryEventFilterType

from infra import temporal
from infra.local.parts import Part
from tests.journeys.points import (
    AROUND_STEPS,
    AT_THE_INBOX,
    IN_THE_API,
    INSIDE_STEPS,
    STEPS,
    needs_database,
    step_of,
)
from tests.journeys.saboteur import UNANSWERED
from tests.journeys.scene import PATIENCE_SECONDS, Scene
from tests.journeys.story import Books, Story, books_of, story_of

pytestmark = pytest.mark.crash

ON_THE_WAY: Final = (*AROUND_STEPS, *INSIDE_STEPS, *AT_THE_INBOX)
# Not for the worker, which has no part in a wire that the API has not handed over: that is `test_parts_away`.
EVERYWHERE: Final = (*ON_THE_WAY, *IN_THE_API)
# What leaves the process would be missed after a minute once more, and the worker's own end there has been seen.
IN_THE_DATABASE: Final = tuple(
    point for point in AROUND_STEPS if not {"wire.send", "notification.send"} & {*point.split()}
)
# By point, the wire that stood there.
Killed = dict[str, str]
STEPS_OF_A_WIRE: Final = [step.split()[0] for step in STEPS]


def stopped_on_the_way(scene: Scene, points: Sequence[str] = (*AROUND_STEPS, *INSIDE_STEPS)) -> Killed:
    """Wires that stand at every point between the order and the mail."""
    wires = {point: scene.order(point) for point in points}
    reach(scene, wires.values())
    # They stop the reading of the inbox and the dispatch for all others, so they come last.
    last = {point: scene.order(point) for point in AT_THE_INBOX}
    reach(scene, last.values())
    return wires | last


def stopped_in_the_api(scene: Scene) -> Killed:
    """Wires that stand at every point between a commit of the API and its note that Temporal knows.

    What the API commits is dispatched batch by batch. So one wire keeps the first batch open until there is a second
    with all the others in it; and one keeps the worker's dispatch, which would help out, from doing so.
    """
    wires = {point: scene.order(point) for point in IN_THE_API if point.endswith("approved")}
    helper = scene.order("after dispatch on acknowledged")
    reach(scene, [helper])
    assert scene.until(lambda: set(scene.statuses(wires.values()).values()) == {"awaiting_approval"})
    first = scene.order("before dispatch on pending")
    reach(scene, [first])
    for wire in wires.values():
        scene.approve(wire).raise_for_status()
    wires |= {point: scene.order(point) for point in IN_THE_API if point.endswith("pending")}
    scene.free([first])
    reach(scene, wires.values())
    assert {scene.mark(wire)["program"] for wire in wires.values()} == {"api"}
    return wires | {"helper": helper}


def reach(scene: Scene, wires: Collection[str]) -> None:
    """Brings these wires to where they stop."""
    there = scene.drive(wires, lambda: scene.held(wires), seconds=30)
    assert there, f"not all have stopped: {scene.statuses(wires)}"


def standing(scene: Scene, stopped: Callable[[Scene], Killed]) -> Killed:
    """Wires that stand at their points now. A stop ends when its step runs out of time, as on a very busy machine."""
    for _ in range(3):
        wires = stopped(scene)
        if scene.stands(wires.values()):
            return wires
        scene.free(wires.values())
        scene.end(wires.values())
    raise AssertionError("this machine is too busy to hold wires where they are")


def cut(scene: Scene, parts: Sequence[Part], wires: Killed, meanwhile: Callable[[Killed], None] | None = None) -> None:
    """Kills parts while `wires` stand where they do, lets them go, and starts the parts again."""
    with scene.without(*parts):
        scene.free(wires.values(), dead=parts)
        if meanwhile:
            meanwhile(wires)


def stuck_without_the_api(scene: Scene, wires: Killed) -> set[str]:
    """Lets these wires come as far as an officer, or to their end. Those that do not."""
    undecided = {"pending", "awaiting_approval"}
    goals = {
        wire: "awaiting_approval" if status in undecided else "completed"
        for wire, status in scene.statuses(wires.values()).items()
    }
    scene.drive(goals, lambda: scene.statuses(goals) == goals, seconds=30)
    return {wire for wire, status in scene.statuses(goals).items() if status != goals[wire]}


def everywhere(scene: Scene, part: Part, meanwhile: Callable[[Killed], None] | None = None) -> Killed:
    """Wires that met the end of a part at every point."""
    met: Killed = {}
    for stopped in (stopped_on_the_way, stopped_in_the_api):
        wires = standing(scene, stopped)
        cut(scene, [part], wires, meanwhile)
        scene.end(wires.values())
        met |= wires
    return met


@pytest.fixture(scope="module")
def worker_killed(scene: Scene) -> Killed:
    """Wires that met the end of their worker, and may still be waiting for the new one."""
    wires = standing(scene, stopped_on_the_way)
    cut(scene, [Part.WORKER], wires)
    return wires


@pytest.fixture(scope="module")
def after_worker(scene: Scene, worker_killed: Killed) -> Killed:
    """Wires that met the end of their worker."""
    scene.end(worker_killed.values())
    return worker_killed


@pytest.fixture(scope="module")
def after_api(scene: Scene) -> tuple[Killed, set[str]]:
    """Wires that met the end of the API, and those of them that did not go on without it."""
    stuck: set[str] = set()
    wires = everywhere(scene, Part.API, lambda wires: stuck.update(stuck_without_the_api(scene, wires)))
    return wires, stuck


@pytest.fixture(scope="module")
def after_db(scene: Scene) -> Killed:
    """Wires that met the end of PostgreSQL."""
    return everywhere(scene, Part.DB)


@pytest.fixture(scope="module")
def after_temporal(scene: Scene) -> Killed:
    """Wires that met the end of Temporal."""
    return everywhere(scene, Part.TEMPORAL)


@pytest.fixture(scope="module")
def after_power_cut(scene: Scene) -> Killed:
    """Wires that met the end of everything at once."""
    wires = standing(scene, partial(stopped_on_the_way, points=IN_THE_DATABASE))
    cut(scene, [Part.DB, Part.TEMPORAL, Part.API, Part.WORKER], wires)
    scene.end(wires.values())
    return wires


def runs_of(scene: Scene, wire: str, step: str = "") -> list[dict[str, Any]]:
    """The steps that ran for a wire, in their order, as often as they did; with a `step`, those of its process."""
    notices = scene.rows("SELECT id FROM notifications WHERE key = %(key)s", key=f"wire/{wire}/completed")
    processes = {f"wire/{wire}", *(f"notification/{notice['id']}" for notice in notices)}
    kind = step.partition(".")[0]
    return [run for run in scene.runs() if run["process"] in processes and run["process"].startswith(kind)]


def test_every_step_of_a_wire_is_among_the_points(scene: Scene) -> None:
    wire = scene.order()
    scene.end([wire])
    assert story_of(scene, wire) == Story()
    assert [run["step"] for run in runs_of(scene, wire)] == STEPS_OF_A_WIRE


def test_the_worker_is_killed_at_every_point(scene: Scene, worker_killed: Killed) -> None:
    assert {point: scene.mark(wire)["point"] for point, wire in worker_killed.items()} == {
        point: point for point in ON_THE_WAY
    }


@pytest.mark.parametrize("point", EVERYWHERE)
def test_a_wire_outlives_the_api(scene: Scene, after_api: tuple[Killed, set[str]], point: str) -> None:
    wires, stuck = after_api
    assert wires[point] not in stuck
    assert story_of(scene, wires[point]) == Story()


def test_requests_whose_answers_were_lost_are_repeated(scene: Scene) -> None:
    waiting = scene.order()
    assert scene.until(lambda: set(scene.statuses([waiting]).values()) == {"awaiting_approval"})
    key = {"Idempotency-Key": "the only order"}
    with ThreadPoolExecutor() as threads:
        lost: list[Future[Any]] = [
            threads.submit(scene.order, "answer lost", **key, **{UNANSWERED: "order"}),
            threads.submit(scene.approve, waiting, **{UNANSWERED: "approval"}),
        ]
        assert scene.until(lambda: scene.held(["order", "approval"]))
        with scene.without(Part.API):
            for request in lost:
                with pytest.raises(httpx.TransportError):
                    request.result()
    ordered = scene.order("answer lost", **key)
    assert len(scene.rows("SELECT id FROM wire_transfers WHERE reference = 'answer lost'")) == 1
    assert scene.approve(waiting).status_code == httpx.codes.CONFLICT
    scene.end([waiting, ordered])
    assert [story_of(scene, wire) for wire in (waiting, ordered)] == [Story(), Story()]


@pytest.mark.parametrize("point", ON_THE_WAY)
def test_a_wire_outlives_the_worker(scene: Scene, after_worker: Killed, point: str) -> None:
    wire = after_worker[point]
    assert story_of(scene, wire) == Story()
    if step := step_of(point):
        # It was the last that the killed worker began in this process, which went on in another one.
        killed = scene.mark(wire)["pid"]
        steps = [run["step"] for run in runs_of(scene, wire, step) if run["pid"] == killed]
        assert steps[-1] == step
        assert scene.until(lambda: runs_of(scene, wire, step)[-1]["pid"] != killed)


@pytest.mark.parametrize("point", EVERYWHERE)
def test_a_wire_outlives_the_database(scene: Scene, after_db: Killed, point: str) -> None:
    wire = after_db[point]
    assert story_of(scene, wire) == Story()
    if needs_database(point):
        # It ran into the gap, and was tried again.
        step = str(step_of(point))
        steps = [run["step"] for run in runs_of(scene, wire, step)]
        assert steps.count(step) > STEPS_OF_A_WIRE.count(step)


@pytest.mark.parametrize("point", EVERYWHERE)
def test_a_wire_outlives_temporal(scene: Scene, after_temporal: Killed, point: str) -> None:
    assert story_of(scene, after_temporal[point]) == Story()


@pytest.mark.parametrize("point", [*IN_THE_DATABASE, *AT_THE_INBOX])
def test_a_wire_outlives_a_power_cut(scene: Scene, after_power_cut: Killed, point: str) -> None:
    assert story_of(scene, after_power_cut[point]) == Story()


def test_the_books_are_in_order_after_all_that(scene: Scene) -> None:
    scene.end(scene.ordered)
    assert books_of(scene) == Books()


async def test_every_process_has_ended_and_none_was_led_astray(scene: Scene) -> None:
    scene.end(scene.ordered)
    client = await Client.connect(scene.temporal_address)
    for wire in scene.ordered:
        process = client.get_workflow_handle(f"wire/{wire}")
        # Its last row is written a moment before it ends.
        async with asyncio.timeout(PATIENCE_SECONDS):
            closing = process.fetch_history_events(
                wait_new_event=True, event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT
            )
            assert [event.event_type async for event in closing] == [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED]
        history = await process.fetch_history()
        failures = {event.workflow_task_failed_event_attributes.cause for event in history.events} - {0}
        # That somebody woke it while it was about to end is no failure of the process.
        assert failures <= {WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND}
    del client, process
    temporal.release_clients()
