"""A part that is away for a while, and one that is there twice: people are served, and nothing is done twice."""

import signal

import httpx
import pytest

from infra.local.parts import Part
from tests.journeys.scene import Scene
from tests.journeys.story import Books, Story, books_of, story_of, undone

pytestmark = pytest.mark.crash


def awaiting(scene: Scene, count: int) -> list[str]:
    """Wires that wait for an officer."""
    wires = [scene.order() for _ in range(count)]
    assert scene.until(lambda: set(scene.statuses(wires).values()) == {"awaiting_approval"})
    return wires


def test_the_api_takes_orders_and_decisions_while_temporal_is_away(scene: Scene) -> None:
    approved, rejected, cancelled = awaiting(scene, 3)
    with scene.without(Part.TEMPORAL):
        ready = scene.get("/ready")
        assert (ready.status_code, ready.json()["missing"]) == (httpx.codes.SERVICE_UNAVAILABLE, ["temporal"])
        assert scene.get("/health").status_code == httpx.codes.OK
        ordered = scene.order()
        decisions = (
            scene.approve(approved),
            scene.call("PUT", f"/wires/{rejected}/reject", "officer", json={"reason": "not today"}),
            scene.call("DELETE", f"/wires/{cancelled}", "customer"),
        )
        assert [decision.status_code for decision in decisions] == [httpx.codes.OK] * 3
        assert scene.statuses([ordered, approved]) == {ordered: "pending", approved: "approved"}
    assert scene.until(lambda: scene.get("/ready").is_success)
    scene.end([approved, rejected, cancelled, ordered])
    assert [story_of(scene, wire) for wire in (approved, ordered)] == [Story(), Story()]
    before = ("ordered", "screened", "awaiting_approval")
    assert story_of(scene, rejected) == undone("rejected", *before, "rejected")
    assert story_of(scene, cancelled) == undone("cancelled", *before, "cancelled")


def test_the_api_takes_orders_and_decisions_while_the_worker_is_away(scene: Scene) -> None:
    (approved,) = awaiting(scene, 1)
    with scene.without(Part.WORKER):
        assert scene.get("/ready").is_success
        ordered = scene.order()
        scene.approve(approved).raise_for_status()
        assert scene.statuses([ordered, approved]) == {ordered: "pending", approved: "approved"}
    scene.end([approved, ordered])
    assert [story_of(scene, wire) for wire in (approved, ordered)] == [Story(), Story()]


def test_two_workers_on_one_stack_do_nothing_twice(scene: Scene) -> None:
    second = scene.second_worker()
    try:
        wires = [scene.order() for _ in range(12)]
        scene.end(wires)
    finally:
        second.signal(signal.SIGTERM)
        second.finish(20)
    assert [story_of(scene, wire) for wire in wires] == [Story()] * len(wires)
    workers = {run["pid"] for run in scene.runs() if run["process"] in {f"wire/{wire}" for wire in wires}}
    assert second.pid in workers
    assert len(workers) == 2


def test_the_books_are_in_order_after_all_that(scene: Scene) -> None:
    scene.end(scene.ordered)
    assert books_of(scene) == Books()
