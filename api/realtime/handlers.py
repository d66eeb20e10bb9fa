"""What clients ask over a socket: to come in, prices, alerts, to stay longer.

Every answer is an acknowledgement: what was accepted, or an error in the contract's shape, with `error` and `code`.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import socketio
import structlog
from pydantic import TypeAdapter, ValidationError
from socketio.exceptions import ConnectionRefusedError as Refused
from sqlalchemy.exc import SQLAlchemyError

from api.audit import Attempt
from api.errors import InvalidRequest, members_of, translated
from api.observation import attempt_in
from api.origin import network_of
from api.parts import Parts
from api.realtime.audience import Audience, Socket, hang_up
from api.realtime.board import Board
from api.realtime.delivery import Delivery, frozen
from api.realtime.line import Door, Line, line_in
from api.realtime.metrics import SocketMetrics
from api.realtime.shapes import (
    Authenticated,
    Following,
    Rejected,
    Subscribed,
    Token,
    dropped_symbols,
    wanted_symbols,
)
from infra.database import transaction
from infra.limits import RouteClass
from models.auth import Claims
from models.errors import AurumError, BadToken, NotAuthenticated, NotFound, RateLimited
from models.realtime import TooManySymbols, Viewer
from models.tables.auth import authenticate

log = structlog.get_logger(__name__)

Answer = Callable[..., Awaitable[Any]]
# Whoever is refused has read why by then.
_REFUSAL_SECONDS: Final = 0.5
_token: Final[TypeAdapter[Token]] = TypeAdapter(Token)


class UnknownEvent(NotFound):
    """There is no such event to send."""

    code = "unknown_event"
    title = "Unknown event"


class Handlers:
    """Answers the clients of one process."""

    def __init__(
        self,
        parts: Parts,
        server: socketio.AsyncServer,
        door: Door,
        audience: Audience,
        board: Board,
        delivery: Delivery,
        metrics: SocketMetrics,
    ) -> None:
        self._parts = parts
        self._server = server
        self._door = door
        self._audience = audience
        self._board = board
        self._delivery = delivery
        self._metrics = metrics
        self._refusing: set[asyncio.Task[None]] = set()

    def install(self) -> None:
        """Makes the library ask here."""
        server = self._server
        server.on("connect", self.connect)
        server.on("disconnect", self.disconnect)
        server.on("subscribe_quotes", self._answering(self.subscribe_quotes))
        server.on("unsubscribe_quotes", self._answering(self.unsubscribe_quotes))
        server.on("subscribe_alerts", self._answering(self.subscribe_alerts))
        server.on("unsubscribe_alerts", self._answering(self.unsubscribe_alerts))
        server.on("authenticate", self._answering(self.authenticate))
        server.on("*", self.other)

    async def connect(self, socket_id: str, environ: Mapping[str, Any], auth: Any) -> None:
        """Lets a signed-in person in. Raises `socketio.exceptions.ConnectionRefusedError`, whose data is an error."""
        try:
            await self._enter(socket_id, environ, auth)
        except Exception as error:  # noqa: BLE001 # each becomes a refusal; what nobody foresaw is logged
            told = _told(error)
            self._metrics.refused.labels(told["code"]).inc()
            self._hang_up_on(self._server.manager.eio_sid_from_sid(socket_id, "/"), environ, told["code"])
            raise Refused(told["detail"], told) from None

    async def disconnect(self, socket_id: str, _reason: str) -> None:
        """Forgets a socket that is gone."""
        self._audience.remove(socket_id)

    async def subscribe_quotes(self, socket: Socket, *asked: Any) -> Following:
        """Follows the prices of securities."""
        wanted = _read(wanted_symbols, asked)
        symbols = wanted if isinstance(wanted, list) else wanted.symbols
        socket.together = not isinstance(wanted, list) and wanted.together
        rejected = []
        for symbol in dict.fromkeys(symbols):
            try:
                await self._follow(socket, symbol)
            except AurumError as error:
                rejected.append(Rejected(symbol=symbol, code=error.code, detail=error.detail))
            # The first price of a security can be much arithmetic.
            await asyncio.sleep(0)
        return self._following(socket, rejected)

    async def unsubscribe_quotes(self, socket: Socket, *asked: Any) -> Following:
        """Follows the prices of some securities no longer, or of none."""
        dropped = _read(dropped_symbols, asked) if asked else []
        symbols = dropped if isinstance(dropped, list) else dropped.symbols
        self._board.leave(socket, symbols or list(socket.symbols))
        return self._following(socket, [])

    async def subscribe_alerts(self, socket: Socket, *_asked: Any) -> Subscribed:
        """Is told when an alert of the person fires."""
        socket.alerts = True
        return Subscribed(subscribed=True)

    async def unsubscribe_alerts(self, socket: Socket, *_asked: Any) -> Subscribed:
        """Is no longer told of alerts."""
        socket.alerts = False
        return Subscribed(subscribed=False)

    async def authenticate(self, socket: Socket, *asked: Any) -> Authenticated:
        """Stays for as long as a newer token of the same person lasts."""
        told = _read(_token, asked)
        viewer, claims = await self._who(told.token, Attempt("", "GET", None, None))
        if (viewer.id, claims.sid) != (socket.viewer.id, socket.session_id):
            raise BadToken("The token is of another session; open another socket for it")
        self._audience.renew(socket, viewer, claims.exp)
        return Authenticated(expires_at=datetime.fromtimestamp(claims.exp, UTC))

    async def other(self, event: str, _socket_id: str, *_asked: Any) -> dict[str, Any]:
        """Nobody answers to that."""
        return members_of(UnknownEvent(f"There is no event {event!r} to send here"))

    async def _enter(self, socket_id: str, environ: Mapping[str, Any], auth: Any) -> None:
        scope = environ["asgi.scope"]
        attempt = attempt_in(scope, self._parts.settings.trusted_proxies)
        await self._count({"address": network_of(attempt.ip_address)})
        if not isinstance(auth, dict) or not auth.get("token"):
            raise NotAuthenticated("This needs an access token: auth: { token }")
        viewer, claims = await self._who(_read(_token, ({"token": auth["token"]},)).token, attempt)
        await self._count({"user": str(viewer.id)})
        self._audience.check_room(viewer)
        await self._delivery.listening()
        frame_id = self._server.manager.eio_sid_from_sid(socket_id, "/")

        self._audience.add(
            Socket(
                id=socket_id,
                frame_id=frame_id,
                viewer=viewer,
                session_id=claims.sid,
                expires=claims.exp,
                line=functools.partial(self._line, frame_id, environ),
            )
        )
        # What ended between its look and ours.
        self._delivery.look_at(claims.sid)

    def _hang_up_on(self, frame_id: str, environ: Mapping[str, Any], code: str) -> None:
        async def hang_up_soon() -> None:
            await asyncio.sleep(_REFUSAL_SECONDS)
            await hang_up(self._server, frame_id, self._line(frame_id, environ), code)

        task = asyncio.create_task(hang_up_soon())
        self._refusing.add(task)
        task.add_done_callback(self._refusing.discard)

    def _line(self, frame_id: str, environ: Mapping[str, Any]) -> Line | None:
        return self._door.upgraded.get(frame_id) or line_in(environ["asgi.scope"])

    async def _who(self, token: str, attempt: Attempt) -> tuple[Viewer, Claims]:
        parts = self._parts
        if parts.external is not None and parts.external.tokens.issued(token):
            claims = await parts.external.claims(parts.engine, attempt, token)
        else:
            claims = parts.tokens.read(token)
        async with transaction(parts.engine) as session:
            caller = await authenticate(session, claims)
        if caller.status != "active":
            raise frozen(caller.role)
        return Viewer(id=caller.id, role=caller.role, permissions=caller.permissions), claims

    async def _follow(self, socket: Socket, symbol: str) -> None:
        limit = self._parts.settings.sockets.symbols
        if symbol not in socket.symbols and len(socket.symbols) >= limit:
            raise TooManySymbols(f"A socket follows {limit} symbols at most")
        quote = await self._parts.quotes.quote(symbol)
        # It may have gone while the price was asked for.
        if self._audience.find(socket.id) is socket:
            self._board.follow(socket, quote)

    def _following(self, socket: Socket, rejected: list[Rejected]) -> Following:
        limit = self._parts.settings.sockets.symbols
        return Following(subscribed=sorted(socket.symbols), rejected=rejected, limit=limit)

    def _answering(self, handler: Answer) -> Answer:
        async def answering(socket_id: str, *asked: Any) -> Any:
            socket = self._audience.find(socket_id)
            if socket is None:
                return members_of(BadToken("The socket is closing"))
            try:
                await self._count({"user": str(socket.viewer.id)})
                return await handler(socket, *asked)
            except Exception as error:  # noqa: BLE001 # each becomes an answer; what nobody foresaw is logged
                return _told(error)

        return answering

    async def _count(self, who: dict[str, str]) -> None:
        for standing in await self._parts.limiter.count(RouteClass.OTHER, who):
            if standing.exceeded:
                raise RateLimited(standing.seconds, "Too many messages of this kind", policy=standing.policy)


def _read(adapter: TypeAdapter[Any], asked: tuple[Any, ...]) -> Any:
    try:
        return adapter.validate_python(asked[0] if asked else None)
    except ValidationError as error:
        raise InvalidRequest("The message has fields that are missing or wrong") from error


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, AurumError):
        return members_of(error)
    known = translated(error) if isinstance(error, SQLAlchemyError | OSError) else None
    if known is not None:
        log.warning("socket.unavailable", kind=type(error).__name__)
        return members_of(known)
    log.error("socket.failed", kind=type(error).__name__, exc_info=error)
    return members_of(Failed("Something went wrong on our side"))


class Failed(AurumError):
    """Nothing foresaw it."""

    code = "internal_error"
    title = "Internal error"
