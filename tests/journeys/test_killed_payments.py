"""SIGKILL of the worker at any step of a payment by a local rail, and inside the step that gives an order to the bank:
the order leaves once, and what the worker held is taken over because its heartbeat stopped.

Payments are brought to a stop at every point, and two wires inside `wire.send`. Then the worker is killed once, all are
let go, and a new worker has to bring each of them to its end.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from temporalio.api.enums.v1 import TimeoutType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from infra import temporal
from infra.local.parts import Part
from tests.journeys.scene import Scene
from tests.journeys.story import Story, paid, story_of
from workflows.policies import PROVIDER_HEARTBEAT, PROVIDER_SECONDS

pytestmark = pytest.mark.crash

# The steps of a completed payment, in their order. A test holds this list against what a payment really runs.
STEPS: Final = (
    "payment.fund",
    "payment.release",
    "payment.send",
    "payment.apply_answers on released",
    "payment.apply_answers on acknowledged",
    "payment.conclude",
)
INSIDE_SEND: Final = ("before publish", "after publish")
AROUND_STEPS: Final = tuple(f"{side} {step}" for step in STEPS for side in ("before", "after"))
# What was killed: a payment for each of its points, and two wires, which `test_killed_parts` kills everywhere else.
AT: Final = (*(("payment", point) for point in (*AROUND_STEPS, *INSIDE_SEND)), *(("wire", at) for at in INSIDE_SEND))
Killed = dict[tuple[str, str], str]


def stopped(scene: Scene) -> Killed:
    """Orders that stand at every point now."""
    orders = {at: scene.order(at[1]) if at[0] == "wire" else scene.pay(at[1]) for at in AT}
    there = scene.drive(orders.values(), lambda: scene.held(orders.values()), seconds=30)
    assert there, f"some have not stopped: {[at for at, order in orders.items() if not scene.held([order])]}"
    return orders


@pytest.fixture(scope="module")
def killed(scene: Scene) -> Iterator[Killed]:
    """Orders that met the end of their worker, and have come to their own end."""
    for _ in range(3):
        orders = stopped(scene)
        # A stop ends when its step runs out of time, as on a very busy machine.
        if stand := scene.stands(orders.values()):
            break
        scene.free(orders.values())
        scene.end(orders.values())
    assert stand, "this machine is too busy to hold orders where they are"
    with scene.without(Part.WORKER):
        scene.free(orders.values(), dead=[Part.WORKER])
    scene.end(orders.values())
    yield orders
    temporal.release_clients()


async def attempts(scene: Scene, process: str, step: str) -> tuple[HistoryEvent, HistoryEvent]:
    """How a step was planned, and how the attempt that succeeded began, by the process's history."""
    client = await Client.connect(scene.temporal_address)
    events = (await client.get_workflow_handle(process).fetch_history()).events
    (planned,) = (
        event for event in events if event.activity_task_scheduled_event_attributes.activity_type.name == step
    )
    (begun,) = (
        event
        for event in events
        if event.HasField("activity_task_started_event_attributes")
        and event.activity_task_started_event_attributes.scheduled_event_id == planned.event_id
    )
    del client
    return planned, begun


def test_every_step_of_a_payment_is_among_the_points(scene: Scene) -> None:
    payment = scene.pay()
    scene.end([payment])
    assert story_of(scene, payment) == paid()
    ran = [run["step"] for run in scene.runs() if run["process"] == f"payment/{payment}"]
    assert ran == [step.split()[0] for step in STEPS]


@pytest.mark.parametrize(("kind", "point"), AT)
def test_what_was_killed_is_carried_out_once(scene: Scene, killed: Killed, kind: str, point: str) -> None:
    order = killed[kind, point]
    assert story_of(scene, order) == (Story() if kind == "wire" else paid())
    assert scene.mark(order)["program"] == "worker"


@pytest.mark.parametrize("kind", ["payment", "wire"])
@pytest.mark.parametrize("point", INSIDE_SEND)
async def test_a_kill_while_sending_is_noticed_by_the_heartbeat(
    scene: Scene, killed: Killed, record_property: Any, kind: str, point: str
) -> None:
    planned, begun = await attempts(scene, f"{kind}/{killed[kind, point]}", f"{kind}.send")
    asked = planned.activity_task_scheduled_event_attributes
    assert asked.heartbeat_timeout.ToTimedelta() == PROVIDER_HEARTBEAT < PROVIDER_SECONDS
    second = begun.activity_task_started_event_attributes
    assert second.attempt == 2
    # Not the end of its whole time: its silence.
    assert second.last_failure.timeout_failure_info.timeout_type == TimeoutType.TIMEOUT_TYPE_HEARTBEAT
    record_property("seconds_until_the_next_attempt", (begun.event_time.seconds - planned.event_time.seconds))
