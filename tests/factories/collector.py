"""The collector of traces, and Sentry's door: what they are sent is kept, as it came and as it reads."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.factories.http_double import Silent, serving


@dataclass(frozen=True)
class Span:
    """One span, as it was received."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    service: str
    attributes: dict[str, Any]
    status: int


@dataclass
class Received:
    """Everything that was sent, oldest first."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Span]:
        """The spans."""
        return [span for body in self.bodies for span in _spans(body)]

    def events(self) -> list[dict[str, Any]]:
        """The events in the envelopes of Sentry."""
        return [event for body in self.bodies for event in _events(body)]


@contextmanager
def collector() -> Iterator[Received]:
    """A running double, which takes all that it is sent."""
    received = Received()

    class Taking(Silent, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            received.headers.append({"path": self.path, **dict(self.headers)})
            received.bodies.append(gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Taking) as address:
        received.url = address
        yield received


def _spans(body: bytes) -> Iterator[Span]:
    for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(of_process.resource.attributes)["service.name"]
        for of_library in of_process.scope_spans:
            for span in of_library.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    service=service,
                    attributes=_values(span.attributes),
                    status=span.status.code,
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    # An envelope: a line of headers, then for each item a line of its own and its payload.
    lines = body.split(b"\n")
    for header, payload in zip(lines[1::2], lines[2::2], strict=False):
        if header and json.loads(header).get("type") == "event":
            yield json.loads(payload)
