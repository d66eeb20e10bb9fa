"""What authentication costs a balance read: token, live session and row level security, against the same route and
query with the door left open, on the same database, in turns.

Each API is a process of its own behind uvicorn, as in the stack; the requests come over keep-alive connections. Beside
the throughput, which a busy machine disturbs, stands the processor time that one read takes: of the API's process and
of the connections that serve it in the database.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import httpx
import psutil
import psycopg
from joserfc.jwk import OKPKey

from infra.database import connect, transaction
from infra.settings import Settings
from infra.tokens import Tokens
from tests.bench.parts import Aim, Measure, part
from tests.databases import server
from tests.factories.accounts import account
from tests.factories.auth import claims_of, session_for
from tests.factories.users import add_customer

CONNECTIONS: Final = 16
ROUNDS: Final = 7
SECONDS: Final = 3.0
_UNLIMITED: Final = '{"reads": {"user": "100000000/minute", "address": "100000000/minute"}}'
_LISTENS: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")


@contextmanager
def serving(
    factory: str, database_url: str, key: Path, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """An API in a process of its own, with the settings `env` too. Gives its port and its process id."""
    told = folder / f"{factory.replace(':', '.')}.log"
    settings = {
        "AURUM_DATABASE_API_URL": database_url,
        "AURUM_SIGNING_KEY_FILE": str(key),
        "AURUM_TEMPORAL_ADDRESS": "127.0.0.1:9",
        "AURUM_LIMITS": _UNLIMITED,
        **(env or {}),
    }
    command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--port", "0", "--no-access-log"]
    with told.open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
    try:
        yield _port(process, told), process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _port(process: subprocess.Popen[bytes], told: Path) -> int:
    until = perf_counter() + 60
    while perf_counter() < until and process.poll() is None:
        found = _LISTENS.search(told.read_text(errors="replace"))
        if found and _answers(int(found[1])):
            return int(found[1])
    raise RuntimeError(f"The API does not serve: {told.read_text(errors='replace')[-2000:]}")


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _backends(owner_url: str, role: str) -> list[int]:
    with psycopg.connect(owner_url) as owner:
        return [
            pid
            for (pid,) in owner.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname = current_database()", (role,)
            )
        ]


def _processor_seconds(pids: list[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(one.user + one.system for one in times)


async def _reads(port: int, path: str, headers: str) -> tuple[float, int]:
    """Answers a second, and how many there were."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()
    until = perf_counter() + SECONDS

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answered = 0
        while perf_counter() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            if not head.startswith(b"HTTP/1.1 200") or length is None:
                raise RuntimeError(head.decode())
            await reader.readexactly(int(length[1]))
            answered += 1
        writer.close()
        return answered

    began = perf_counter()
    counts = await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return sum(counts) / (perf_counter() - began), sum(counts)


@dataclass
class Side:
    """One of the two APIs, and what was found of it."""

    port: int
    pid: int
    role: str
    headers: str
    rates: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    async def turn(self, path: str, owner_url: str) -> None:
        """Reads for a while."""
        pids = [self.pid, *_backends(owner_url, self.role)]
        before = _processor_seconds(pids)
        rate, answered = await _reads(self.port, path, self.headers)
        self.rates.append(rate)
        self.processor.append(1000 * (_processor_seconds(pids) - before) / answered)


def paired(with_token: list[float], without: list[float]) -> tuple[float, float]:
    """Value and floor, so that their ratio is the median of the rounds' own: a noisy neighbour disturbs one round."""
    # The first round warms up.
    floor = median(without[1:])
    return median(a / b for a, b in zip(with_token[1:], without[1:], strict=True)) * floor, floor


@part("auth")
async def auth() -> AsyncIterator[Measure]:
    """The throughput of a balance read with and without authentication."""
    with tempfile.TemporaryDirectory(prefix="aurum-bench-") as name, server() as postgres:
        folder = Path(name)
        key = folder / "signing.pem"
        key.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
        database = postgres.create()
        owner = connect(database.owner_url, pool_size=2)
        person = await add_customer(owner)
        async with transaction(owner) as session:
            account_id = await account(session, person.id, 1_000_00)
        tokens = Tokens(Settings(signing_key_file=key))
        token = tokens.sign(claims_of(person, await session_for(owner, person)))
        await owner.dispose()
        path = f"/api/v1/accounts/{account_id}/balance"
        with (
            serving("api.main:create_app", database.api_url, key, folder) as guarded,
            serving("tests.bench.open_door:create_app", database.worker_url, key, folder) as open_door,
        ):
            sides = (
                Side(*guarded, "aurum_api", f"Authorization: Bearer {token}\r\n"),
                Side(*open_door, "aurum_worker", ""),
            )
            for _ in range(ROUNDS + 1):
                for side in sides:
                    await side.turn(path, database.owner_url)
    value, floor = paired(sides[0].rates, sides[1].rates)
    yield Measure("auth.balance_reads", round(value, 1), "per second", floor=floor, aim=Aim(0.8))
    value, floor = paired(sides[0].processor, sides[1].processor)
    yield Measure("auth.balance_read_processor", round(value, 3), "ms", floor=floor, aim=Aim(1.2, at_least=False))
