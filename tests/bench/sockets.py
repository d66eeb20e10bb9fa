"""A thousand sockets that follow fifty symbols each, of which each has a new price every second: how late a committed
event is told to all of them, and to those of one person; what a socket takes of memory and processor; and a bare
Socket.IO server that broadcasts the same in the same run, which is the floor.

The clients are a process of their own on the same cores and take as much as the server, or more: what is measured is
the machine with both. Times begin before the statement that commits, so they hold the commit too.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
import psycopg
import socketio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.database import connect
from infra.providers.quotes.simulated import listings
from infra.settings import Settings
from infra.tokens import Tokens
from tests.bench.parts import Aim, Measure, part
from tests.databases import Database, server
from tests.factories.auth import claims_of, session_for
from tests.factories.market import opened
from tests.factories.users import Person, add_officer

PEOPLE: Final = 50
SOCKETS: Final = 1_000
SYMBOLS: Final = 50
EVENTS: Final = 30
PAUSE_SECONDS: Final = 0.5
WARM_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 60.0
_INSERT: Final = (
    "INSERT INTO live_events (kind, user_id, told, subject_id, data) VALUES (%s, %s, true, uuidv7(),"
    ' \'{"status": "pending", "compliance_status": "pending", "reference": "R", "number": 1}\') RETURNING id'
)


@contextmanager
def _serving(factory: str, environment: dict[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    """A server of `tests.bench.open_exchange` in a process of its own; its address."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [
        *(sys.executable, "-m", "uvicorn", f"tests.bench.open_exchange:{factory}", "--factory", "--port", str(port)),
        *("--no-access-log", "--log-level", "warning", "--ws-max-size", "65536", "--ws-per-message-deflate", "false"),
        *("--timeout-graceful-shutdown", "2"),
    ]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as process:
        try:
            _until_it_listens(port)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def _until_it_listens(port: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the server does not listen")


class Load:
    """The process with the clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self) -> dict[str, Any]:
        """What they have heard since they were asked last; counts are of all the time."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        told: dict[str, Any] = await self.line()
        return told

    async def line(self) -> Any:
        """The next line that it says."""
        assert self._process.stdout is not None
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), 4 * PATIENCE_SECONDS))


@asynccontextmanager
async def _clients(url: str, tokens: list[str], symbols: list[str], folder: Path) -> AsyncIterator[Load]:
    file = folder / "tokens.json"
    file.write_text(json.dumps(tokens))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.socket_load", url, str(file), json.dumps(symbols)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    load = Load(process)
    try:
        assert await load.line() == "inside"
        yield load
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _people(database: Database, key: Path) -> tuple[list[Person], list[str]]:
    owner, people, tokens = connect(database.owner_url, pool_size=1), [], []
    sign = Tokens(Settings(signing_key_file=key)).sign
    try:
        await opened(owner)
        for _ in range(PEOPLE):
            people.append(person := await add_officer(owner, "operations"))
            token = sign(claims_of(person, await session_for(owner, person)))
            tokens += [token] * (SOCKETS // PEOPLE)
    finally:
        await owner.dispose()
    return people, tokens


async def _late(load: Load, tell: Any, each: int) -> list[float]:
    """Milliseconds from each event to each socket that is told of it, of which there are `each`."""
    await load.heard()
    sent: dict[int, float] = {}
    for number in range(EVENTS):
        begun = time.time()
        sent[await tell(number)] = begun
        await asyncio.sleep(PAUSE_SECONDS)
    heard: list[Any] = []
    ends = time.monotonic() + PATIENCE_SECONDS
    while len(heard) < EVENTS * each and time.monotonic() < ends:
        heard += (await load.heard())["events"]
        await asyncio.sleep(0.2)
    assert len(heard) == EVENTS * each, f"{len(heard)} of {EVENTS * each} were told"
    return [1000 * (at - sent[told["event_id"]]) for at, told in heard]


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


async def _bare(tokens: list[str], folder: Path) -> tuple[list[float], float]:
    with _serving("bare", {}) as (url, process):
        idle = process.memory_info().rss
        async with _clients(url, tokens, [], folder) as load:
            sender = socketio.AsyncClient()
            await sender.connect(url, auth={"token": "any"}, transports=["websocket"])
            try:
                await asyncio.sleep(WARM_SECONDS)

                async def tell(number: int) -> int:
                    await sender.emit("ping", {"event_id": number, "case": "wire", "status": "pending", "at": "x" * 90})
                    return number

                late = await _late(load, tell, SOCKETS)
                return late, (process.memory_info().rss - idle) / SOCKETS / 1024
            finally:
                await sender.disconnect()


@part("sockets", by_default=False)
async def sockets() -> AsyncIterator[Measure]:
    """Milliseconds of the slowest hundredth, KiB of a socket, processor of server and clients."""
    with TemporaryDirectory(prefix="aurum-bench-") as name, server() as running:
        folder, database = Path(name), running.create()
        key = folder / "key.pem"
        key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        people, tokens = await _people(database, key)
        bare, bare_memory = await _bare(tokens, folder)
        environment = {
            "AURUM_DATABASE_API_URL": database.api_url,
            "AURUM_SIGNING_KEY_FILE": str(key),
            "AURUM_TEMPORAL_ADDRESS": "127.0.0.1:9",
            "AURUM_LOG_LEVEL": "ERROR",
            "AURUM_LIMITS": '{"other": {"user": "1000000/minute", "address": "1000000/minute"}}',
        }
        with _serving("create_app", environment) as (url, process):
            idle = process.memory_info().rss
            symbols = list(listings())[:SYMBOLS]
            async with (
                _clients(url, tokens, symbols, folder) as load,
                await psycopg.AsyncConnection.connect(database.owner_url, autocommit=True) as owner,
            ):
                await asyncio.sleep(WARM_SECONDS)
                before, cpu, begun = await load.heard(), process.cpu_times(), time.monotonic()

                async def all_of_them(_: int) -> int:
                    # Of a customer without a socket: the officers are told.
                    return await _committed(owner, "wire", people[0])

                async def one_person(number: int) -> int:
                    return await _committed(owner, "kyc", people[number % PEOPLE])

                late = await _late(load, all_of_them, SOCKETS)
                after, used, seconds = await load.heard(), process.cpu_times(), time.monotonic() - begun
                memory = (process.memory_info().rss - idle) / SOCKETS / 1024
                few = await _late(load, one_person, SOCKETS // PEOPLE)
    quotes = (after["messages"] - before["messages"] - EVENTS * SOCKETS) / SOCKETS / seconds
    yield Measure("sockets.p99.all", _p99(late), "ms", floor=_p99(bare), aim=Aim(2, at_least=False))
    yield Measure("sockets.p99", _p99(late), "ms", aim=Aim(250, at_least=False))
    yield Measure("sockets.p50", quantiles(late, n=100)[49], "ms")
    yield Measure("sockets.p99.one_person", _p99(few), "ms")
    yield Measure("sockets.rounds", quotes, "rounds of 50 prices/s and socket")
    yield Measure("sockets.memory", memory, "KiB/socket", floor=bare_memory)
    yield Measure("sockets.processor", (used.user + used.system - cpu.user - cpu.system) / seconds, "cores")
    yield Measure("sockets.clients", (after["processor"] - before["processor"]) / seconds, "cores")
    yield Measure("sockets.machine.load", os.getloadavg()[0], "running")


async def _committed(owner: psycopg.AsyncConnection, kind: str, whose: Person) -> int:
    found = await (await owner.execute(_INSERT, (kind, whose.id))).fetchone()
    assert found is not None
    return int(found[0])
