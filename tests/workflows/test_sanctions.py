"""The daily refresh: each list by itself, and a failure is told and seen."""

from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from infra.schedules import SCHEDULES
from models.screening.lists import Imported
from tests.factories.damage import damage
from tests.workflows.conftest import Desk


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
