"""The Temporal client and worker as this bank uses them: sealed payloads, a sandbox with our modules, our errors.

Search attributes are declared in `models.search_attributes`.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
    WorkerDeploymentConfig,
)

from infra import tracing
from infra.correlation import CarriesCorrelation, Measured, StartsCorrelated
from infra.payloads import data_converter
from infra.sandbox import sandbox
from infra.settings import Settings
from infra.temporal_tls import tls_of
from models.errors import AurumError, Unavailable
from models.search_attributes import SEARCH_ATTRIBUTES

log = structlog.get_logger(__name__)


@lru_cache(maxsize=4)
def _runtime(metrics_address: str) -> Runtime | None:
    # One for a process and an address: a second one could not listen there. Names and units as Prometheus has them.
    told = PrometheusConfig(
        bind_address=metrics_address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=told))
    except ValueError as error:
        # Work comes before the measuring of it; that nobody is told shows at Prometheus.
        log.warning("metrics.not_told", address=metrics_address, error=str(error))
        return None


async def connect(settings: Settings, metrics_address: str | None = None) -> Client:
    """A client of the Temporal server in `settings`; what the SDK measures is told to Prometheus at `metrics_address`.

    Raises `RuntimeError` when the server does not answer.
    """
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        tls=tls_of(settings),
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        data_converter=data_converter(settings),
        interceptors=[*tracing.interceptors(), StartsCorrelated()],
        runtime=None if metrics_address is None else _runtime(metrics_address),
    )


async def connect_patiently(
    settings: Settings, metrics_address: str | None = None, *, first_wait: float = 0.2, longest_wait: float = 5
) -> Client:
    """Like `connect`, and waits for a server that is still starting: workers come up before it does."""
    wait = first_wait
    while True:
        try:
            return await connect(settings, metrics_address)
        except (RuntimeError, RPCError, OSError):
            await asyncio.sleep(wait)
            wait = min(wait * 2, longest_wait)


async def register_search_attributes(client: Client) -> None:
    """Makes the namespace know our search attributes. Safe to repeat; the embedded server gets them as it starts."""
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={
                name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
                for name, kind in SEARCH_ATTRIBUTES.items()
            },
        )
    )


class RefusalsAreFailures(Interceptor):
    """Turns what activities raise into failures that Temporal understands, in one place.

    A refusal of ours is final and expected (BENIGN: no error log, no failure metric); `Unavailable`, and a database or
    network that does not answer, are tried again by the activity's policy.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _RefusalsAreFailures(next)


class _RefusalsAreFailures(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await self.next.execute_activity(input)
        except Unavailable as error:
            seconds = error.extra.get("retry_after")
            delay = timedelta(seconds=seconds) if seconds else None
            raise ApplicationError(error.detail, type=error.code, next_retry_delay=delay) from error
        except AurumError as error:
            raise ApplicationError(
                error.detail, type=error.code, non_retryable=True, category=ApplicationErrorCategory.BENIGN
            ) from error
        except (OperationalError, PoolTimeout, ConnectionError) as error:
            raise ApplicationError(
                f"the database does not answer: {type(error).__name__}", type="unavailable"
            ) from error
        except DBAPIError as error:
            # What the database refused is a bug of ours or a rule that holds: it stays visible, and is tried again
            # slowly, since the fix is a deployment.
            raise ApplicationError(str(error.orig), type="database_refused") from error


def build_worker(
    client: Client,
    settings: Settings,
    *,
    workflows: Sequence[type],
    activities: Sequence[Callable[..., Awaitable[Any]]],
    interceptors: Sequence[Interceptor] = (),
    measured: Measured | None = None,
) -> Worker:
    """A worker for our task queue, whose steps `measured` counts. On shutdown running activities get
    `worker_drain_seconds` to end."""
    deployment = deployment_of(settings)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=workflows,
        activities=activities,
        workflow_runner=sandbox(versioned=deployment is not None),
        interceptors=[CarriesCorrelation(measured), *interceptors, RefusalsAreFailures()],
        deployment_config=deployment,
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_drain_seconds),
        max_concurrent_workflow_tasks=100,
        max_concurrent_local_activities=64,
        max_concurrent_activities=32,
    )


def deployment_of(settings: Settings) -> WorkerDeploymentConfig | None:
    """Which build of which deployment a worker is (decision 0042); None for one that takes every process."""
    if settings.worker_build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id),
        use_worker_versioning=True,
        # What lives for days and weeks says otherwise where it is defined.
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def release_clients() -> None:
    """Collects client objects before the interpreter ends.

    On Python 3.11 the SDK's native threads can crash the interpreter at exit while a client is still alive (about one
    exit in twelve). Call it last, after every reference to a client is gone.
    """
    _runtime.cache_clear()
    gc.collect()
