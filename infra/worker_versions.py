"""Builds of the worker that run side by side (decision 0042): which is current, what still needs an older one.

Temporal keeps the builds and who gets what; this asks and tells it. Every function raises `RPCError`.
"""

import asyncio
import getpass
import socket
from dataclasses import dataclass
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import RoutingConfigUpdateState, WorkerDeploymentVersionStatus
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentResponse,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

_MOVING_ON: Final = WorkflowExecutionOptions(versioning_override=VersioningOverride(auto_upgrade=True))
_LOOK_SECONDS: Final = 0.2
_STATUS: Final = "WORKER_DEPLOYMENT_VERSION_STATUS_"


@dataclass(frozen=True)
class Build:
    """One build. `share`: how much of what is new it gets, in per cent; `staying`: how many running processes stay with
    it until they end."""

    build_id: str
    status: str
    share: float
    staying: int

    @property
    def may_end(self) -> bool:
        """Whether its workers may be stopped."""
        return not self.share and not self.staying


async def builds(client: Client, deployment: str) -> list[Build]:
    """Every build that Temporal knows of, the newest first. The count of processes follows them by a second or two."""
    told = await _described(client, deployment)
    routing = told.worker_deployment_info.routing_config
    ramping = routing.ramping_version_percentage
    shares = {routing.ramping_deployment_version.build_id: ramping} if ramping else {}
    shares[routing.current_deployment_version.build_id] = 100 - ramping
    known = sorted(
        told.worker_deployment_info.version_summaries, key=lambda one: one.create_time.ToDatetime(), reverse=True
    )
    return [
        Build(
            build_id=one.deployment_version.build_id,
            status=WorkerDeploymentVersionStatus.Name(one.status).removeprefix(_STATUS).lower(),
            share=shares.get(one.deployment_version.build_id, 0),
            staying=(await client.count_workflows(_staying(deployment, one.deployment_version.build_id))).count,
        )
        for one in known
    ]


async def make_current(client: Client, deployment: str, build_id: str) -> None:
    """Gives `build_id` everything that is new, and the processes that move on. Refused where no worker of it polls."""
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=deployment, build_id=build_id, identity=_identity()
        )
    )
    await _known_everywhere(client, deployment)


async def ramp(client: Client, deployment: str, build_id: str, percent: float) -> None:
    """Gives `build_id` some per cent of what is new; with 0 nothing any more."""
    await client.workflow_service.set_worker_deployment_ramping_version(
        SetWorkerDeploymentRampingVersionRequest(
            namespace=client.namespace,
            deployment_name=deployment,
            build_id=build_id if percent else "",
            percentage=percent,
            identity=_identity(),
        )
    )
    await _known_everywhere(client, deployment)


async def move(client: Client, deployment: str, build_id: str) -> int:
    """Lets the running processes that stay with `build_id` move on to the current build, each when it is next woken.
    Returns how many."""
    moved = 0
    async for process in client.list_workflows(_staying(deployment, build_id)):
        asked = UpdateWorkflowExecutionOptionsRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=process.id, run_id=process.run_id),
            workflow_execution_options=_MOVING_ON,
            update_mask=FieldMask(paths=["versioning_override"]),
            identity=_identity(),
        )
        try:
            await client.workflow_service.update_workflow_execution_options(asked)
        except RPCError as error:
            # The list follows a second late: this one has ended.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            moved += 1
    return moved


async def _known_everywhere(client: Client, deployment: str) -> None:
    """Waits until every task queue has heard of a change, so that what is new goes where it was said to go."""
    while True:
        state = (await _described(client, deployment)).worker_deployment_info.routing_config_update_state
        if state != RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _described(client: Client, deployment: str) -> DescribeWorkerDeploymentResponse:
    return await client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    )


def _staying(deployment: str, build_id: str) -> str:
    return (
        f'TemporalWorkerDeploymentVersion = "{deployment}:{build_id}" AND ExecutionStatus = "Running"'
        ' AND TemporalWorkflowVersioningBehavior = "Pinned"'
    )


def _identity() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
