"""Clients of sockets, and an API that listens on a port of its own."""

import asyncio
import json
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.factories.auth import claims_of, session_for
from tests.factories.users import Person

PATIENCE_SECONDS = 30


async def until(holds: Callable[[], object]) -> None:
    """Returns once that holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 # what is looked at belongs to the application
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """`app`, whose lifespan runs already, on a port; its address. As the embedded stack has it served."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    with socket.socket() as bound:
        # Little room in the system, so that who does not read is noticed soon; connections inherit it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        bound.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([bound]))
        try:
            await until(lambda: server.started)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def token_of(app: FastAPI, owner: AsyncEngine, person: Person, **claims: Any) -> str:
    """An access token of a new session of `person`."""
    return str(app.state.parts.tokens.sign(claims_of(person, await session_for(owner, person), **claims)))


class Ear:
    """A client, and what it has heard."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self._heard: dict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self.gone = asyncio.Event()
        self.client.on("*", self._hear)
        self.client.on("connect_error", self._heard["connect_error"].put_nowait)
        self.client.on("disconnect", lambda *_: self.gone.set())

    async def connect(self, url: str, token: str | None) -> "Ear":
        """Opens a socket."""
        auth = None if token is None else {"token": token}
        await self.client.connect(url, auth=auth, transports=["websocket"], wait_timeout=PATIENCE_SECONDS)
        return self

    async def ask(self, event: str, *arguments: Any) -> Any:
        """Sends an event and returns its acknowledgement."""
        return await self.client.call(event, *arguments, timeout=PATIENCE_SECONDS)

    async def hear(self, event: str) -> Any:
        """The next `event`, which is waited for."""
        return await asyncio.wait_for(self._heard[event].get(), PATIENCE_SECONDS)

    def heard(self, event: str) -> list[Any]:
        """All of them that were not asked for yet."""
        queue = self._heard[event]
        return [queue.get_nowait() for _ in range(queue.qsize())]

    async def ended(self) -> None:
        """Returns when the socket is closed."""
        await asyncio.wait_for(self.gone.wait(), PATIENCE_SECONDS)

    def _hear(self, event: str, *told: Any) -> None:
        self._heard[event].put_nowait(told[0] if told else None)


@asynccontextmanager
async def ear(url: str, token: str | None) -> AsyncIterator[Ear]:
    """An open socket, closed with the block."""
    opened = Ear()
    try:
        yield await opened.connect(url, token)
    finally:
        await opened.client.disconnect()
        if opened.client.eio.http is not None:
            await opened.client.eio.http.close()


async def refused(url: str, token: str | None) -> dict[str, Any]:
    """Why a socket cannot be opened: the error that the client is told."""
    client = Ear()
    try:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(url, token)
        told: dict[str, Any] = await client.hear("connect_error")
    finally:
        await client.client.disconnect()
        if client.client.eio.http is not None:
            await client.client.eio.http.close()
    assert told["message"] == told["data"]["detail"]
    data: dict[str, Any] = told["data"]
    return data


def sockets_of(app: FastAPI) -> Any:
    """The open sockets of `app`."""
    return app.state.realtime._audience


@asynccontextmanager
async def raw(url: str, token: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A signed-in socket without a library that minds its manners."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", autoping=True) as opened,
    ):
        assert (await opened.receive_str()).startswith("0{")
        await opened.send_str(f"40{json.dumps({'token': token})}")
        assert (await opened.receive_str()).startswith("40{")
        yield opened


async def until_closed(opened: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    """The message of the server that closes the connection."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            message = await opened.receive()
            if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                return message


class Polling:
    """A client that polls, packet by packet."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = f"{url}/socket.io/?EIO=4&transport=polling"
        self._packets: list[str] = []

    async def open(self) -> None:
        """Opens a connection below any socket."""
        self._url += f"&sid={json.loads((await self._get())[1:])['sid']}"

    async def send(self, body: str | bytes) -> tuple[int, str]:
        """Sends packets; the status and the type of the answer."""
        async with self._http.post(self._url, data=body) as answered:
            await answered.read()
            return answered.status, answered.content_type

    async def hear(self, beginning: str) -> str:
        """The next packet that begins so; what comes before it is passed over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                while self._packets:
                    packet = self._packets.pop(0)
                    if packet.startswith(beginning):
                        return packet
                self._packets = (await self._get()).split("\x1e")

    async def status(self) -> int:
        """The status of one more look."""
        async with self._http.get(self._url) as answered:
            await answered.read()
            return answered.status

    async def _get(self) -> str:
        async with self._http.get(self._url) as answered:
            assert answered.status == 200
            return await answered.text()


@asynccontextmanager
async def polling(url: str) -> AsyncIterator[Polling]:
    """A client that polls, and has shown no token yet."""
    async with aiohttp.ClientSession() as http:
        client = Polling(http, url)
        await client.open()
        yield client
