"""A whole month of statements through the worker's own process, which is killed in the middle and started again: how
many it makes for each second of processor that it takes, against the typesetter alone in the same run, how its memory
goes, and whether anything is made twice or not at all.

Processors are counted and not the clock, so that others on the machine change little. Letters are written and not sent:
those are measured by nobody's statements. `STATEMENTS=10000` for a month's worth; 60 entries each.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, LiteralString
from uuid import UUID

import psutil
import psycopg
from psycopg import sql

from infra import temporal
from infra.database import connect
from infra.local.parts import Part
from infra.local.stack import Stack
from infra.settings import Settings
from models.statements import MonthlyStatement, StatementRun
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import temporal_client
from tests.bench.statements import PERIOD, account_with_entries, set_alone, statement_of

COUNT: Final = int(os.environ.get("STATEMENTS", "1000"))
_FLOOR_OVER: Final = 60
_TENTHS: Final = 10
_LOOK_SECONDS: Final = 0.25
# Nothing that was written is handed on, so that the worker makes statements and does no more.
_WORKER: Final = {"AURUM_RELAY_SECONDS": "86400"}
# By the rows of one account that was really posted to; triggers would check each copy for minutes.
_COPIED: Final[dict[str, dict[str, LiteralString]]] = {
    "users": {"id": "c.user_id", "email": "'copy-' || c.n || '@people.example'"},
    "accounts": {"id": "c.account_id", "user_id": "c.user_id", "account_number": "'COPY' || c.n"},
    "transactions": {
        "id": "md5(s.id::text || c.n)::uuid",
        "idempotency_key": "s.idempotency_key || '/' || c.n",
        "from_account_id": "CASE WHEN s.from_account_id = c.of_account THEN c.account_id ELSE s.from_account_id END",
        "to_account_id": "CASE WHEN s.to_account_id = c.of_account THEN c.account_id ELSE s.to_account_id END",
    },
    "postings": {
        "transaction_id": "md5(s.transaction_id::text || c.n)::uuid",
        "account_id": "CASE WHEN s.account_id = c.of_account THEN c.account_id ELSE s.account_id END",
    },
}
_WHICH: Final[dict[str, LiteralString]] = {
    "users": "s.id = (SELECT user_id FROM accounts WHERE id = c.of_account)",
    "accounts": "s.id = c.of_account",
    "transactions": "s.id IN (SELECT transaction_id FROM postings WHERE account_id = c.of_account)",
    "postings": "s.transaction_id IN (SELECT transaction_id FROM postings WHERE account_id = c.of_account)",
}


@part("month", by_default=False)
async def month() -> AsyncIterator[Measure]:
    """Statements for each second of processor, memory at each tenth, and what a SIGKILL in the middle leaves."""
    with tempfile.TemporaryDirectory(prefix="aurum-month-") as folder, Stack(Path(folder) / "data") as stack:
        stack.start({Part.DB, Part.TEMPORAL})
        said = await _filled(stack)
        floor = _alone(said)
        run = _Run(stack)
        await run.through()
        floor = (floor + _alone(said)) / 2
        yield Measure("month.made", COUNT / run.processor, "statements/s of processor", floor=floor, aim=Aim(0.7))
        yield Measure("month.wall", COUNT / run.seconds, "statements/s by the clock")
        for tenth, memory in sorted(run.memory.items()):
            yield Measure(f"month.memory_{tenth}", memory, "MiB")
        yield Measure("month.memory_grown", run.grown(), "MiB more", aim=Aim(48, at_least=False))
        for name, wrong in run.wrong().items():
            yield Measure(f"month.{name}", wrong, "statements", aim=Aim(0, at_least=False))


class _Run:
    """The process of a month, watched from outside."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.processor = 0.0
        self.seconds = 0.0
        self.memory: dict[int, float] = {}

    async def through(self) -> None:
        """Runs it to its end; its worker is killed once, when half is made."""
        client = await temporal_client(self._stack)
        handle = await client.start_workflow(
            "statements", StatementRun(period=PERIOD), id=f"statements/{PERIOD}", task_queue=Settings().task_queue
        )
        worker, idle = self._worker()
        began, killed = perf_counter(), False
        while (made := self._counted()) < COUNT:
            self.memory[1 + made * _TENTHS // COUNT] = worker.memory_info().rss / 2**20
            if not killed and made >= COUNT // 2:
                self.processor += _processor(worker) - idle
                self._stack.kill(Part.WORKER)
                worker, idle = self._worker()
                killed = True
            await asyncio.sleep(_LOOK_SECONDS)
        self.seconds = perf_counter() - began
        await handle.result()
        self.processor += _processor(worker) - idle
        del client, handle
        temporal.release_clients()

    def grown(self) -> float:
        """What a worker took more at the end of its half than at the end of its second tenth of it."""
        half = _TENTHS // 2
        return max(self.memory[half] - self.memory[2], self.memory[_TENTHS] - self.memory[half + 2])

    def wrong(self) -> dict[str, float]:
        """How many are missing, doubled, without their files or their letter."""
        files = f"(SELECT count(*) FROM statement_files f WHERE f.statement_id = s.id) <> 4 AND s.period = '{PERIOD}'"
        told = f"FROM notifications WHERE event = 'statements_ready' AND key LIKE 'statements/{PERIOD}/%'"
        return {
            "missing": COUNT - self._one("SELECT count(DISTINCT account_id) FROM statements"),
            "doubled": self._one("SELECT count(*) - count(DISTINCT account_id) FROM statements"),
            "without_files": self._one(f"SELECT count(*) FROM statements s WHERE {files}"),
            "untold": COUNT - self._one(f"SELECT count(DISTINCT user_id) {told}"),
            "told_twice": self._one(f"SELECT count(*) - count(DISTINCT user_id) {told}"),
        }

    def _worker(self) -> tuple[psutil.Process, float]:
        self._stack.start({Part.WORKER}, env=_WORKER, migrate=False)
        found = psutil.Process(self._stack.info()["pids"]["worker"])
        return found, _processor(found)

    def _counted(self) -> int:
        return self._one("SELECT count(*) FROM statements")

    def _one(self, query: str) -> int:
        with psycopg.connect(self._stack.site.owner_url) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _alone(said: list[MonthlyStatement]) -> float:
    """Statements for each second of processor, by the typesetter alone."""
    began = process_time()
    for one in said:
        set_alone(one)
    return len(said) / (process_time() - began)


async def _filled(stack: Stack) -> list[MonthlyStatement]:
    """An account that was posted to, and copies of it and of its customer until there are enough of them."""
    owner, worker = connect(stack.site.owner_url), connect(_worker_url(stack))
    try:
        model = await account_with_entries(owner)
        await asyncio.to_thread(_copy, stack.site.owner_url, model)
        with psycopg.connect(stack.site.owner_url) as connection:
            some = connection.execute(
                "SELECT id FROM accounts WHERE account_number LIKE 'COPY%%' ORDER BY id LIMIT %s", [_FLOOR_OVER]
            ).fetchall()
        said = [await statement_of(worker, Settings(_env_file=None), row[0]) for row in some]
        for one in said[: _FLOOR_OVER // 2]:
            set_alone(one)
        return said
    finally:
        await owner.dispose()
        await worker.dispose()


def _worker_url(stack: Stack) -> str:
    return stack.site.database_url("aurum_worker", stack.site.secrets.worker_password)


def _copy(url: str, model: UUID) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "CREATE TEMPORARY TABLE copies AS SELECT n, uuidv7() AS user_id, uuidv7() AS account_id,"
            f" '{model}'::uuid AS of_account FROM generate_series(2, {COUNT}) n".encode()
        )
        for table, changed in _COPIED.items():
            names = _columns(connection, table)
            values = [sql.SQL(changed[name]) if name in changed else sql.Identifier("s", name) for name in names]
            connection.execute(
                sql.SQL("INSERT INTO {table} ({names}) SELECT {values} FROM copies c JOIN {table} s ON {which}").format(
                    table=sql.Identifier(table),
                    names=sql.SQL(", ").join(map(sql.Identifier, names)),
                    values=sql.SQL(", ").join(values),
                    which=sql.SQL(_WHICH[table]),
                )
            )
        connection.execute("VACUUM ANALYZE")


def _columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' AND attidentity = '' ORDER BY attnum",
        [table],
    )
    return [row[0] for row in rows]
