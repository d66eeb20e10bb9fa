"""A deployment while processes run: two builds of the worker as two real programs, over a real Temporal server.

What is pinned ends where it began, what lives long moves on, what is new goes to the new build; and then the old build
has nothing left and may end (decision 0042).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from infra.database import transaction
from infra.local.site import REPOSITORY
from models.tables import wires
from tests.databases import Database
from tests.factories import payments
from tests.factories import wires as make
from tests.factories.counterparty import ACH_COMPANY, ACH_ODFI, NOSTRO
from tests.temporal_server import temporal_server

PATIENCE_SECONDS = 120
# How soon the server sees that nothing needs a build any more; minutes where nobody asks for less.
_DRAINED_SOON = (
    'matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
    'matching.wv.VersionDrainageStatusRefreshInterval="1s"',
)


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """Looks until what it sees is `wanted`; fails when patience ends."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not wanted(seen := await look()):
        assert time.monotonic() < ends, f"still {seen!r}"
        await asyncio.sleep(0.1)
    return seen


@dataclass
class House:
    """A bank whose worker is deployed anew."""

    client: Client
    engine: AsyncEngine
    api_engine: AsyncEngine
    people: make.People
    folder: Path
    settings: dict[str, str]

    @asynccontextmanager
    async def worker(self, build: str) -> AsyncIterator[subprocess.Popen[bytes]]:
        """One build, as a program that takes work."""
        ready, log = self.folder / f"{build}.ready", self.folder / f"{build}.log"
        environment = {
            **self._environment(),
            "AURUM_WORKER_BUILD_ID": build,
            "AURUM_WORKER_READY_FILE": str(ready),
        }
        with log.open("wb") as output:
            program = await asyncio.to_thread(
                subprocess.Popen,
                [sys.executable, "worker.py"],
                cwd=REPOSITORY,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:

            async def up() -> bool:
                assert program.poll() is None, log.read_text()
                return ready.exists()

            await until(up, bool)
            yield program
        finally:
            if program.poll() is None:
                program.send_signal(signal.SIGTERM)
            await asyncio.to_thread(program.wait, 60)

    async def command(self, *words: str) -> tuple[int, str]:
        """What an operator is told, after the exit status."""
        ended: Any = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "infra.admin", *words],
            cwd=REPOSITORY,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout + ended.stderr

    async def make_current(self, build: str) -> None:
        """Makes a build current, as soon as the server has heard of it."""
        await until(lambda: self.command("version-current", build), lambda told: told[0] == 0)

    async def told(self, line: str) -> int:
        """Waits until `versions` tells `line`, since what it counts is seconds behind; its exit status."""
        status, _ = await until(lambda: self.command("versions"), lambda seen: line in seen[1])
        return int(status)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AURUM_")}
        return inherited | self.settings

    async def order(self) -> UUID:
        """A wire that waits for an officer."""
        wire = await make.ordered(self.api_engine, self.people)
        await until(lambda: self._status(wire.id), lambda seen: seen == "awaiting_approval")
        return wire.id

    async def payment(self) -> UUID:
        """A payment that waits for its day."""
        due = (datetime.now(UTC) + timedelta(days=30)).date()
        order = payments.sepa_order(self.people, due_on=due)
        payment_id = (await payments.ordered(self.api_engine, self.people, order)).id
        await until(lambda: self.builds(f"payment/{payment_id}"), bool)
        return payment_id

    async def cancel(self, wire_id: UUID) -> None:
        """The customer takes a wire back, and its process ends."""
        async with transaction(self.api_engine, self.people.as_customer()) as session:
            await wires.cancel(session, wire_id, self.people.customer)
        await self.client.get_workflow_handle(f"wire/{wire_id}").result()

    async def builds(self, workflow_id: str) -> list[str]:
        """Which build did each task of a process; none while it has not begun."""
        try:
            history = await self.client.get_workflow_handle(workflow_id).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return []
        return [
            event.workflow_task_completed_event_attributes.deployment_version.build_id
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]

    async def _status(self, wire_id: UUID) -> str:
        async with transaction(self.engine) as session:
            row = await session.execute(text("SELECT status FROM wire_transfers WHERE id = :id"), {"id": wire_id})
            return str(row.scalar_one())


@asynccontextmanager
async def _house(
    database: Database, owner_engine: AsyncEngine, api_engine: AsyncEngine, folder: Path
) -> AsyncIterator[House]:
    async with temporal_server(*_DRAINED_SOON) as environment:
        for name in ("outbox", "inbox"):
            (folder / name).mkdir()
        settings = {
            "AURUM_DATABASE_URL": database.owner_url,
            "AURUM_DATABASE_WORKER_URL": database.worker_url,
            "AURUM_TEMPORAL_ADDRESS": environment.client.service_client.config.target_host,
            "AURUM_TASK_QUEUE": f"deployments-{uuid4()}",
            "AURUM_BANK_HOURS": "always",
            "AURUM_BANK_OUTBOX": str(folder / "outbox"),
            "AURUM_BANK_INBOX": str(folder / "inbox"),
            "AURUM_NOSTRO_ACCOUNTS": json.dumps(NOSTRO),
            "AURUM_ACH_ODFI": ACH_ODFI,
            "AURUM_ACH_COMPANY_ID": ACH_COMPANY,
            "AURUM_MAIL_DIR": str(folder / "mail"),
            "AURUM_STORE_DIR": str(folder / "store"),
        }
        people = await make.people(owner_engine)
        yield House(environment.client, owner_engine, api_engine, people, folder, settings)


async def test_a_deployment_with_running_processes(
    database: Database, owner_engine: AsyncEngine, api_engine: AsyncEngine, tmp_path: Path
) -> None:
    async with (
        _house(database, owner_engine, api_engine, tmp_path) as house,
        house.worker("one") as old,
        AsyncExitStack() as newer,
    ):
        await house.make_current("one")
        stays, moves = await house.order(), await house.order()
        lives_long = await house.payment()

        await newer.enter_async_context(house.worker("two"))
        await until(lambda: house.command("version-ramp", "two", "--percent", "25"), lambda told: told[0] == 0)
        await house.told("two: ramping, 25 % of what is new")
        assert (await house.command("version-ramp", "two", "--percent", "0"))[0] == 0
        # Of two builds it is the one that may end now.
        await house.told(", 0 % of what is new, 0 stay with it; its workers may end\n")
        await house.make_current("two")
        new = await house.order()
        assert set(await house.builds(f"wire/{new}")) == {"two"}
        assert await house.told("one: draining, 0 % of what is new, 2 stay with it\n") == 1
        await house.told("two: current, 100 % of what is new")

        await house.cancel(stays)
        assert set(await house.builds(f"wire/{stays}")) == {"one"}
        await payments.cancelled(api_engine, house.people, lives_long)
        await house.client.get_workflow_handle(f"payment/{lives_long}").result()
        done_by = await house.builds(f"payment/{lives_long}")
        assert (done_by[0], done_by[-1]) == ("one", "two")

        await house.told("one: draining, 0 % of what is new, 1 stay with it\n")
        moved = "1 processes of one move on when they are next woken.\n"
        assert await house.command("version-move", "one") == (0, moved)
        await house.cancel(moves)
        done_by = await house.builds(f"wire/{moves}")
        assert (done_by[0], done_by[-1]) == ("one", "two")

        assert await house.told("one: drained, 0 % of what is new, 0 stay with it; its workers may end\n") == 0
        old.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(old.wait, 60) == 0
        await house.cancel(new)
        assert set(await house.builds(f"wire/{new}")) == {"two"}
