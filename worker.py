"""The durable side, put together: database, bank channel, mail, Temporal worker, outbox relay, bank inbox, metrics.

Run it as `python worker.py`. SIGTERM or SIGINT ends it: running steps get `AURUM_WORKER_DRAIN_SECONDS` to finish.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Interceptor, Worker

from activities.assembly import Parts, assemble
from activities.bank import BankInbox
from activities.calendars import CalendarSteps
from infra import schedules, temporal
from infra.correlation import Measured
from infra.database import connect
from infra.exposition import Exposition
from infra.figures import DiskSpace, Figures
from infra.metrics import PoolConnections, StepMetrics, process_registry
from infra.outbox import Dispatcher, relay
from infra.settings import Settings, settings
from infra.watching import watched
from models.upkeep import UpkeepStep
from workflows.registry import WORKFLOWS

log = structlog.get_logger("worker")


def temporal_worker(
    client: Client,
    config: Settings,
    parts: Parts,
    interceptors: Sequence[Interceptor] = (),
    measured: Measured | None = None,
) -> Worker:
    """The Temporal worker over `parts`."""
    return temporal.build_worker(
        client, config, workflows=WORKFLOWS, activities=parts.activities, interceptors=interceptors, measured=measured
    )


@contextmanager
def _exposed(config: Settings, registry: CollectorRegistry, engine: AsyncEngine, worker: Worker) -> Iterator[None]:
    """Tells metrics and health at the worker's own address, if it has one."""
    if config.worker_metrics_address is None:
        yield
        return
    registry.register(PoolConnections(engine))
    registry.register(Figures(engine, asyncio.get_running_loop(), config.metrics_seconds))
    registry.register(DiskSpace(config.written_places))
    limit = Gauge("aurum_list_limit_seconds", "The age at which a list stops the release of wires", registry=registry)
    limit.set(config.sanctions_stale_seconds)
    try:
        exposition = Exposition(
            config.worker_metrics_address, registry, config.metrics_token, lambda: worker.is_running
        )
    except OSError as error:
        # Work comes before the measuring of it; that nobody is told shows at Prometheus.
        log.warning("metrics.not_told", address=config.worker_metrics_address, error=str(error))
        yield
        return
    try:
        yield
    finally:
        exposition.close()


async def _read_inbox(inbox: BankInbox, dispatcher: Dispatcher, seconds: float) -> None:
    while True:
        try:
            if await inbox.read_waiting():
                dispatcher.nudge()
        except Exception as error:  # noqa: BLE001 # the files are still there: the next look takes them
            log.warning("bank.inbox_failed", error=str(error), kind=type(error).__name__)
        await asyncio.sleep(seconds)


async def _keep_schedules(client: Client, task_queue: str) -> None:
    while True:
        try:
            return await schedules.reconcile(client, task_queue=task_queue)
        except RPCError as error:
            log.warning("schedules.not_reconciled", error=error.message)
            await asyncio.sleep(5)


async def _fill_calendars(engine: AsyncEngine) -> None:
    # Not left to the schedule: a bank that opens today needs to know today's holidays.
    while True:
        try:
            await CalendarSteps(engine).top_up(UpkeepStep(at=datetime.now(UTC)))
        except SQLAlchemyError as error:
            log.warning("calendars.not_filled", kind=type(error).__name__)
            await asyncio.sleep(5)
        else:
            return


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await stopped.wait()


async def run(
    config: Settings,
    *,
    interceptors: Sequence[Interceptor] = (),
    until: Callable[[], Awaitable[None]] = _until_stopped,
) -> None:
    """Runs the durable side until `until` returns."""
    engine = connect(
        config.database_worker_url.get_secret_value(),
        pool_size=config.database_pool_size,
        name="aurum-worker",
    )
    parts = assemble(config, engine)
    registry = process_registry()
    told_at = config.worker_sdk_metrics_address
    client = await temporal.connect_patiently(config, told_at)
    worker = temporal_worker(client, config, parts, interceptors, StepMetrics(registry))
    dispatcher = Dispatcher(
        engine,
        partial(temporal.connect, config, told_at),
        task_queue=config.task_queue,
        public_url=config.public_url,
    )
    loops = [
        asyncio.create_task(relay(dispatcher, seconds=config.relay_seconds)),
        asyncio.create_task(_keep_schedules(client, config.task_queue)),
        asyncio.create_task(_fill_calendars(engine)),
        asyncio.create_task(_read_inbox(parts.inbox, dispatcher, config.bank_poll_seconds)),
    ]
    try:
        async with worker:
            with _exposed(config, registry, engine, worker):
                log.info("worker.ready", task_queue=config.task_queue)
                if config.worker_ready_file is not None:
                    config.worker_ready_file.touch()
                await until()
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await dispatcher.close()
        await engine.dispose()


def main() -> int:
    """The worker as a program."""
    config = settings()
    with watched(config, "worker"):
        asyncio.run(run(config))
    temporal.release_clients()
    return 0


if __name__ == "__main__":
    sys.exit(main())
