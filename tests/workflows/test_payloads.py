"""What Temporal keeps of our processes is sealed, whoever reads it there: asked of a real server, past our client."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, QueryWorkflowRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from infra import schedules
from infra.database import transaction
from infra.local.site import REPOSITORY
from infra.payloads import data_converter, is_sealed, key_of, payloads_in
from infra.sandbox import sandbox
from infra.settings import Settings
from models.search_attributes import SEARCH_ATTRIBUTES
from models.tables import wires
from tests.factories.sealed import fresh_key
from tests.temporal_server import temporal_server as running_temporal
from tests.workflows.conftest import Desk
from tests.workflows.secrets import SECRET, SecretWorkflow, telling
from workflows.registry import WORKFLOWS

SETTINGS = Settings(_env_file=None)


def sealed_parts(event: HistoryEvent) -> Iterator[Payload]:
    """The payloads of an event, but for what the SDK's core notes for itself beside the result of a local activity:
    its name, its number, its times."""
    own = event.marker_recorded_event_attributes.details
    for name in [name for name in ("data", "patch-data") if name in own]:
        del own[name]
    yield from payloads_in(event)


async def _secret_process(client: Client) -> tuple[WorkflowHandle[Any, Any], WorkflowFailureError]:
    queue = f"secret-{uuid4()}"
    async with Worker(
        client, task_queue=queue, workflows=[SecretWorkflow], activities=[telling], workflow_runner=sandbox()
    ):
        handle = await client.start_workflow(
            SecretWorkflow.run,
            SECRET,
            id=queue,
            task_queue=queue,
            static_summary=SECRET,
            static_details=SECRET,
            memo={"note": SECRET},
            start_signal="told",
            start_signal_args=[SECRET],
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert await handle.query(SecretWorkflow.says) == SECRET
        metadata = await client.workflow_service.query_workflow(
            QueryWorkflowRequest(
                namespace=client.namespace,
                execution=WorkflowExecution(workflow_id=handle.id),
                query=WorkflowQuery(query_type="__temporal_workflow_metadata"),
            )
        )
        assert [is_sealed(one) for one in metadata.query_result.payloads] == [True]
    return handle, failed.value


async def test_nothing_that_a_process_writes_is_open_to_who_reads_the_server(
    temporal_server: WorkflowEnvironment,
) -> None:
    client = temporal_server.client
    handle, failed = await _secret_process(client)
    history = await handle.fetch_history()
    described = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=WorkflowExecution(workflow_id=handle.id))
    )
    kept = [event.SerializeToString() for event in history.events] + [described.SerializeToString()]
    assert not [one for one in kept if SECRET.encode() in one]
    # And it was there: who has the key reads the failure with its message, its details and its stack.
    assert isinstance(failed.cause, ApplicationError)
    assert (failed.cause.message, failed.cause.details, failed.cause.type) == (SECRET, (SECRET,), "refused")
    assert isinstance(failed.cause.cause, ActivityError)
    assert isinstance(failed.cause.cause.cause, ApplicationError)
    assert failed.cause.cause.cause.message == SECRET
    assert await (await handle.describe()).memo_value("note") == SECRET


async def test_a_wire_is_sealed_at_the_server_and_replays(desk: Desk) -> None:
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    async with transaction(desk.api_engine, desk.people.as_customer()) as session:
        await wires.cancel(session, wire_id, desk.people.customer)
    await desk.dispatch()
    await desk.process(wire_id).result()
    history = await desk.process(wire_id).fetch_history()
    await Replayer(
        workflows=WORKFLOWS, data_converter=data_converter(SETTINGS), workflow_runner=sandbox()
    ).replay_workflow(history)
    parts = [part for event in history.events for part in sealed_parts(event)]
    assert len(parts) > 10
    assert all(is_sealed(part) for part in parts)
    attributes = [
        (name, json.loads(value.data))
        for event in history.events
        for name, value in (
            *event.workflow_execution_started_event_attributes.search_attributes.indexed_fields.items(),
            *event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields.items(),
        )
    ]
    assert {name for name, _ in attributes} <= {*SEARCH_ATTRIBUTES, "BuildIds"}
    # A person is there by the id of their row alone.
    assert {value for name, value in attributes if name == "CustomerRef"} == {str(desk.people.customer)}
    assert {type(value) for name, value in attributes if name == "AmountMinor"} == {int}


async def test_processes_from_before_the_sealing_go_on(temporal_server: WorkflowEnvironment) -> None:
    """One that was begun in the clear is carried on by a worker that seals, and the other way round."""
    plain = _client(temporal_server.client, Settings(_env_file=None, payload_encryption=False))
    queue = f"before-{uuid4()}"
    begun = await plain.start_workflow("test-secret", SECRET, id=queue, task_queue=queue, static_summary=SECRET)
    async with Worker(
        temporal_server.client,
        task_queue=queue,
        workflows=[SecretWorkflow],
        activities=[telling],
        workflow_runner=sandbox(),
    ):
        with pytest.raises(WorkflowFailureError) as failed:
            await temporal_server.client.get_workflow_handle(queue).result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.message == SECRET
    first, *_, last = (await begun.fetch_history()).events
    assert SECRET.encode() in first.SerializeToString()
    assert SECRET.encode() not in last.SerializeToString()


async def test_older_keys_open_and_new_payloads_have_the_new_key(temporal_server: WorkflowEnvironment) -> None:
    old = temporal_server.client
    handle, _ = await _secret_process(old)
    keys = {**SETTINGS.payload_keys, "2026": fresh_key()}
    rotated = Settings(_env_file=None, payload_keys=keys, payload_key_id="2026")
    new = _client(old, rotated)
    described = await new.get_workflow_handle(handle.id).describe()
    assert await described.static_summary() == SECRET
    (sealed,) = await data_converter(rotated).encode([SECRET])
    assert key_of(sealed) == "2026"


async def test_operations_are_told_which_keys_are_needed() -> None:
    keys = {"2025": fresh_key(), "2026": fresh_key()}
    # A server of its own, with nothing of other tests on it.
    async with running_temporal() as environment:
        old, new = (
            _client(environment.client, Settings(_env_file=None, payload_keys=keys, payload_key_id=current))
            for current in keys
        )
        await _secret_process(old)
        waiting = await old.start_workflow("test-secret", SECRET, id="waiting", task_queue="nobody")
        await new.start_workflow("test-secret", SECRET, id="newer", task_queue="nobody")
        await schedules.reconcile(new, task_queue="nobody")
        told = await _command(environment, keys)
        assert told[0] == 1
        assert "2025: 1 running processes, 1 ended ones, 0 schedules\n" in told[1]
        assert f"2026: 1 running processes, 0 ended ones, {len(schedules.SCHEDULES)} schedules (the current" in told[1]
        told = await _command(environment, {"2026": keys["2026"]})
        assert (told[0], "2025: 1 running processes, 1 ended ones, 0 schedules (MISSING" in told[1]) == (1, True)
        await waiting.terminate()
        assert "2025: 0 running processes, 2 ended ones" in (await _command(environment, keys))[1]


def _client(client: Client, settings: Settings) -> Client:
    config = client.config()
    config["data_converter"] = data_converter(settings)
    return Client(**config)


async def _command(environment: WorkflowEnvironment, keys: Mapping[str, SecretStr]) -> tuple[int, str]:
    given = {name: key.get_secret_value() for name, key in keys.items()}
    settings = {
        "AURUM_TEMPORAL_ADDRESS": environment.client.service_client.config.target_host,
        "AURUM_PAYLOAD_KEYS": json.dumps(given),
        "AURUM_PAYLOAD_KEY_ID": "2026",
    }
    ended: Any = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "infra.admin", "payload-keys"],
        cwd=REPOSITORY,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout
