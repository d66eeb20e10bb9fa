"""A step that fails for a while leaves no more in its process's history the longer it fails."""

from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from infra.sandbox import sandbox
from workflows.policies import AT_ONCE

with workflow.unsafe.imports_passed_through():
    from workflows.steps import database_step

ATTEMPTS = AT_ONCE.maximum_attempts


class Steps:
    """A step that succeeds after a number of failures, or is refused for good."""

    def __init__(self) -> None:
        self.calls = 0

    @activity.defn(name="test.fails")
    async def fails(self, times: int) -> int:
        self.calls += 1
        if times < 0:
            raise ApplicationError("refused", type="refused", non_retryable=True)
        if self.calls <= times:
            raise RuntimeError("no database")
        return self.calls


@workflow.defn(name="test-step")
class StepWorkflow:
    """One step."""

    @workflow.run
    async def run(self, times: int) -> int:
        answer: int = await database_step(Steps.fails, times, "A step")
        return answer


@pytest.mark.parametrize(("times", "activities"), [(0, 0), (ATTEMPTS - 1, 0), (ATTEMPTS, 1), (ATTEMPTS + 2, 1)])
async def test_what_fails_for_long_goes_on_as_an_activity(
    temporal_server: WorkflowEnvironment, times: int, activities: int
) -> None:
    steps, queue = Steps(), f"steps-{uuid4()}"
    async with Worker(
        temporal_server.client,
        task_queue=queue,
        workflows=[StepWorkflow],
        activities=[steps.fails],
        workflow_runner=sandbox(),
    ):
        handle = await temporal_server.client.start_workflow(StepWorkflow.run, times, id=queue, task_queue=queue)
        assert await handle.result() == times + 1
        history = (await handle.fetch_history()).events
    assert sum(event.HasField("activity_task_scheduled_event_attributes") for event in history) == activities
    # Of which a success alone takes six.
    assert len(history) <= (6 if times == 0 else 24)


async def test_a_refusal_is_not_tried_again(temporal_server: WorkflowEnvironment) -> None:
    steps, queue = Steps(), f"steps-{uuid4()}"
    async with Worker(
        temporal_server.client,
        task_queue=queue,
        workflows=[StepWorkflow],
        activities=[steps.fails],
        workflow_runner=sandbox(),
    ):
        with pytest.raises(WorkflowFailureError):
            await temporal_server.client.execute_workflow(StepWorkflow.run, -1, id=queue, task_queue=queue)
    assert steps.calls == 1
