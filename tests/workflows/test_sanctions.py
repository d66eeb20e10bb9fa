"""The daily refresh: each list by itself, a failure is told and seen, and the wires in flight are screened again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from infra.schedules import SCHEDULES
from models.screening import Kind, ListedEntity
from models.screening.lists import Imported
from tests.factories import payments as pay_make
from tests.factories import wires as make
from tests.factories.damage import damage
from tests.workflows.conftest import Desk, until
from tests.workflows.payment_desk import passes, pay, process, reaches, row

# On the list that a refresh brings, and not on the one that these tests begin with.
THORNFIELD = "Thornfield Grain and Freight Cooperative"
LETTERS = "notifications WHERE event = 'wire.listed_after_release'"


async def refreshed(desk: Desk) -> list[Imported]:
    """What a run of the refresh gives."""
    done: list[Imported] = await desk.client.execute_workflow(
        "sanctions-refresh",
        id=f"sanctions-refresh/{uuid4()}",
        task_queue=desk.settings.task_queue,
        result_type=list[Imported],
    )
    return done


async def test_lists_are_refreshed(desk: Desk) -> None:
    assert SCHEDULES["sanctions-refresh"].workflow == "sanctions-refresh"
    # The list of these tests is two entries of another kind: it is emptied, so that nothing seems to be gone.
    await damage(desk.engine, "DELETE FROM sanctions_entries")
    (done,) = await refreshed(desk)
    assert (done.list, done.problems) == ("AURUM-DEMO", ())
    assert await desk.count("sanctions_entries WHERE until IS NULL") == await desk.count(
        "sanctions_entries WHERE list = 'AURUM-DEMO'"
    )
    assert await desk.count("sanctions_versions WHERE loaded_by = 'sanctions-refresh'") == 1
    (again,) = await refreshed(desk)
    assert again.version is None


async def test_a_refresh_that_fails_is_told_and_seen(desk: Desk) -> None:
    # Both entries of the list of these tests would be gone.
    with pytest.raises(WorkflowFailureError) as failed:
        await refreshed(desk)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "sanctions_refresh_failed"
    assert "2 of 2 entries would be gone" in str(failed.value.cause)
    assert await desk.count("sanctions_lists WHERE failure LIKE '%would be gone%' AND failed_at IS NOT NULL") == 1
    assert await desk.count("notifications WHERE event = 'list.failed'") == 1
    assert await desk.count("sanctions_versions") == 1


async def newly_listed(desk: Desk) -> None:
    """A refresh brings a version in which there is much that was not there before; the outbox is sent."""
    await damage(desk.engine, "DELETE FROM sanctions_entries")
    await refreshed(desk)
    await desk.dispatch()


async def test_a_waiting_wire_goes_to_the_compliance_desk_without_waiting_for_its_next_mark(desk: Desk) -> None:
    sure = await desk.order(recipient_name=THORNFIELD)
    similar = await desk.order(recipient_name="Seraphina Okonjo-Valle")
    other = await desk.order(recipient_name="Brightwater Dental")
    for wire_id in (sure, similar, other):
        await desk.reaches(wire_id, "awaiting_approval")
    before = await desk.events(other)
    await newly_listed(desk)
    await desk.reaches(sure, "blocked")
    await until(lambda: desk.count("wire_transfers WHERE compliance_status = 'in_review'"), bool)
    assert await desk.count(f"screening_cases WHERE wire_id IN ('{sure}', '{similar}')") == 2
    assert await desk.status(similar) == "awaiting_approval"
    assert await desk.events(other) == before
    assert await desk.count("sanctions_rescreenings WHERE woken = 2 AND told = 0") == 1


async def timers(handle: WorkflowHandle[Any, Any]) -> int:
    """How many timers a process has set."""
    history = await handle.fetch_history()
    return sum(event.HasField("timer_started_event_attributes") for event in history.events)


async def test_a_payment_that_waits_for_its_day_is_stopped_on_it(desk: Desk) -> None:
    day = datetime.now(UTC).date() + timedelta(days=3)
    order = pay_make.sepa_order(desk.people, recipient_name=THORNFIELD, due_on=day)
    payment_id = await pay(desk, order)
    await newly_listed(desk)
    assert (await row(desk, payment_id)).status == "scheduled"
    # It has looked, and waits again, before its time is let pass.
    await until(lambda: timers(process(desk, payment_id)), lambda set_: set_ == 2)
    await passes(desk, process(desk, payment_id), timedelta(days=4))
    assert await reaches(desk, payment_id, "blocked", "released") == "blocked"
    assert desk.bank.answer() == 0


async def test_an_approved_wire_is_blocked_before_its_window_opens(desk: Desk) -> None:
    later = datetime.now(UTC).date() + timedelta(days=30)
    wire_id = await desk.order(recipient_name=THORNFIELD, execution_date=later)
    await desk.reaches(wire_id, "awaiting_approval")
    await desk.approve(wire_id)
    await desk.reaches(wire_id, "approved")
    await newly_listed(desk)
    await desk.reaches(wire_id, "blocked")
    assert desk.bank.answer() == 0


async def test_of_a_wire_that_has_left_compliance_is_told_once_and_nothing_else_happens(desk: Desk) -> None:
    wire_id = await desk.order(recipient_name=THORNFIELD)
    await desk.reaches(wire_id, "awaiting_approval")
    await desk.approve(wire_id)
    await desk.sent(wire_id)
    before = await desk.events(wire_id)
    for _ in range(2):
        await newly_listed(desk)
    # Two officers and the senior one, each one letter, and the customer none.
    assert await desk.count(f"{LETTERS} AND body LIKE '%AD-E-012%/api/v1/wires/{wire_id}/recall%'") == 3
    assert await desk.count(f"{LETTERS} AND user_id = '{desk.people.customer}'") == 0
    assert await desk.count("outbox WHERE workflow = 'wire' AND dispatched_at IS NULL") == 0
    assert await desk.events(wire_id) == before
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"


async def test_what_an_operator_took_in_is_looked_through_by_the_next_run_even_if_a_refresh_fails(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    globex = ListedEntity(id="AD-9", kind=Kind.ENTITY, name="Globex Trading")
    await make.sanctions_list(desk.engine, "2026-11-02", more=(globex,))
    with pytest.raises(WorkflowFailureError):
        await refreshed(desk)
    await desk.dispatch()
    await desk.reaches(wire_id, "blocked")
