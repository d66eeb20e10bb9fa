"""The sockets of this process: whose they are, what each may be told, and the way to them."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import socketio
import structlog
from engineio.packet import Packet as Frame

from api.errors import members_of
from api.realtime.line import Line
from api.realtime.metrics import SocketMetrics
from api.realtime.packets import packed
from api.realtime.shapes import CLOSING, told
from models.errors import AurumError, BadToken, RateLimited
from models.realtime import EventKind, LiveEvent, SocketLimits, TooManySockets, Viewer

log = structlog.get_logger(__name__)

# So many messages wait for a client at most. Beyond it is ended, and reads by the API what it has missed.
MOST_WAITING: Final = 256
_POLLED_SECONDS: Final = 0.5


class TooSlow(RateLimited):
    """The client does not read what it is sent."""

    code = "too_slow"
    title = "Too slow"


@dataclass(slots=True, eq=False)
class Socket:
    """An open socket of somebody. `frame_id`: its id at Engine.IO; `session_id`: their session at the bank."""

    id: str
    frame_id: str
    viewer: Viewer
    session_id: UUID
    expires: float
    line: Callable[[], Line | None]
    alerts: bool = False
    together: bool = False
    # The symbols that it follows, and which price of each it was sent last.
    symbols: dict[str, int] = field(default_factory=dict)
    expiry: asyncio.TimerHandle | None = None


class Audience:
    """Who is there. Every method is for one event loop."""

    def __init__(self, server: socketio.AsyncServer, limits: SocketLimits, metrics: SocketMetrics) -> None:
        self._server = server
        self._limits = limits
        self._metrics = metrics
        self._sockets: dict[str, Socket] = {}
        self._of: dict[UUID, set[Socket]] = defaultdict(set)
        self._officers: dict[EventKind, set[Socket]] = {kind: set() for kind in EventKind}
        self._ending: set[asyncio.Task[None]] = set()
        # Told of each socket that is forgotten.
        self.when_gone: Callable[[Socket], None] = lambda _: None

    def __len__(self) -> int:
        return len(self._sockets)

    def __iter__(self) -> Iterator[Socket]:
        # A list: whoever is ended leaves while it is walked.
        return iter(list(self._sockets.values()))

    @property
    def people(self) -> list[UUID]:
        """Everybody who has a socket here."""
        return list(self._of)

    @property
    def kinds(self) -> list[EventKind]:
        """The kinds of cases that some officer here is told of."""
        return [kind for kind, officers in self._officers.items() if officers]

    def find(self, socket_id: str) -> Socket | None:
        """The socket with that id, unless it has ended."""
        return self._sockets.get(socket_id)

    def check_room(self, viewer: Viewer) -> None:
        """Raises `TooManySockets`."""
        if len(self._sockets) >= self._limits.sockets:
            raise TooManySockets(30, "This process has as many sockets as it may; try again later")
        if len(self._of.get(viewer.id, ())) >= self._limits.per_person:
            raise TooManySockets(30, f"You may have {self._limits.per_person} sockets; close one that you need no more")

    def add(self, socket: Socket) -> None:
        """Takes in a socket. Raises as `check_room`."""
        self.check_room(socket.viewer)
        self._sockets[socket.id] = socket
        self._place(socket)
        self._metrics.open.set(len(self._sockets))

    def renew(self, socket: Socket, viewer: Viewer, expires: float) -> None:
        """The person of a socket has shown another token: it goes by that one's rights and lasts as long."""
        self._unplace(socket)
        socket.viewer, socket.expires = viewer, expires
        self._place(socket)

    def remove(self, socket_id: str) -> Socket | None:
        """Forgets a socket, and returns it if it was there."""
        socket = self._sockets.pop(socket_id, None)
        if socket is not None:
            self._unplace(socket)
            self._metrics.open.set(len(self._sockets))
            self.when_gone(socket)
        return socket

    def waiting(self, socket: Socket) -> int:
        """How many messages wait for that client."""
        below = self._server.eio.sockets.get(socket.frame_id)
        return below.queue.qsize() if below is not None else MOST_WAITING

    async def send(self, socket: Socket, frame: Frame) -> None:
        """Sends what may not be lost; a client with too much unread is ended instead."""
        if self.waiting(socket) >= MOST_WAITING:
            self.end(socket, TooSlow(1, "Your client does not read; connect again and read what you have missed"))
        else:
            await self._server.eio.send_packet(socket.frame_id, frame)

    async def deliver(self, event: LiveEvent) -> None:
        """Tells `event` to whoever may know it: once to each socket."""
        frames: dict[bool, Frame] = {}
        for socket in self._of.get(event.user_id, set()) | self._officers[event.kind]:
            wanted = event.kind is not EventKind.ALERT or socket.alerts
            # Whoever is still coming in is told of what happens from then on.
            if not (wanted and socket.viewer.may_see(event) and self._server.manager.is_connected(socket.id, "/")):
                continue
            staff = bool(socket.viewer.kinds)
            if staff not in frames:
                shown = told(event, socket.viewer)
                frames[staff] = packed(shown.event, shown.model_dump(exclude={"event"}, exclude_none=True))
            await self.send(socket, frames[staff])
            self._metrics.handed_on(event.kind, time.time() - event.at.timestamp())

    def end(self, socket: Socket, why: AurumError) -> None:
        """Tells a client why its socket ends, and ends it, without waiting for it."""
        if self.remove(socket.id) is None:
            return
        self._metrics.ended.labels(why.code).inc()
        log.info("socket.ended", user_id=str(socket.viewer.id), code=why.code)
        task = asyncio.create_task(self._end(socket, why))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self, why: AurumError) -> None:
        """Ends every socket."""
        for socket in self:
            self.end(socket, why)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _end(self, socket: Socket, why: AurumError) -> None:
        line = socket.line()
        if not isinstance(why, TooSlow):
            await self._server.eio.send_packet(socket.frame_id, packed(CLOSING, members_of(why)))
            await self._server.disconnect(socket.id)
        if line is None:
            # Who polls gets all of it in one answer, and would look at the end of the connection first.
            await asyncio.sleep(_POLLED_SECONDS)
        await hang_up(self._server, socket.frame_id, line, why.code)

    def _place(self, socket: Socket) -> None:
        self._of[socket.viewer.id].add(socket)
        for kind in socket.viewer.kinds:
            self._officers[kind].add(socket)
        after = max(0.0, socket.expires - time.time())
        socket.expiry = asyncio.get_running_loop().call_later(after, self.end, socket, _over())

    def _unplace(self, socket: Socket) -> None:
        mine = self._of[socket.viewer.id]
        mine.discard(socket)
        if not mine:
            del self._of[socket.viewer.id]
        for officers in self._officers.values():
            officers.discard(socket)
        if socket.expiry is not None:
            socket.expiry.cancel()


async def hang_up(server: socketio.AsyncServer, frame_id: str, line: Line | None, code: str) -> None:
    """Ends the connection below a socket, whoever does not answer."""
    below: Any = server.eio.sockets.get(frame_id)
    if below is not None and not below.closed:
        await below.close(wait=False, abort=line is not None)
        if line is None:
            below.queue.put_nowait(None)
    if line is not None:
        line.cut(code)


def _over() -> AurumError:
    return BadToken("The token has expired; connect again with a new one")
