"""The figures of the bank and of its database for Prometheus, counted when somebody asks, and kept for some seconds."""

import asyncio
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables.figures import Figure, figures

log = structlog.get_logger(__name__)

_PATIENCE_SECONDS: Final = 5.0


class Told(NamedTuple):
    """What a figure is, what it is told of (a label; few values each, and never an id), and whether it only grows."""

    help: str
    label: str = ""
    grows: bool = False


_OLDEST: Final = "For how long the oldest has been so"
TOLD: Final[Mapping[str, Told]] = {
    "aurum_wires": Told("Wires that have not ended, by status", "status"),
    "aurum_wires_oldest_seconds": Told(_OLDEST, "status"),
    "aurum_overdue": Told("Cases past their deadline, by the queue that they wait in", "queue"),
    "aurum_reviews": Told("Reviews of customers that have not ended, by status", "status"),
    "aurum_reviews_oldest_seconds": Told(_OLDEST, "status"),
    "aurum_payments": Told("Payments by the local rails that have not ended, by status", "status"),
    "aurum_payments_oldest_seconds": Told(_OLDEST, "status"),
    "aurum_screening_cases": Told("Cases of the compliance desk that are open"),
    "aurum_screening_cases_oldest_seconds": Told(_OLDEST),
    "aurum_ledger_proof_age_seconds": Told("Since the ledger was proven last"),
    "aurum_ledger_proof_breaches": Told("Breaches that the last proof of the ledger found"),
    "aurum_side_proof_age_seconds": Told("Since the side proof was made last", "kind"),
    "aurum_side_proof_done": Told("Whether the last side proof could be made", "kind"),
    "aurum_side_proof_findings": Told("What the last side proof found", "kind"),
    "aurum_posting_frozen": Told("Whether posting is suspended"),
    "aurum_holds": Told("Holds that are open, by whose they are", "owner"),
    "aurum_reconciliation_breaks": Told("Differences with the bank's statements that are open"),
    "aurum_reconciliation_breaks_oldest_seconds": Told(_OLDEST),
    "aurum_audit_unsealed_oldest_seconds": Told("For how long the oldest row of the audit log has waited for its seal"),
    "aurum_outbox": Told("What waits to reach Temporal"),
    "aurum_outbox_oldest_seconds": Told(_OLDEST),
    "aurum_bank_files": Told("Files to and from the bank that are not finished, by status", "status"),
    "aurum_bank_files_oldest_seconds": Told(_OLDEST, "status"),
    "aurum_bank_answers": Told("Answers of the bank that no process has applied yet"),
    "aurum_bank_answers_oldest_seconds": Told(_OLDEST),
    "aurum_bank_heard_age_seconds": Told("Since the bank's last file was read"),
    "aurum_mail": Told("Letters that have not left, by status", "status"),
    "aurum_mail_oldest_seconds": Told(_OLDEST, "status"),
    "aurum_list_age_seconds": Told("Since a list to screen against was confirmed last", "list"),
    "aurum_statements_age_seconds": Told("Since a monthly statement was made last"),
    "aurum_postgres_connections": Told("Connections to the database, by state", "state"),
    "aurum_postgres_max_connections": Told("The most connections that the server takes"),
    "aurum_postgres_oldest_transaction_seconds": Told("For how long the oldest transaction has been open"),
    "aurum_postgres_locks": Told("Locks, by whether they are held or waited for", "state"),
    "aurum_postgres_database_bytes": Told("Size of the database"),
    "aurum_postgres_commits": Told("Transactions committed", grows=True),
    "aurum_postgres_rollbacks": Told("Transactions rolled back", grows=True),
    "aurum_postgres_deadlocks": Told("Deadlocks", grows=True),
    "aurum_postgres_blocks_read": Told("Blocks read from disk", grows=True),
    "aurum_postgres_blocks_hit": Told("Blocks found in memory", grows=True),
    "aurum_postgres_temporary_bytes": Told("Written to temporary files by queries", grows=True),
    "aurum_postgres_transaction_ids_used_ratio": Told("Share of the transaction ids used; at 1 the server stops"),
    "aurum_postgres_replicas": Told("Replicas that are connected"),
    "aurum_postgres_replica_lag_seconds": Told("How far the slowest replica is behind"),
    "aurum_postgres_slots_retained_bytes": Told("Write-ahead log kept for the slowest replication slot"),
    "aurum_postgres_archive_failures": Told("Files of the write-ahead log that could not be archived", grows=True),
}


class Figures(Collector):
    """Asks the database, at most once in `seconds`, from whatever thread asks for metrics.

    `aurum_figures_up` is 0 when it did not answer; then nothing else is told, rather than what was true before.
    """

    def __init__(self, engine: AsyncEngine, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """`loop` is the one that `engine` is used in."""
        self._engine = engine
        self._loop = loop
        self._seconds = seconds
        self._found: list[Figure] | None = None
        self._until = 0.0
        self._one_at_a_time = asyncio.Lock()

    def collect(self) -> Iterable[Metric]:
        """The figures of now, or of a few seconds ago. Called in another thread than the loop's."""
        asked = asyncio.run_coroutine_threadsafe(self.look(), self._loop)
        try:
            found = asked.result(_PATIENCE_SECONDS)
        except Exception as error:  # noqa: BLE001 # whatever it is, the other metrics are told
            asked.cancel()
            log.warning("figures.not_counted", kind=type(error).__name__)
            found = None
        yield GaugeMetricFamily(
            "aurum_figures_up", "Whether the figures of the bank could be counted", value=found is not None
        )
        yield from _families(found or [])

    async def look(self) -> list[Figure]:
        """The figures of now, or of a few seconds ago. Raises what the database does."""
        async with self._one_at_a_time:
            if self._found is None or time.monotonic() >= self._until:
                self._found = None
                async with transaction(self._engine) as session:
                    self._found = await figures(session)
                self._until = time.monotonic() + self._seconds
            return self._found


def _families(found: list[Figure]) -> Iterable[Metric]:
    families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
    for name, label, value in found:
        told = TOLD[name]
        if name not in families:
            family = CounterMetricFamily if told.grows else GaugeMetricFamily
            families[name] = family(name, told.help, labels=[told.label] if told.label else [])
        families[name].add_metric([label] if told.label else [], value)
    return families.values()


class DiskSpace(Collector):
    """How much room there is where this process writes."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        """`places`: folders by a name for each."""
        self._places = places

    def collect(self) -> Iterable[Metric]:
        """Asks the file systems. A folder that is not there yet is not told of."""
        free = GaugeMetricFamily("aurum_disk_free_bytes", "Room left for what is written there", labels=["place"])
        size = GaugeMetricFamily("aurum_disk_size_bytes", "Size of the disk of that place", labels=["place"])
        for name, folder in self._places.items():
            if folder.is_dir():
                usage = shutil.disk_usage(folder)
                free.add_metric([name], usage.free)
                size.add_metric([name], usage.total)
        yield free
        yield size
