"""The stock JavaScript client from npm against our sockets: what pages and apps will use.

Needs node and npm, and a registry that npm reaches; where one of them is missing the tests skip, and say so.
"""

import asyncio
import json
import shutil
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.alerts import NOON, alert, quote, swept
from tests.factories.market import opened
from tests.factories.sockets import PATIENCE_SECONDS, token_of
from tests.factories.users import Person, add_customer
from tests.factories.wires import ordered, people

CLIENT = Path(__file__).parent / "client"
NODE, NPM = shutil.which("node"), shutil.which("npm")
INSTALL_SECONDS = 180


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with what npm has for it, in a folder of its own."""
    if NODE is None or NPM is None:
        pytest.skip("node and npm are not installed here")
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(CLIENT, folder, dirs_exist_ok=True)
    try:
        done = subprocess.run(
            [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm has not installed socket.io-client within {INSTALL_SECONDS} s")
    if done.returncode:
        pytest.skip(f"npm cannot install socket.io-client here: {done.stderr.strip()[-300:]}")
    return folder


class Page:
    """A running client: what it says, and a way to make it ask."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said: dict[str, list[Any]] = defaultdict(list)

    async def hear(self, kind: str) -> Any:
        """What it says next of that kind."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self._said[kind]:
                line = await self._process.stdout.readline()
                assert line, f"the client ended without {kind}"
                said = json.loads(line)
                self._said[said["kind"]].append(said.get("told"))
        return self._said[kind].pop(0)

    async def ask(self, event: str, *arguments: Any) -> Any:
        """Makes it send an event; the acknowledgement."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"ask": event, "with": arguments}).encode() + b"\n")
        return await self.hear("answer")


@asynccontextmanager
async def page(folder: Path, url: str, token: str, transports: str = "") -> AsyncIterator[Page]:
    """A client that has been started, and is ended with the block."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        *(NODE, "client.mjs", url, token, transports),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Page(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("transports", ["", "websocket", "polling"])
async def test_the_stock_client_works_unchanged(
    transports: str,
    installed: Path,
    sockets: FastAPI,
    url: str,
    owner_engine: AsyncEngine,
    api_engine: AsyncEngine,
    worker_engine: AsyncEngine,
) -> None:
    everybody = await people(owner_engine)
    person = Person(everybody.customer, "clara@people.example", "", "customer", None)
    await opened(owner_engine)
    await alert(owner_engine, person.id, "above", "105")
    token = await token_of(sockets, owner_engine, person)
    async with page(installed, url, token, transports) as client:
        assert await client.hear("connect") in {"polling", "websocket"}
        if not transports:
            # By default it begins by polling and goes on by WebSocket.
            assert await client.hear("upgrade") == "websocket"
        told = await client.ask("subscribe_quotes", ["XALDE", "NOSUCH"])
        assert told["subscribed"] == ["XALDE"]
        assert [(one["symbol"], one["code"]) for one in told["rejected"]] == [("NOSUCH", "symbol_not_found")]
        price = await client.hear("quote_update")
        assert (price["symbol"], price["simulated"]) == ("XALDE", True)
        assert await client.ask("subscribe_alerts") == {"subscribed": True}
        assert len(await swept(worker_engine, quote("106", at=NOON + timedelta(minutes=1)))) == 1
        assert (await client.hear("alert_triggered"))["price"] == 106
        wire = await ordered(api_engine, everybody)
        update = await client.hear("case_update")
        assert (update["case"], update["id"], update["status"]) == ("wire", str(wire.id), "pending")
        assert (await client.ask("no_such_event"))["code"] == "unknown_event"
        async with transaction(owner_engine) as session:
            await session.execute(text("UPDATE sessions SET revoked_at = now()"))
        assert (await client.hear("closing"))["code"] == "bad_token"
        assert await client.hear("disconnect") == "io server disconnect"


async def test_the_stock_client_is_told_why_it_may_not_come_in(
    installed: Path, sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    token = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with page(installed, url, token[:-4] + "AAAA") as client:
        told = await client.hear("connect_error")
        assert (told["data"]["code"], told["data"]["status"]) == ("bad_token", 401)
        assert told["message"] == told["data"]["detail"]
