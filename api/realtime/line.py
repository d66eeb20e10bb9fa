"""The door of the sockets: from where they may be opened, and what comes over each of them.

What the library leaves to others is held here: the origin of a page, a largest message, how many messages in a time,
what is no message at all, a client that reads no more, and the end of a connection when the bank wants it.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

import socketio
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from api.errors import BodyTooLarge
from api.realtime.packets import LONGEST_FRAME, SEPARATOR, check_frame
from models.errors import AurumError, Forbidden, Malformed, RateLimited

# A client that takes nothing for so long is gone.
SEND_SECONDS: Final = 10.0
WINDOW_SECONDS: Final = 10.0
# Of RFC 6455, section 7.4.1: refused by a rule.
POLICY_VIOLATION: Final = 1008
_LINE: Final = "aurum.line"


class OriginRefused(Forbidden):
    """A page of another origin may not open sockets."""

    code = "origin_refused"
    title = "Origin is not allowed"


def allowed_origins(public_url: str, others: Collection[str]) -> frozenset[str]:
    """Pages of these origins may open sockets: our own, and those that may call the API."""
    own = urlsplit(public_url)
    return frozenset({f"{own.scheme}://{own.netloc}".lower(), *others})


def check_origin(headers: Headers, allowed: Collection[str]) -> None:
    """Raises `OriginRefused`. What is no browser names no origin, and has to bring a token like everybody."""
    given = headers.get("origin")
    if given is not None and given not in allowed:
        raise OriginRefused("Pages of this origin may not open sockets")


class Line:
    """One WebSocket, below the library: `receive` and `send` stand in for those of the server."""

    def __init__(self, receive: Receive, send: Send, messages: int) -> None:
        self._receive = receive
        self._send = send
        self._messages = messages
        self._counted = 0
        self._counted_from = time.monotonic()
        self._cut = asyncio.Event()
        self._reason = ""

    def cut(self, reason: str) -> None:
        """Ends the connection, once what waits for it was sent. `reason` is a code for the client."""
        if not self._cut.is_set():
            self._reason = reason
            self._cut.set()

    async def receive(self) -> Message:
        """The next message; the end of the connection where it was cut, or sent what nobody sends."""
        message = await self._next()
        if message["type"] == "websocket.receive":
            try:
                self._check(message)
            except AurumError as error:
                self.cut(error.code)
                return _ended()
        return message

    async def send(self, message: Message) -> None:
        """Sends; a client that takes nothing is cut. Raises `TimeoutError` then."""
        if message["type"] == "websocket.close" and self._cut.is_set():
            message = {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": self._reason}
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            self.cut("too_slow")
            raise

    async def _next(self) -> Message:
        if self._cut.is_set():
            return _ended()
        coming = asyncio.ensure_future(self._receive())
        cutting = asyncio.ensure_future(self._cut.wait())
        try:
            await asyncio.wait({coming, cutting}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else _ended()
        finally:
            coming.cancel()
            cutting.cancel()

    def _check(self, message: Message) -> None:
        now = time.monotonic()
        if now - self._counted_from >= WINDOW_SECONDS:
            self._counted, self._counted_from = 0, now
        self._counted += 1
        if self._counted > self._messages:
            raise RateLimited(WINDOW_SECONDS, "Too many messages")
        frame = message.get("text")
        if frame is None:
            raise Malformed("Only text is taken")
        check_frame(frame)


def _ended() -> Message:
    return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}


def line_in(scope: Scope) -> Line | None:
    """The line of a socket that was opened with `scope`; None for one that polls."""
    found = scope.get(_LINE)
    return found if isinstance(found, Line) else None


class Door:
    """Lets connections through to the library."""

    def __init__(self, server: socketio.AsyncServer, allowed: Collection[str], messages: int) -> None:
        self._server = server
        self._allowed = allowed
        self._messages = messages
        # Lines of sockets that began by polling, by their id at the library.
        self.upgraded: dict[str, Line] = {}

    async def open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a WebSocket until it ends. Raises `OriginRefused` before it is accepted."""
        check_origin(Headers(scope=scope), self._allowed)
        line = Line(receive, send, self._messages)
        begun = QueryParams(scope["query_string"]).get("sid")
        scope[_LINE] = line
        if begun:
            self.upgraded[begun] = line
        try:
            await self._server.handle_request(scope, line.receive, line.send)
        finally:
            if begun:
                self.upgraded.pop(begun, None)

    async def poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request of a client that polls. Raises `OriginRefused`, `Malformed` and `BodyTooLarge`."""
        request = Request(scope, receive)
        check_origin(request.headers, self._allowed)
        body = await _body(request) if scope["method"] == "POST" else b""
        read = False

        async def again() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._server.handle_request(scope, again, send)
        below = self._server.eio.sockets.get(request.query_params.get("sid"))
        if below is not None and below.closed:
            # The library leaves whoever still waits for an answer of a socket that has ended waiting.
            below.queue.put_nowait(None)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FRAME:
            raise BodyTooLarge(f"A body has at most {LONGEST_FRAME} bytes")
    try:
        frames = body.decode().split(SEPARATOR)
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8") from None
    for frame in frames:
        check_frame(frame)
    return body
