"""The sealer's run: all that waits is sealed, the head is kept, and a chain that was cut off fails the run."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from infra.audit_anchors import AnchorFile
from infra.database import transaction
from infra.schedules import SCHEDULES
from models.audit_chain import SealReport
from models.tables.audit_walk import verify
from tests.factories.audit import add_lines, tamper
from tests.workflows.conftest import Desk


async def _run(desk: Desk) -> SealReport:
    report: SealReport = await desk.client.execute_workflow(
        "audit-seal", id=f"audit-seal/{uuid4()}", task_queue=desk.settings.task_queue, result_type=SealReport
    )
    return report


async def _age(desk: Desk) -> None:
    """Makes every line old enough to be sealed."""
    await tamper(desk.engine, "UPDATE audit_logs SET at = at - interval '10 seconds'")


async def test_a_run_seals_what_waits_and_keeps_the_head(desk: Desk) -> None:
    assert SCHEDULES["audit-seal"].workflow == "audit-seal"
    assert desk.settings.audit_anchor_file is not None
    kept = AnchorFile(desk.settings.audit_anchor_file)
    ids = await add_lines(desk.engine, 3)
    await _age(desk)
    assert (await _run(desk)).sealed in {0, 3}  # 0 when the step ran twice and the second found nothing
    async with transaction(desk.engine) as session:
        found = await verify(session, anchors=kept.read())
    assert (found.intact, found.verified, found.anchors) == (True, 3, 1)
    for table, column in (("audit_seals", "audit_id"), ("audit_logs", "id")):
        await tamper(desk.engine, f"DELETE FROM {table} WHERE {column} = :id", id=ids[-1])
    await add_lines(desk.engine, 1)
    await _age_last(desk)
    with pytest.raises(WorkflowFailureError) as failed:
        await _run(desk)
    assert _cause(failed.value).type == "audit_chain_broken"
    assert await desk.count("audit_seals") == 3  # it is sealed all the same


async def _age_last(desk: Desk) -> None:
    await tamper(
        desk.engine,
        "UPDATE audit_logs SET at = at - interval '10 seconds' WHERE id NOT IN (SELECT audit_id FROM audit_seals)",
    )


def _cause(error: WorkflowFailureError) -> ApplicationError:
    cause: Any = error.cause
    assert isinstance(cause, ApplicationError)
    return cause


async def test_a_run_costs_few_history_events(desk: Desk) -> None:
    await add_lines(desk.engine, 1)
    await _run(desk)
    workflow_id = f"audit-seal/{uuid4()}"
    handle = await desk.client.start_workflow("audit-seal", id=workflow_id, task_queue=desk.settings.task_queue)
    await handle.result()
    assert len((await handle.fetch_history()).events) <= 8
    async with transaction(desk.engine) as session:
        assert (await session.execute(text("SELECT count(*) FROM audit_logs"))).scalar_one() == 1
