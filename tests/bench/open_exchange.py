"""The API with its exchange in a session, whatever day it is: what sockets cost is measured with prices that move.

Started as `uvicorn tests.bench.open_exchange:create_app --factory`, and beside it `:bare`, a Socket.IO server that
sends the same messages to everybody, and nothing else.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import socketio
from fastapi import FastAPI

from api import main

# A Friday's afternoon in New York.
SESSION = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def create_app() -> FastAPI:
    """The application over the settings of the process."""
    begun = time.time()
    return main.create_app(clock=lambda: SESSION + timedelta(seconds=time.time() - begun))


def bare() -> Callable[..., Any]:
    """`ping` by anybody is sent to all as `case_update`; every second fifty quotes are."""
    server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])
    tasks: list[asyncio.Task[None]] = []

    async def prices() -> None:
        while True:
            begun = time.monotonic()
            told = [
                {"symbol": f"S{number}", "last": 92.59, "as_of": time.time(), "fill": "x" * 300} for number in range(50)
            ]
            await server.emit("quote_update", told)
            await asyncio.sleep(max(0.0, 1 - (time.monotonic() - begun)))

    async def connect(_id: str, _environ: Any, _auth: Any) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(prices()))

    async def ping(_id: str, told: Any) -> None:
        await server.emit("case_update", told)

    server.on("connect", connect)
    server.on("ping", ping)
    app: Callable[..., Any] = socketio.ASGIApp(server)
    return app
