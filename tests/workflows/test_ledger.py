"""The proof as a process: it is kept and shown, a breach suspends posting, and wires wait until posting goes on."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from infra.database import transaction
from infra.schedules import SCHEDULES
from models.ledger_proof import Proof
from models.tables import ledger, ledger_proofs
from models.upkeep import RolledUp
from tests.factories.damage import damage
from tests.workflows.conftest import Desk, until


async def _proved(desk: Desk, workflow_id: str) -> Proof:
    proof: Proof = await desk.client.execute_workflow(
        "ledger-proof", id=workflow_id, task_queue=desk.settings.task_queue, result_type=Proof
    )
    return proof


async def test_a_proof_that_holds_is_kept(desk: Desk) -> None:
    assert SCHEDULES["ledger-proof"].workflow == "ledger-proof"
    proof = await _proved(desk, f"ledger-proof/{uuid4()}")
    assert proof.holds
    assert proof.entries == 2
    assert await desk.count("ledger_proofs") == 1  # also when the step ran twice
    assert await desk.count("ledger_freezes") == 0


async def test_a_wire_waits_while_the_ledger_is_frozen_and_goes_on_afterwards(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    await damage(desk.engine, "UPDATE accounts SET posted_minor = posted_minor + 1 WHERE currency = 'EUR'")
    with pytest.raises(WorkflowFailureError) as failed:
        await _proved(desk, f"ledger-proof/{uuid4()}")
    cause: Any = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "ledger_breach"
    assert await desk.count("ledger_freezes WHERE ended_at IS NULL") == 1

    # Deciding, and sending what was decided, moves no money on the books.
    await desk.approve(wire_id)
    await desk.sent(wire_id)
    await desk.hear_bank()
    await until(lambda: _refused(desk, wire_id), bool)
    assert await desk.count("transactions WHERE transaction_type = 'wire'") == 0

    await damage(desk.engine, "UPDATE accounts SET posted_minor = posted_minor - 1 WHERE currency = 'EUR'")
    async with transaction(desk.engine) as session:
        await ledger_proofs.unfreeze(session, "the row is as it was", "olga")
    passing = asyncio.create_task(desk.passes(wire_id, timedelta(minutes=10)))
    await desk.reaches(wire_id, "completed")
    await passing
    async with transaction(desk.engine) as session:
        assert await ledger.proof(session) == []
        rows = await session.execute(text("SELECT count(*) FROM transactions WHERE transaction_type = 'wire'"))
        assert rows.scalar_one() == 1


async def _refused(desk: Desk, wire_id: Any) -> bool:
    """Whether the settlement was tried, and waits for its next turn."""
    history = await desk.process(wire_id).fetch_history()
    return any("ledger_frozen" in str(event) for event in history.events)


async def test_a_roll_up_brings_the_checkpoints_up_to_date(desk: Desk) -> None:
    assert SCHEDULES["ledger-rollup"].workflow == "ledger-rollup"
    waiting = await desk.count("ledger_unrolled")
    assert waiting == 2
    done: RolledUp = await desk.client.execute_workflow(
        "ledger-rollup",
        id=f"ledger-rollup/{uuid4()}",
        task_queue=desk.settings.task_queue,
        result_type=RolledUp,
    )
    assert done.lines in {0, waiting}  # 0 when the step ran twice and the second found nothing
    assert not done.more
    assert await desk.count("ledger_unrolled") == 0
    assert await desk.count("ledger_checkpoints") == waiting
