"""Traces: from a request through the outbox and the process to each step and each statement, sent by OTLP.

Where no collector is named nothing of this is switched on: no tracer, no listener, no header, no cost. What leaves the
process is told by a list (`TOLD`): ids, names of routes, steps and tables, durations. Addresses, bodies, parameters,
messages of errors and whatever a library thinks of do not leave.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Thread
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.contrib.opentelemetry import OpenTelemetryInterceptor, create_tracer_provider
from temporalio.contrib.opentelemetry._tracer_provider import ReplaySafeTracerProvider

from infra.settings import Settings

# What a span may tell, by the names of OpenTelemetry's semantic conventions where there are such.
TOLD: Final = frozenset(
    {
        *("http.request.method", "http.route", "http.response.status_code", "error.type"),
        *("db.system.name", "db.operation.name", "db.collection.name"),
        *("aurum.request_id", "aurum.outbox_id", "aurum.attempt", "aurum.local"),
        *("temporalWorkflowID", "temporalRunID", "temporalActivityID", "exception.type"),
    }
)
_PARENT: Final = "traceparent"
_CLOSE_SECONDS: Final = 3
_EXPORT_SECONDS: Final = 5
_propagator: Final = TraceContextTextMapPropagator()


class Discreet(SpanExporter):
    """Passes on of each span what `TOLD` names, and of each error its kind."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends a batch."""
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        """Ends the sending."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what waits."""
        return self._exporter.force_flush(timeout_millis)


def _told(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name in TOLD}


def _discreet(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_told(span.attributes),
        events=[Event(one.name, _told(one.attributes), one.timestamp) for one in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class _Tracing:
    """The one tracer of this process, while somebody listens."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        self.provider: ReplaySafeTracerProvider | None = None


_ours: Final = _Tracing()


def start(settings: Settings, service: str) -> None:
    """Traces from here on under the name `service`, if a collector is named; a process starts once."""
    if settings.otlp_endpoint is None or _ours.provider is not None:
        return
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces",
        headers={name: value.get_secret_value() for name, value in settings.otlp_headers.items()},
        timeout=_EXPORT_SECONDS,
        compression=Compression.Gzip,
    )
    provider = create_tracer_provider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
        resource=Resource.create({"service.name": service, "deployment.environment.name": settings.environment.value}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(Discreet(exporter), schedule_delay_millis=1_000))
    # Temporal's interceptor asks for the process's provider.
    trace.set_tracer_provider(provider)
    _ours.provider, _ours.tracer = provider, provider.get_tracer("aurum")


def stop() -> None:
    """Sends what waits, for a few seconds at most, and traces nothing more."""
    provider, _ours.tracer = _ours.provider, None
    if provider is not None:
        # In a thread, which dies with the process: a collector that does not answer may not hold up its end.
        closing = Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


def tracing() -> bool:
    """Whether this process traces."""
    return _ours.tracer is not None


def interceptors() -> list[OpenTelemetryInterceptor]:
    """What carries a trace through Temporal; of no effect on what a process does, so safe when it is replayed.

    Without spans of its own for the process: that span would end with the process, weeks later, and until then the
    trace would lack its middle (decision 0037).
    """
    return [OpenTelemetryInterceptor(add_temporal_spans=False)] if tracing() else []


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, Any] | None = None,
    parent: str | None = None,
) -> Iterator[Span | None]:
    """Traces a block, under the span that `parent` writes (a `traceparent`), or the one around. None: not traced."""
    tracer = _ours.tracer
    if tracer is None:
        yield None
        return
    context = _propagator.extract({_PARENT: parent}) if parent else None
    with tracer.start_as_current_span(name, context, kind, attributes) as opened:
        yield opened


def trace_parent() -> str | None:
    """The span around, as the header `traceparent` writes it; None where nothing is traced."""
    if _ours.tracer is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_PARENT)


def inside_a_span() -> bool:
    """Whether the work of this moment is traced already."""
    return trace.get_current_span().get_span_context().is_valid


def commit_span() -> Callable[[], None]:
    """Begins to trace a commit; what it gives ends that. One that is not ended is not told of."""
    tracer = _ours.tracer
    if tracer is None or not inside_a_span():
        return _nothing
    return tracer.start_span("COMMIT", kind=SpanKind.CLIENT, attributes={"db.system.name": "postgresql"}).end


def _nothing() -> None:
    return


def trace_statements(engine: AsyncEngine) -> None:
    """Traces each statement over `engine` that belongs to something traced: its verb and its table."""
    if not tracing():
        return
    event.listen(engine.sync_engine, "before_cursor_execute", _before)
    event.listen(engine.sync_engine, "after_cursor_execute", _after)
    event.listen(engine.sync_engine, "handle_error", _failed)


def _before(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    tracer = _ours.tracer
    # A poll belongs to nobody: alone it would be a trace each second.
    if tracer is None or not inside_a_span():
        return
    verb, table = _about(statement)
    attributes = {"db.system.name": "postgresql", "db.operation.name": verb}
    if table:
        attributes["db.collection.name"] = table
    context.aurum_span = tracer.start_span(
        f"{verb} {table}".rstrip(), otel_context.get_current(), SpanKind.CLIENT, attributes
    )


def _after(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    opened = getattr(context, "aurum_span", None)
    if opened is not None:
        opened.end()


def _failed(failure: Any) -> None:
    opened = getattr(failure.execution_context, "aurum_span", None)
    if opened is not None:
        opened.set_attribute("error.type", getattr(failure.original_exception, "sqlstate", None) or "unknown")
        opened.set_status(Status(StatusCode.ERROR))
        opened.end()


_VERB: Final = re.compile(r"\s*(\w+)")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:ONLY\s+|LATERAL\s+)?([a-z_][\w.]*)")
_FUNCTION: Final = re.compile(r"\b([a-z_]\w*)\s*\(")


@lru_cache(maxsize=1024)
def _about(statement: str) -> tuple[str, str]:
    """The verb of a statement, and the table or function that it names first."""
    verb = _VERB.match(statement)
    found = _TABLE.search(statement) or _FUNCTION.search(statement)
    return (verb[1].upper() if verb else "SQL", found[1] if found else "")
