"""Failures that nobody foresaw, reported to Sentry where a DSN is named; refusals and outages are none of them.

Sentry's client is used as a sender alone: nothing of the process is patched, and what leaves is put together here, from
the kind of an error, where in the code it happened, its message masked (`infra.masking`), and ids. No values of
variables, no bodies, no headers, nobody's address.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import structlog
from pydantic import ValidationError
from sentry_sdk import Client, Scope
from sentry_sdk.utils import event_from_exception
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from infra.masking import masked_text
from infra.settings import Settings
from models.errors import AurumError

_CLOSE_SECONDS: Final = 2.0
# Of an event, and of a frame in it.
_TOLD: Final = ("event_id", "timestamp", "platform", "level", "environment", "server_name", "sdk", "tags")
_FRAME: Final = ("filename", "module", "function", "lineno", "in_app")
_TAGS: Final = ("request_id", "workflow_id", "step", "attempt")
_EXPECTED: Final = (AurumError, OperationalError, PoolTimeout, ConnectionError)


class _Reporting:
    def __init__(self) -> None:
        self.client: Client | None = None


_ours: Final = _Reporting()


def start(settings: Settings, service: str) -> None:
    """Reports from here on, if a DSN is named, as the program `service`."""
    if settings.sentry_dsn is None or _ours.client is not None:
        return
    _ours.client = Client(
        dsn=settings.sentry_dsn.get_secret_value(),
        environment=settings.environment.value,
        server_name=service,
        before_send=_discreet,
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    logging.getLogger().addHandler(_Strangers(logging.ERROR))


def stop() -> None:
    """Sends what waits, for two seconds at most, and reports nothing more."""
    client, _ours.client = _ours.client, None
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Strangers)]:
        root.removeHandler(handler)
    if client is not None:
        client.close(timeout=_CLOSE_SECONDS)


def report(error: BaseException, **tags: str) -> None:
    """Reports `error`, unless it is a refusal, or a server that does not answer: those have metrics and alerts.

    Tagged with `tags` and with what the log lines of this moment are marked with. Never raises.
    """
    client = _ours.client
    if client is None or isinstance(error, _EXPECTED):
        return
    event, hint = event_from_exception(error, client_options=client.options)
    bound = structlog.contextvars.get_contextvars()
    marks = {name: str(bound[name]) for name in _TAGS if bound.get(name) is not None}
    event["tags"] = {**marks, **tags}
    client.capture_event(event, hint=hint, scope=Scope())


class _Strangers(logging.Handler):
    """Reports what libraries log as failures of theirs: a process that cannot go on, a task that nobody awaited."""

    def emit(self, record: logging.LogRecord) -> None:
        # Our own lines come with a mapping; what they tell of is reported where it happens.
        if record.exc_info and record.exc_info[1] is not None and not isinstance(record.msg, Mapping):
            report(record.exc_info[1], logger=record.name)


def _discreet(event: Any, hint: Mapping[str, Any]) -> Any:
    told = {name: event[name] for name in _TOLD if name in event}
    told["tags"] = {name: masked_text(str(value)) for name, value in (event.get("tags") or {}).items()}
    raised = _chain(hint.get("exc_info", (None, None))[1])
    told["exception"] = {"values": [_exception(value, raised) for value in _values(event)]}
    return told


def _values(event: Any) -> list[Any]:
    return (event.get("exception") or {}).get("values") or []


def _chain(error: BaseException | None) -> frozenset[str]:
    """The kinds of error among `error` and its causes whose message repeats what was given."""
    kinds: set[str] = set()
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ValidationError):
            kinds.add(type(error).__name__)
        error = error.__cause__ or error.__context__
    return frozenset(kinds)


def _exception(value: Any, repeating: frozenset[str]) -> dict[str, Any]:
    frames = ((value.get("stacktrace") or {}).get("frames")) or []
    message = "" if value.get("type") in repeating else masked_text(str(value.get("value") or ""))
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": message,
        "stacktrace": {"frames": [{name: frame.get(name) for name in _FRAME} for frame in frames]},
    }
