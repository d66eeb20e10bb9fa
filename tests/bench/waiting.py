"""A thousand wires that wait for an officer at once: what they cost while nobody does anything, and what it takes to
list, approve and complete some of them, on a whole stack.

What was there before them is the floor: the memory of processes that have carried wires through already, the pages of a
queue of 25. `WAITING_WIRES=200` for fewer. Ordering is through HTTP, from every account of two customers.

A worker keeps the state of up to 1,000 processes in memory (the SDK's `max_cached_workflows`): more waiting ones take
no more of it, and are read from their history when somebody wakes them.
"""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final

import httpx
import psycopg
from temporalio.client import Client

from tests.bench.desk import Desk, in_turns, reached
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import Processes, temporal_client, whole_stack
from tests.bench.wires import bare_a_second

WIRES: Final = int(os.environ.get("WAITING_WIRES", "1000"))
FEW: Final = 25
WARMING: Final = 40
APPROVED: Final = 200
AT_ONCE: Final = 16
EACH_OFFICER_AT_ONCE: Final = 4
READS: Final = 100
IDLE_SECONDS: Final = 60
API_PAGE: Final = 20
CONSOLE_PAGE: Final = 25
NOT_MORE: Final = Aim(0, at_least=False)
# A page of the queue may take half as much again when forty times as many wait.
AS_WITH_FEW: Final = Aim(1.5, at_least=False)
SECONDS_IN_A_DAY: Final = 86_400


@dataclass(frozen=True)
class Idleness:
    """What a number of processes have done in all: events in their histories, and changes of state, which a workflow
    task that fails and is tried again makes without an event."""

    events: int
    transitions: int

    @classmethod
    async def of(cls, client: Client, wires: Sequence[str]) -> "Idleness":
        """As Temporal has it now."""

        async def one(wire_id: str) -> tuple[int, int]:
            told = await client.get_workflow_handle(f"wire/{wire_id}").describe()
            info = told.raw_description.workflow_execution_info
            assert info.history_length > 0
            return info.history_length, info.state_transition_count

        found = await in_turns([partial(one, wire_id) for wire_id in wires], AT_ONCE)
        return cls(sum(events for events, _ in found), sum(transitions for _, transitions in found))


