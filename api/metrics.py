"""What the API counts: requests by method, route and status, and the connections of its pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette

from api.realtime.metrics import SocketMetrics
from infra.metrics import SECONDS, PoolConnections, process_registry

# A method is a word of the caller's; one that nobody knows is counted with its like.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "_OTHER"


def known_method(method: str) -> str:
    """`method`, or `_OTHER` for one that HTTP does not have, as OpenTelemetry's conventions name it."""
    return method if method in _METHODS else _OTHER


class Metrics:
    """Requests by route template, in a registry of their own, so that one process can hold several applications."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self._requests = Counter(
            "aurum_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "aurum_http_request_seconds",
            "Time from the first byte of a request to the first byte of its answer",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_progress = Gauge("aurum_http_requests_in_progress", "Requests being served", registry=self.registry)
        self.sockets = SocketMetrics(self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        named = known_method(method)
        self._requests.labels(named, route, status).inc()
        self._seconds.labels(named, route).observe(seconds)

    @contextmanager
    def told_of(self, engine: AsyncEngine) -> Iterator[None]:
        """Tells of the connections of `engine` while the block runs."""
        pool = PoolConnections(engine)
        self.registry.register(pool)
        try:
            yield
        finally:
            self.registry.unregister(pool)


def metrics_of(app: Starlette) -> Metrics:
    """The metrics of `app`, made on first use."""
    if not hasattr(app.state, "metrics"):
        app.state.metrics = Metrics()
    metrics = app.state.metrics
    assert isinstance(metrics, Metrics)
    return metrics
