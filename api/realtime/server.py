"""The sockets of one process, put together: the library, our door before it, and what works behind it."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

import socketio
import structlog
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.errors import refusal
from api.metrics import metrics_of
from api.observation import attempt_in
from api.origin import network_of
from api.parts import Parts
from api.realtime.audience import Audience, hang_up
from api.realtime.board import Board
from api.realtime.delivery import Delivery
from api.realtime.handlers import Handlers
from api.realtime.line import Door, OriginRefused, allowed_origins, line_in
from api.realtime.packets import LONGEST_FRAME, Packet
from infra.bells import open_bell
from infra.limits import RouteClass
from models.errors import AurumError, NotAuthenticated, RateLimited, Unavailable
from models.realtime import TooManySockets

log = structlog.get_logger(__name__)

PING_SECONDS: Final = 25
PONG_SECONDS: Final = 20
# Whoever has opened a connection and shows no token is not waited for longer.
_STRANGER_SECONDS: Final = 10.0
_SWEEP_SECONDS: Final = 2.0
# Of RFC 6455 as IANA keeps it.
TRY_AGAIN_LATER: Final = 1013
# What the library logs is said better by us, and would repeat what clients sent.
_SILENT: Final = logging.getLogger("aurum.socketio")
_SILENT.setLevel(logging.CRITICAL + 1)
_SILENT.propagate = False


class Realtime:
    """Sockets. Nothing is opened and no task runs before the first one comes."""

    def __init__(self, app: Starlette, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._server = socketio.AsyncServer(
            async_mode="asgi",
            # Origins are checked by the door, and headers for other origins are the middleware's.
            cors_allowed_origins=[],
            max_http_buffer_size=LONGEST_FRAME,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            serializer=Packet,
            # One message of a client after the other.
            async_handlers=False,
            http_compression=False,
            logger=_SILENT,
            engineio_logger=_SILENT,
        )
        metrics = metrics_of(app)
        self._metrics = metrics.sockets
        origins = allowed_origins(settings.public_url, settings.cors_origins)
        self._door = Door(self._server, origins, settings.sockets.messages)
        self._audience = Audience(self._server, settings.sockets, self._metrics)
        self._board = Board(parts.quotes, self._audience, self._server.eio.send_packet, self._metrics)
        self._delivery = Delivery(parts.engine, lambda: open_bell(settings), self._audience)
        Handlers(parts, self._server, self._door, self._audience, self._board, self._delivery, self._metrics).install()
        self._sweeping: asyncio.Task[None] | None = None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a connection, or one request of a client that polls."""
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep(), name="socket-sweep")
        begun = "sid" in QueryParams(scope["query_string"])
        try:
            if not begun:
                self._check_room()
            if scope["type"] == "http":
                await self._door.poll(scope, receive, send)
                return
            await self._count(scope)
            await self._door.open(scope, receive, send)
        except AurumError as error:
            self._metrics.refused.labels(error.code).inc()
            if scope["type"] == "http":
                await refusal(Request(scope), error)(scope, receive, send)
                return
            if not isinstance(error, OriginRefused):
                await send({"type": "websocket.accept"})
            # Of one that was not accepted this is a 403.
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": error.code})

    async def close(self) -> None:
        """Ends every socket, and all work for them."""
        await self._audience.close(Unavailable("The server is stopping; connect again"))
        await self._board.close()
        await self._delivery.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        await self._server.shutdown()

    def _check_room(self) -> None:
        # As many again may be coming in.
        if len(self._server.eio.sockets) >= 2 * self._parts.settings.sockets.sockets:
            raise TooManySockets(30, "This process has as many connections as it may; try again later")

    async def _count(self, scope: Scope) -> None:
        """One request more of that address; those of who polls are counted where all are."""
        address = network_of(attempt_in(scope, self._parts.settings.trusted_proxies).ip_address)
        for standing in await self._parts.limiter.count(RouteClass.READS, {"address": address}):
            if standing.exceeded:
                raise RateLimited(standing.seconds, "Too many requests of this kind", policy=standing.policy)

    async def _sweep(self) -> None:
        """Hangs up on whoever has not come in."""
        since: dict[str, float] = {}
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            inside = {socket.frame_id for socket in self._audience}
            outside = [frame_id for frame_id in list(self._server.eio.sockets) if frame_id not in inside]
            since = {frame_id: since.get(frame_id, now) for frame_id in outside}
            for frame_id, seen in since.items():
                if now - seen >= _STRANGER_SECONDS:
                    line = self._door.upgraded.get(frame_id) or line_in(
                        self._server.environ.get(frame_id, {}).get("asgi.scope", {})
                    )
                    await hang_up(self._server, frame_id, line, NotAuthenticated.code)