async def timed(act: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds that it took."""
    began = perf_counter()
    await act()
    return 1000 * (perf_counter() - began)


def middle(times: Sequence[float]) -> float:
    """The median."""
    return statistics.median(times)


def nearly_worst(times: Sequence[float]) -> float:
    """What one in a hundred exceeds."""
    return statistics.quantiles(times, n=100, method="inclusive")[98]


class Reader:
    """An officer who reads the queue, by the API and in the console."""

    def __init__(self, desk: Desk, console: httpx.AsyncClient) -> None:
        self._desk = desk
        self._console = console

    async def enter(self) -> None:
        """Signs in at the console."""
        person = self._desk.people("admin", "compliance_officer")[0]
        fields = {"email": person["email"], "password": person["password"], "next": "/console/wires"}
        said = await self._console.post("/console/sign-in", data=fields)
        assert said.status_code == 303, said.text

    async def api(self, page: int) -> list[float]:
        """Times of a full page of the API, in milliseconds."""
        assert len((await self._desk.queue(page))["data"]) == API_PAGE
        return [await timed(partial(self._desk.queue, page)) for _ in range(READS)]

    async def console(self, page: int) -> list[float]:
        """Times of a full page of the console, in milliseconds."""
        rows = (await self._page(page)).count("/console/wires/01")
        assert rows >= CONSOLE_PAGE, f"{rows} rows on page {page}"
        return [await timed(partial(self._page, page)) for _ in range(READS)]

    async def _page(self, page: int) -> str:
        said = await self._console.get("/console/wires", params={"page": page})
        assert said.status_code == 200, said.text
        return said.text


@dataclass(frozen=True)
class Bench:
    """What the measures below share."""

    client: Client
    desk: Desk
    reader: Reader
    processes: Processes
    connection: psycopg.AsyncConnection[Any]

    async def place(self, wires: int) -> list[str]:
        """Orders that many; their ids."""
        return await in_turns([self.desk.order] * wires, AT_ONCE)

    async def complete(self, wires: Sequence[str], before: int) -> list[float]:
        """Two officers share them, and decide at the same time. When all are completed, how long each approval took."""

        async def officer(which: int) -> list[float]:
            mine = [partial(timed, partial(self.desk.approve, wire_id, which)) for wire_id in wires[which::2]]
            return await in_turns(mine, EACH_OFFICER_AT_ONCE)

        took = await asyncio.gather(officer(0), officer(1))
        await reached(self.connection, "completed", before + len(wires))
        return [one for times in took for one in times]


@part("waiting")
async def waiting() -> AsyncIterator[Measure]:
    """Memory, pages and idle cost of many waiting wires; the time to approve and complete some of them."""
    with whole_stack() as stack:
        info = stack.info()
        async with (
            Desk.open(info, customers=2, officers=2) as desk,
            httpx.AsyncClient(base_url=info["api_url"], timeout=60) as console,
            await psycopg.AsyncConnection.connect(info["database_url"], autocommit=True) as connection,
        ):
            client = await temporal_client(stack)
            bench = Bench(client, desk, Reader(desk, console), Processes(stack), connection)
            async for measure in _measured(bench):
                yield measure


async def _measured(bench: Bench) -> AsyncIterator[Measure]:
    await bench.complete(await bench.place(WARMING), 0)
    await bench.reader.enter()
    wires = await bench.place(FEW)
    await reached(bench.connection, "awaiting_approval", FEW)
    floors = await _pages(bench, {"api.first": 1, "console.first": 1})
    quiet = await bench.processes.idle(IDLE_SECONDS / 4)
    before = bench.processes.memory()

    began = perf_counter()
    wires += await bench.place(WIRES - FEW)
    yield Measure("waiting.ordered", (WIRES - FEW) / (perf_counter() - began), "wires/s")
    await reached(bench.connection, "awaiting_approval", WIRES)
    yield Measure("waiting.awaiting", (WIRES - FEW) / (perf_counter() - began), "wires/s")
    for name, mebibytes in bench.processes.memory().items():
        each = 1024 * (mebibytes - before[name]) / (WIRES - FEW)
        yield Measure(f"waiting.{name}.memory", mebibytes, "MiB", floor=before[name])
        yield Measure(f"waiting.{name}.memory_each", each, "KiB")
    async for measure in _idle(bench, wires, quiet):
        yield measure

    pages = {"api.first": 1, "api.last": WIRES // API_PAGE, "console.first": 1, "console.last": WIRES // CONSOLE_PAGE}
    for name, times in (await _pages(bench, pages)).items():
        few = floors[name.replace("last", "first")]
        yield Measure(f"waiting.{name}.median", middle(times), "ms", floor=middle(few), aim=AS_WITH_FEW)
        yield Measure(f"waiting.{name}.p99", nearly_worst(times), "ms", floor=nearly_worst(few))

    chosen = wires[: min(APPROVED, WIRES)]
    began, used = perf_counter(), bench.processes.used()
    took = await bench.complete(chosen, WARMING)
    rate, used = len(chosen) / (perf_counter() - began), bench.processes.used() - used
    yield Measure("waiting.approve.median", middle(took), "ms")
    yield Measure("waiting.approve.p99", nearly_worst(took), "ms")
    yield Measure("waiting.completed.worker", used / len(chosen), "ms CPU a wire")
    yield Measure("waiting.completed", rate, "wires/s", floor=await bare_a_second(bench.client))
    yield Measure("waiting.machine.load", os.getloadavg()[0], "running")


async def _pages(bench: Bench, wanted: dict[str, int]) -> dict[str, list[float]]:
    return {
        name: await (bench.reader.api if name.startswith("api") else bench.reader.console)(page)
        for name, page in wanted.items()
    }


async def _idle(bench: Bench, wires: Sequence[str], quiet: float) -> AsyncIterator[Measure]:
    """What they do while nobody does anything; a real minute of a thousand is most of a day of one."""
    before, began = await Idleness.of(bench.client, wires), perf_counter()
    used = await bench.processes.idle(IDLE_SECONDS)
    days = len(wires) * (perf_counter() - began) / SECONDS_IN_A_DAY
    after = await Idleness.of(bench.client, wires)
    yield Measure("waiting.history_events", before.events / len(wires), "events")
    yield Measure("waiting.idle.watched", days, "wire-days")
    yield Measure("waiting.idle.events", (after.events - before.events) / days, "a wire and day", aim=NOT_MORE)
    yield Measure(
        "waiting.idle.changes", (after.transitions - before.transitions) / days, "a wire and day", aim=NOT_MORE
    )
    yield Measure("waiting.idle.worker", used, "ms CPU a second", floor=quiet)
