"""What watching costs: a balance read with and without metrics, and traced; a wire traced, against one that is not.

All of it in turns in one run. The figure is the processor time of our processes, since a neighbour disturbs that least.
Every request is traced here, and every span sent to a collector.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from joserfc.jwk import OKPKey

from infra.database import connect, transaction
from infra.local.stack import Stack
from infra.settings import Settings
from infra.tokens import Tokens
from tests.bench.auth import ROUNDS, Side, paired, serving
from tests.bench.desk import Desk, in_turns, reached, standing
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import whole_stack
from tests.databases import server
from tests.factories.accounts import account
from tests.factories.auth import claims_of, session_for
from tests.factories.collector import collector
from tests.factories.users import add_customer

WIRES: Final = 40
WIRE_ROUNDS: Final = 4
AT_ONCE: Final = 8


@part("observation")
async def observation() -> AsyncIterator[Measure]:
    """The processor time of a read and of a wire, watched and not."""
    async for measure in _reads():
        yield measure
    yield await _wires()


async def _reads() -> AsyncIterator[Measure]:
    with (
        tempfile.TemporaryDirectory(prefix="aurum-bench-") as name,
        server() as postgres,
        collector() as traces,
        ExitStack() as running,
    ):
        folder = Path(name)
        key = folder / "signing.pem"
        key.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
        database = postgres.create()
        owner = connect(database.owner_url, pool_size=2)
        person = await add_customer(owner)
        async with transaction(owner) as session:
            account_id = await account(session, person.id, 1_000_00)
        token = Tokens(Settings(signing_key_file=key)).sign(claims_of(person, await session_for(owner, person)))
        await owner.dispose()
        apis: tuple[tuple[str, dict[str, str]], ...] = (
            ("tests.bench.unmeasured:create_app", {}),
            ("api.main:create_app", {}),
            ("api.main:create_app", {"AURUM_OTLP_ENDPOINT": traces.url}),
        )
        sides = []
        for number, (factory, env) in enumerate(apis):
            place = folder / str(number)
            place.mkdir()
            port, pid = running.enter_context(serving(factory, database.api_url, key, place, env))
            # Without their connections, which are of one role in one database, so that nobody knows whose is which.
            sides.append(Side(port, pid, "", f"Authorization: Bearer {token}\r\n"))
        for _ in range(ROUNDS + 1):
            for side in sides:
                await side.turn(f"/api/v1/accounts/{account_id}/balance", database.owner_url)
    unmeasured, measured, traced = (side.processor for side in sides)
    value, floor = paired(measured, unmeasured)
    yield Measure("observation.read_measured", round(value, 4), "ms CPU", floor=floor, aim=Aim(1.03, at_least=False))
    value, floor = paired(traced, measured)
    yield Measure("observation.read_traced", round(value, 4), "ms CPU", floor=floor)


async def _wires() -> Measure:
    with collector() as traces, whole_stack() as plain, whole_stack({"AURUM_OTLP_ENDPOINT": traces.url}) as traced:
        used: dict[str, list[float]] = {"plain": [], "traced": []}
        for _ in range(WIRE_ROUNDS + 1):
            used["plain"].append(await _turn(plain))
            used["traced"].append(await _turn(traced))
    value, floor = paired(used["traced"], used["plain"])
    return Measure("observation.wire_traced", round(value, 2), "ms CPU a wire", floor=round(floor, 2))


async def _turn(stack: Stack) -> float:
    """Milliseconds of processor that the API and the worker take for a wire."""
    info = stack.info()
    processes = [psutil.Process(info["pids"][name]) for name in ("api", "worker")]
    async with (
        Desk.open(info) as desk,
        await psycopg.AsyncConnection.connect(info["database_url"], autocommit=True) as connection,
    ):
        before = await standing(connection, "completed")
        began = _used(processes)

        async def one() -> Any:
            await desk.approve(await desk.order())

        await in_turns([one] * WIRES, AT_ONCE)
        await reached(connection, "completed", before + WIRES)
        return (_used(processes) - began) / WIRES


def _used(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return 1000 * sum(one.user + one.system for one in times)
