"""What carries the id of a request through Temporal, and what surrounds each step: its log context, span and measure.

The id travels in a header of the process, which each of its steps is given again. Headers are no commands: a process
that began without one, or under an older build, replays.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol

import structlog
from opentelemetry.trace import SpanKind, Status, StatusCode
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.client import OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from infra import reporting, tracing
from models.correlation import Correlation, correlated, correlation

log = structlog.get_logger(__name__)

HEADER: Final = "aurum-request-id"
_payloads: Final = PayloadConverter.default


class Measured(Protocol):
    """Whoever counts steps."""

    def stepped(self, name: str, outcome: str, seconds: float) -> None:
        """Counts one attempt of the step `name`, which ended as `done`, `refused`, `cancelled` or `failed`."""


class StartsCorrelated(ClientInterceptor):
    """Gives each process that is started the id of the request that asked for it."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Temporal asks for it once a client."""
        return _Starting(next)


class _Starting(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        request_id = correlation().request_id
        if request_id is not None:
            input.headers = {**input.headers, HEADER: _payloads.to_payload(request_id)}
        return await super().start_workflow(input)


class CarriesCorrelation(Interceptor):
    """Gives each step the id that its process was given, and surrounds it."""

    def __init__(self, measured: Measured | None = None) -> None:
        """`measured` counts the steps."""
        self._measured = measured

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: ARG002 # the name is the SDK's
        """Temporal makes one for each process."""
        return _Process

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Temporal asks for it once a step."""
        return _Step(next, self._measured)


class _Process(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Commands(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        # For the lines that the process logs. Not taken back: its task's context ends with it.
        structlog.contextvars.bind_contextvars(
            request_id=_request_id(input.headers), workflow_id=workflow.info().workflow_id
        )
        return await super().execute_workflow(input)


class _Commands(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> "workflow.ActivityHandle[Any]":
        input.headers = _handed_on(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> "workflow.ActivityHandle[Any]":
        input.headers = _handed_on(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> "workflow.ChildWorkflowHandle[Any, Any]":
        input.headers = _handed_on(input.headers)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        input.headers = _handed_on(input.headers)
        super().continue_as_new(input)


def _handed_on(headers: Any) -> dict[str, Payload]:
    given = workflow.info().headers.get(HEADER)
    return {**headers} if given is None else {**headers, HEADER: given}


def _request_id(headers: Any) -> str | None:
    given = headers.get(HEADER)
    return None if given is None else str(_payloads.from_payload(given, str))


class _Step(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, measured: Measured | None) -> None:
        super().__init__(next)
        self._measured = measured

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, request_id = activity.info(), _request_id(input.headers)
        began, outcome = time.perf_counter(), "failed"
        with _surrounded(info, request_id) as opened:
            try:
                answer = await super().execute_activity(input)
                outcome = "done"
            except ApplicationError as error:
                outcome = "refused" if error.category is ApplicationErrorCategory.BENIGN else "failed"
                if opened is not None:
                    opened.set_attribute("error.type", error.type or "unknown")
                    if outcome == "failed":
                        opened.set_status(Status(StatusCode.ERROR))
                if outcome == "failed":
                    reporting.report(error.__cause__ or error)
                raise
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            except Exception as error:
                reporting.report(error)
                raise
            finally:
                seconds = time.perf_counter() - began
                log.info("step", outcome=outcome, milliseconds=round(seconds * 1000, 2))
                if self._measured is not None:
                    self._measured.stepped(info.activity_type, outcome, seconds)
            return answer


@contextmanager
def _surrounded(info: activity.Info, request_id: str | None) -> Iterator[Any]:
    attributes = {
        "temporalWorkflowID": info.workflow_id or "",
        "temporalRunID": info.workflow_run_id or "",
        "temporalActivityID": info.activity_id,
        "aurum.attempt": info.attempt,
        "aurum.local": info.is_local,
        **({"aurum.request_id": request_id} if request_id else {}),
    }
    with (
        tracing.span(info.activity_type, SpanKind.CONSUMER, attributes) as opened,
        correlated(Correlation(request_id, tracing.trace_parent())),
        structlog.contextvars.bound_contextvars(
            request_id=request_id, workflow_id=info.workflow_id, step=info.activity_type, attempt=info.attempt
        ),
    ):
        yield opened
