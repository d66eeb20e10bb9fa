"""Which keys the histories need that Temporal still has, so that an older key can be destroyed.

1. Give every process the new key in `AURUM_PAYLOAD_KEYS`, and only then make it current with `AURUM_PAYLOAD_KEY_ID`.
2. What is written from then on has the new key. Histories are never written again, so the older key is needed until the
   last process that used it has ended and its history is gone: `python -m infra.admin payload-keys`.
3. When that says that nothing needs it: take it out.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import Message
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeScheduleRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from infra.payloads import is_sealed, key_of, payloads_in

AT_ONCE: Final = 16


@dataclass
class KeyUse:
    """How many need each key, by its id. What was written before the sealing needs none."""

    running: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    schedules: Counter[str] = field(default_factory=Counter)
    retention_days: int = 0

    def needed(self) -> frozenset[str]:
        """The ids of the keys that something needs."""
        return frozenset({*self.running, *self.ended, *self.schedules})


async def keys_in_use(client: Client) -> KeyUse:
    """Reads every history that the server has, and every schedule: for 100,000 processes some minutes.

    Raises `RPCError`. What begins while this reads has the current key anyway.
    """
    use = KeyUse()
    told = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    use.retention_days = told.config.workflow_execution_retention_ttl.ToTimedelta().days
    async for batch in _batches(client):
        for execution, ids in zip(batch, await asyncio.gather(*(_keys(client, one) for one in batch)), strict=True):
            counted = use.running if execution.status is WorkflowExecutionStatus.RUNNING else use.ended
            counted.update(ids)
    async for listed in await client.list_schedules():
        schedule = await client.workflow_service.describe_schedule(
            DescribeScheduleRequest(namespace=client.namespace, schedule_id=listed.id)
        )
        use.schedules.update(_ids([schedule]))
    return use


async def _batches(client: Client) -> AsyncIterator[list[WorkflowExecution]]:
    batch: list[WorkflowExecution] = []
    async for execution in client.list_workflows():
        batch.append(execution)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    yield batch


async def _keys(client: Client, execution: WorkflowExecution) -> frozenset[str]:
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        history = await handle.fetch_history()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            # Its retention has ended since it was listed.
            return frozenset()
        raise
    return _ids(history.events)


def _ids(messages: Iterable[Message]) -> frozenset[str]:
    found = (payload for message in messages for payload in payloads_in(message))
    return frozenset(key_of(payload) for payload in found if is_sealed(payload))
