"""What surrounds every request: its id, log line, span, metrics, the audit of what was refused, and the last resort.

The last resort is the answer to an error that nothing foresaw: a 500 that tells its request id and no more.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Final

import structlog
from fastapi import Request
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from api import audit
from api.errors import problem, refusal
from api.metrics import Metrics, known_method, metrics_of
from api.origin import Network, client_address, is_ours
from api.parts import parts_of
from api.protection import Protection
from infra import reporting, tracing
from models.correlation import Correlation, correlated
from models.errors import Malformed

log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_UNSTORABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_AGENT: Final = 400
_AUDIT_SECONDS: Final = 3
_UNMATCHED: Final = "unmatched"


class Observation:
    """The outermost middleware that knows the request."""

    def __init__(self, app: ASGIApp, protection: Protection, proxies: Sequence[Network]) -> None:
        """`proxies`: whose word is taken for where a request comes from."""
        self._app = app
        self._protection = protection
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        attempt = attempt_in(scope, self._proxies)
        audit.begin(scope, attempt)
        metrics = metrics_of(scope["app"])
        with (
            metrics.in_progress.track_inprogress(),
            tracing.span(
                known_method(attempt.method),
                SpanKind.SERVER,
                {"aurum.request_id": attempt.request_id},
                self._parent(scope),
            ) as span,
            structlog.contextvars.bound_contextvars(request_id=attempt.request_id),
            correlated(Correlation(attempt.request_id, tracing.trace_parent())),
        ):
            await self._serve(scope, receive, _Answer(metrics, self._protection, scope, attempt, span, send))

    def _parent(self, scope: Scope) -> str | None:
        # What a stranger writes would join their traces with ours; the console's own calls are inside a span already.
        if not tracing.tracing() or tracing.inside_a_span() or not is_ours(scope, self._proxies):
            return None
        return Headers(scope=scope).get("traceparent")

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        request = Request(scope, receive)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await refusal(request, Malformed("An address cannot hold U+0000"))(scope, receive, answer.send)
            return
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            route = _route(scope)
            log.exception("request.failed", method=scope["method"], route=route)
            reporting.report(error, route=route)
            if answer.started:
                raise
            detail = "Something went wrong on our side; the request id helps us to find it"
            failed = problem(request, 500, "internal_error", "Internal error", detail)
            await failed(scope, receive, answer.send)


class _Answer:
    """The way out of one answer: completes it, and tells logs, metrics, trace and audit of it before its first byte."""

    def __init__(
        self,
        metrics: Metrics,
        protection: Protection,
        scope: Scope,
        attempt: audit.Attempt,
        span: Span | None,
        send: Send,
    ) -> None:
        self._metrics = metrics
        self._protection = protection
        self._scope = scope
        self._attempt = attempt
        self._span = span
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            await self._start(message)
        await self._send(message)

    async def _start(self, message: Message) -> None:
        attempt, status, route = self._attempt, message["status"], _route(self._scope)
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = attempt.request_id
        self._protection.complete(headers)
        if status >= 400 and attempt.audited and not attempt.recorded:
            await _record_apart(self._scope, attempt, status)
        self._metrics.answered(attempt.method, route, status, attempt.seconds)
        if self._span is not None:
            _tell(self._span, attempt.method, route, status)
        log.info(
            "request",
            method=attempt.method,
            route=route,
            status=status,
            milliseconds=round(attempt.seconds * 1000, 2),
            user_id=str(attempt.principal.user_id or "") or None,
            code=attempt.code,
        )


def _tell(span: Span, method: str, route: str, status: int) -> None:
    named = known_method(method)
    span.update_name(f"{named} {route}")
    span.set_attributes({"http.request.method": named, "http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


async def _record_apart(scope: Scope, attempt: audit.Attempt, status: int) -> None:
    # The refusal stands whether or not it can be written down; a database that is away is no reason to keep the
    # caller waiting, and the log line has the same facts.
    try:
        async with asyncio.timeout(_AUDIT_SECONDS):
            await audit.record_apart(parts_of(scope).engine, attempt, status)
    except Exception as error:  # noqa: BLE001 # whatever it is, the answer goes out
        log.warning("audit.not_written", action=attempt.action, code=attempt.code, kind=type(error).__name__)


def attempt_in(scope: Scope, proxies: Sequence[Network]) -> audit.Attempt:
    """What the audit log and others may know of a request, or of a socket that is opened, before it is looked into."""
    headers = Headers(scope=scope)
    given = headers.get("x-request-id", "")
    agent = _UNSTORABLE.sub("", headers.get("user-agent", ""))[:_LONGEST_AGENT]
    return audit.Attempt(
        request_id=given if _REQUEST_ID.fullmatch(given) else uuid7().hex,
        method=scope.get("method", "GET"),
        ip_address=client_address(scope, proxies),
        user_agent=agent or None,
    )


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", _UNMATCHED))
