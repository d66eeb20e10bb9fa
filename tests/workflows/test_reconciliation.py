"""Reconciliation as a process, with statements that mock-bank wrote: whole ones, and one that it left an entry off."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from infra.database import transaction
from infra.schedules import SCHEDULES
from models.reconciliation import Reconciled
from tests.workflows.conftest import Desk

REFERENCE = "bank_statement_entries WHERE matched_by = 'reference'"


async def _reconciled(desk: Desk) -> Reconciled:
    assert SCHEDULES["reconciliation"].workflow == "reconciliation"
    # What was read just now is given time by its process, and a test gives it none.
    async with transaction(desk.engine) as session:
        await session.execute(text("UPDATE bank_statements SET received_at = received_at - interval '1 hour'"))
    done: Reconciled = await desk.client.execute_workflow(
        "reconciliation",
        id=f"reconciliation/{uuid4()}",
        task_queue=desk.settings.task_queue,
        result_type=Reconciled,
    )
    return done


async def _paid(desk: Desk, **changes: Any) -> UUID:
    wire_id = await desk.order(**changes)
    await desk.reaches(wire_id, "awaiting_approval", "released")
    if await desk.status(wire_id) == "awaiting_approval":
        await desk.approve(wire_id)
    await desk.sent(wire_id)
    await desk.hear_bank()
    return wire_id


async def _breaks(desk: Desk) -> list[str]:
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text(
                "SELECT kind || ' ' || account || ' ' || detail FROM reconciliation_breaks"
                # mock-bank sends the statements of other holders' accounts too.
                " WHERE kind <> 'unknown_account' ORDER BY kind"
            )
        )
        return list(rows.scalars().all())


async def _days(desk: Desk, days: int) -> None:
    desk.bank.until(desk.bank.today + timedelta(days=days))
    await desk.hear_bank()


async def test_what_the_bank_booked_and_what_we_booked_are_the_same(desk: Desk) -> None:
    wire_id = await _paid(desk)
    await _days(desk, 2)
    await desk.reaches(wire_id, "completed")
    await _reconciled(desk)
    assert await desk.count(REFERENCE) == 1
    assert await desk.count("bank_statement_entries") == 1
    assert await _breaks(desk) == []


async def test_a_statement_that_leaves_an_entry_off_is_told_once(desk: Desk) -> None:
    desk.bank.behave("USD", "statement-gap")
    wire_id = await _paid(desk)
    await _days(desk, 1)
    await desk.reaches(wire_id, "completed")
    await _days(desk, 5)
    await _reconciled(desk)
    await _reconciled(desk)
    # The balance went down and no entry says why; and what we booked is on no statement.
    assert [line.split()[0] for line in await _breaks(desk)] == ["balance_gap", "not_in_theirs"]
    assert await desk.count("notifications WHERE event = 'operations.reconciliation'") == 1


async def test_money_that_came_back_is_matched_beside_the_payment(desk: Desk) -> None:
    desk.bank.behave("USD", "return-later", days=2, reason="AC04")
    wire_id = await _paid(desk)
    await _days(desk, 1)
    await desk.reaches(wire_id, "completed")
    await _days(desk, 6)
    await desk.reaches(wire_id, "returned")
    await _reconciled(desk)
    assert await desk.count(REFERENCE) == 2
    assert await _breaks(desk) == []
