"""What operators see of the sockets at `/metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from models.realtime import EventKind


class SocketMetrics:
    """Sockets that are open, what ended them, what was handed on and how late."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("aurum_sockets", "Open sockets of signed-in people", registry=registry)
        self.refused = Counter("aurum_sockets_refused", "Sockets that were not opened", ["code"], registry=registry)
        self.ended = Counter("aurum_sockets_ended", "Sockets that the bank ended", ["code"], registry=registry)
        self.quotes = Counter("aurum_socket_quotes", "Prices sent to sockets", registry=registry)
        self._events = Histogram(
            "aurum_socket_event_seconds",
            "Time from the row of an event to its socket",
            ["kind"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )

    def handed_on(self, kind: EventKind, seconds: float) -> None:
        """Counts an event that was sent to a socket."""
        self._events.labels(kind.value).observe(max(0.0, seconds))
