"""The sandbox refuses what a replay would answer otherwise, and nothing of ours needs the contexts it leaves out."""

import time
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.converter import CompositePayloadConverter, WithSerializationContext
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from infra.payloads import data_converter
from infra.sandbox import sandbox
from infra.settings import Settings


@workflow.defn(name="test-clock", failure_exception_types=[Exception])
class ClockWorkflow:
    """Reads the machine's clock, as no workflow may."""

    @workflow.run
    async def run(self) -> float:
        return time.time()


async def test_a_workflow_that_reads_the_clock_is_stopped(temporal_server: WorkflowEnvironment) -> None:
    queue = f"sandbox-{uuid4()}"
    async with Worker(temporal_server.client, task_queue=queue, workflows=[ClockWorkflow], workflow_runner=sandbox()):
        with pytest.raises(WorkflowFailureError) as failed:
            await temporal_server.client.execute_workflow(ClockWorkflow.run, id=queue, task_queue=queue)
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "RestrictedWorkflowAccessError"


def test_payloads_are_the_same_in_every_context() -> None:
    """What would read a context gets none from `infra.sandbox`: with such a converter, codec or store it has to go."""
    converter = data_converter(Settings(_env_file=None))
    assert not isinstance(converter.payload_codec, WithSerializationContext)
    assert converter.external_storage is None
    assert not issubclass(converter.failure_converter_class, WithSerializationContext)
    payloads = converter.payload_converter_class()
    assert isinstance(payloads, CompositePayloadConverter)
    assert not [one for one in payloads.converters.values() if isinstance(one, WithSerializationContext)]
