"""What a step did and could not say, because its worker died: the next worker's process finds it in the rows."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from models.wires import WireStep
from tests.factories import wires as make
from tests.workflows.conftest import Desk


async def unheard(desk: Desk, wire_id: UUID, *names: str) -> None:
    """Runs steps of a wire that its process never hears of."""
    # Payments have steps of the same names.
    steps: dict[str, Callable[[WireStep], Awaitable[Any]]] = {
        step.__qualname__: step for step in desk.parts.activities if step.__module__.startswith("activities.wires.")
    }
    for name in names:
        await steps[name](WireStep(wire_id=wire_id, at=datetime.now(UTC)))


async def test_a_wire_that_was_released_unheard_is_sent(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    await make.approved(desk.api_engine, desk.people, wire_id)
    await unheard(desk, wire_id, "ApprovalSteps.review", "PaymentSteps.release")
    await desk.dispatch()
    await desk.sent(wire_id)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    assert [order["status"] for order in desk.bank.orders()] == ["accepted"]


async def test_a_wire_that_was_checked_unheard_goes_to_the_officers(desk: Desk) -> None:
    wire = await make.ordered(desk.api_engine, desk.people)
    await unheard(desk, wire.id, "ApprovalSteps.screen", "ApprovalSteps.route")
    await desk.dispatch()
    await desk.approve(wire.id)
    await desk.sent(wire.id)


async def test_a_wire_that_was_settled_unheard_is_told_of(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    await desk.approve(wire_id)
    await desk.sent(wire_id)
    desk.bank.answer()
    await desk.parts.inbox.read_waiting()
    await unheard(desk, wire_id, "SettlementSteps.apply_answers", "ApprovalSteps.conclude")
    await desk.dispatch()
    assert (await desk.process(wire_id).result()).status == "completed"
    assert await desk.count(f"notifications WHERE user_id = '{desk.people.customer}'") == 1
