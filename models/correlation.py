"""What the work of this moment belongs to: the request that asked for it, and its trace.

Whoever takes work up (the API a request, the worker a step) says so once; what is written on the way, to the outbox and
to the audit log, is marked with it. It is a mark and no right: nothing is decided by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Correlation:
    """`request_id`: the id of the request that asked. `trace_parent`: the span that work belongs under, as the header
    `traceparent` writes it (W3C Trace Context, level 2, section 3.2); None where nothing is traced."""

    request_id: str | None = None
    trace_parent: str | None = None


NOTHING: Final = Correlation()
_current: ContextVar[Correlation] = ContextVar("correlation", default=NOTHING)


def correlation() -> Correlation:
    """What the work of this moment belongs to."""
    return _current.get()


@contextmanager
def correlated(belongs_to: Correlation) -> Iterator[None]:
    """Makes the work in the block belong there."""
    token = _current.set(belongs_to)
    try:
        yield
    finally:
        _current.reset(token)
