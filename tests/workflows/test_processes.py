"""Open rows without a process, as operations find them and start them again."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import processes
from infra.database import transaction
from infra.processes import Life, Process
from infra.providers.bank import FolderChannel
from models.errors import NotFound, WrongState
from tests.factories.damage import damage
from tests.workflows.conftest import Desk, until


async def _looked(desk: Desk) -> list[Process]:
    return await processes.looked_at(
        desk.engine, desk.client, task_queue=desk.settings.task_queue, settled=timedelta(0)
    )


async def _restarted(desk: Desk, *wires: UUID) -> list[str]:
    return await processes.restart(
        desk.engine,
        desk.client,
        [f"wire/{wire_id}" for wire_id in wires],
        task_queue=desk.settings.task_queue,
        public_url=desk.settings.public_url,
        reason="it was terminated by mistake",
        operator="kim",
    )


async def test_a_wire_whose_process_was_terminated_is_found_and_goes_on_from_its_row(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    assert [(one.name, one.status, one.life) for one in await _looked(desk)] == [
        (f"wire/{wire_id}", "awaiting_approval", Life.RUNS)
    ]
    await desk.process(wire_id).terminate("a mistake")
    # The outbox wakes nobody who has ended: the approval stands in the rows, and waits.
    await desk.approve(wire_id)
    found = await _looked(desk)
    assert [(one.status, one.life, one.is_stuck, one.hangs_on) for one in found] == [
        ("approved", Life.ENDED, True, "terminated")
    ]
    assert await _restarted(desk, wire_id) == [f"wire/{wire_id}"]
    await desk.sent(wire_id)
    await desk.hear_bank()
    await desk.reaches(wire_id, "completed")
    await until(lambda: _looked(desk), lambda looked: looked == [])
    async with transaction(desk.engine) as session:
        told = await session.execute(text("SELECT new_values FROM audit_logs WHERE action = 'process.restart'"))
        assert told.scalar_one() == {"reason": "it was terminated by mistake", "operator": "kim"}
    with pytest.raises(WrongState):
        await _restarted(desk, wire_id)


async def test_a_process_that_runs_is_woken_and_not_doubled(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    before = (await desk.process(wire_id).describe()).run_id
    assert await _restarted(desk, wire_id) == []
    assert (await desk.process(wire_id).describe()).run_id == before
    with pytest.raises(NotFound):
        await _restarted(desk, UUID(int=7))


async def test_a_process_whose_row_has_ended_is_told(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    await damage(desk.engine, "UPDATE wire_transfers SET status = 'expired'", "UPDATE holds SET status = 'released'")
    found = await until(lambda: _looked(desk), lambda looked: len(looked) == 1)
    assert [(one.name, one.status, one.life) for one in found] == [(f"wire/{wire_id}", "no open row", Life.ORPHAN)]


async def test_a_step_that_fails_again_and_again_is_told_with_its_reason(desk: Desk) -> None:
    # Where the staging folder should be made stands a file: the order cannot leave.
    staging = FolderChannel(desk.settings.bank_outbox, desk.settings.bank_inbox).staging
    await asyncio.to_thread(staging.touch)
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    await desk.approve(wire_id)
    found = await until(lambda: _looked(desk), lambda looked: looked[0].life is Life.RETRIES)
    assert found[0].hangs_on.startswith("wire.send, try ")
    # Temporal keeps it sealed; who has the keys reads it.
    assert "Encoded failure" not in found[0].hangs_on
    assert staging.name in found[0].hangs_on
    await asyncio.to_thread(staging.unlink)
    await desk.sent(wire_id)
