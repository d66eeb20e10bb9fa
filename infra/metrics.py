"""What each process counts for Prometheus: itself, its connections to the database, and the steps that it takes."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

# When each series began is a second series for each, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no type there
SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STEP_SECONDS: Final = (*SECONDS, 30, 60, 300)


def process_registry() -> CollectorRegistry:
    """A registry that tells of the process itself: memory, processor, files, garbage."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class PoolConnections(Collector):
    """The connections that one engine keeps to the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._pool = engine.pool

    def collect(self) -> Iterable[Metric]:
        """Looks at the pool; asks nobody."""
        pool = self._pool
        assert isinstance(pool, QueuePool)
        connections = GaugeMetricFamily(
            "aurum_database_pool_connections", "Connections of the pool, by what they do", labels=["state"]
        )
        connections.add_metric(["in_use"], pool.checkedout())
        connections.add_metric(["idle"], pool.checkedin())
        yield connections
        yield GaugeMetricFamily("aurum_database_pool_size", "The most connections of the pool", value=pool.size())


class StepMetrics:
    """The steps that a worker takes, by their name and how each attempt ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = Counter("aurum_steps", "Attempts of steps", ["step", "outcome"], registry=registry)
        self._seconds = Histogram(
            "aurum_step_seconds", "How long attempts of steps took", ["step"], buckets=_STEP_SECONDS, registry=registry
        )

    def stepped(self, name: str, outcome: str, seconds: float) -> None:
        """Counts one attempt of the step `name`, which ended as `outcome` (`infra.correlation.Measured`)."""
        self._steps.labels(name, outcome).inc()
        self._seconds.labels(name).observe(seconds)
