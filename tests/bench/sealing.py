"""What the sealing of Temporal's payloads costs: the same wires on the same stack, sealed and in the clear by turns."""

from collections.abc import AsyncIterator
from time import perf_counter
from typing import Final

import psycopg
from temporalio.contrib.pydantic import pydantic_data_converter

from infra.local.parts import Part
from infra.local.stack import Stack
from infra.payloads import SealedPayloads
from infra.settings import Settings
from models.wires import WireState
from tests.bench.desk import Desk
from tests.bench.parts import Measure, part
from tests.bench.stacks import Processes, whole_stack
from tests.bench.wires import WIRES, wires_a_second

# By turns, so that a server that fills up slows both down alike.
TURNS: Final = 2
PAYLOADS: Final = 20_000


def _payloads_a_second() -> float:
    """How many payloads of the size of a wire's state one thread seals and opens in a second."""
    codec = SealedPayloads.of(Settings(_env_file=None))
    schema = WireState.model_json_schema()["properties"]
    payload = pydantic_data_converter.payload_converter.to_payload(dict.fromkeys(schema, "01a2001a"))
    began = perf_counter()
    for _ in range(PAYLOADS):
        codec.opened(codec.sealed(payload))
    return PAYLOADS / (perf_counter() - began)


async def _turn(stack: Stack, *, sealed: bool) -> tuple[float, float]:
    """Wires in a second, and the worker's milliseconds of processor for a wire."""
    environment = {"AURUM_PAYLOAD_ENCRYPTION": "true" if sealed else "false"}
    for program in (Part.WORKER, Part.API):
        stack.restart(program, environment)
    info = stack.info()
    async with (
        Desk.open(info) as desk,
        await psycopg.AsyncConnection.connect(info["database_url"], autocommit=True) as connection,
    ):
        # What a new process does once is not what is measured.
        await wires_a_second(desk, connection)
        processes = Processes(stack)
        used = processes.used()
        rate = await wires_a_second(desk, connection)
        return rate, (processes.used() - used) / WIRES


@part("sealing", by_default=False)
async def sealing() -> AsyncIterator[Measure]:
    """Completed wires and processor time of the worker, sealed, against the same in the clear."""
    yield Measure("sealing.payloads", _payloads_a_second(), "payloads/s")
    with whole_stack() as stack:
        turns = [(sealed, await _turn(stack, sealed=sealed)) for _ in range(TURNS) for sealed in (False, True)]
    rates, costs = (
        [sum(found[which] for sealed, found in turns if sealed is wanted) / TURNS for wanted in (False, True)]
        for which in (0, 1)
    )
    yield Measure("sealing.completed", rates[1], "wires/s", floor=rates[0])
    yield Measure("sealing.worker", costs[1], "ms CPU a wire", floor=costs[0])
