"""The process of a wire, with time skipped: each way it can go, and the books after it."""

from tests.factories import wires as make
from tests.workflows.conftest import Desk


async def test_an_approved_wire_is_sent_acknowledged_settled_and_told(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    await desk.approve(wire_id)
    await desk.sent(wire_id)
    await desk.hear_bank()
    outcome = await desk.process(wire_id).result()
    assert outcome.status == "completed"
    assert await make.books(desk.engine) == {
        "breaches": [],
        "totals": {"EUR": 0, "USD": 0},
        "wire_entries": [f"wire/{wire_id}/settlement"],
    }
    assert len(desk.bank.orders()) == 1
    assert await desk.events(wire_id) == [
        "ordered", "screened", "awaiting_approval", "approval_given", "released", "sent", "acknowledged", "completed",
    ]  # fmt: skip
