"""From a committed row to the sockets of this process.

A bell says that there is something; the rows say what (`models.tables.realtime`). What was rung for while the rows were
being read is read next, all of it at once. When the bell was lost, everything is looked at: what was committed
meanwhile, and whether the sessions of the sockets still live.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from api.realtime.audience import Audience, Socket
from infra.bells import ALL, Bell
from infra.database import AUTHENTICATOR, FAN_OUT, transaction
from models.auth import Role
from models.errors import AurumError, BadToken, CustomerFrozen, Unavailable
from models.tables import realtime
from models.tables.realtime import Position, Standing

log = structlog.get_logger(__name__)

_START_SECONDS: Final = 5.0
_AFTER_FAILURE_SECONDS: Final = 0.5


class Delivery:
    """Hands events on, and ends the sockets of sessions that are over. Begins with the first socket."""

    def __init__(self, engine: AsyncEngine, bell: Callable[[], Bell], audience: Audience) -> None:
        self._engine = engine
        self._bell = bell
        self._audience = audience
        self._position: Position | None = None
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()
        # What was rung for: everything, events, sessions and people by their ids.
        self._all = False
        self._events = False
        self._ended: set[UUID] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def listening(self) -> None:
        """Returns when whatever is committed from now on is delivered. Raises `Unavailable`."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._listen(), name="socket-bell"),
                asyncio.create_task(self._work(), name="socket-delivery"),
            ]
        try:
            await asyncio.wait_for(self._ready.wait(), _START_SECONDS)
        except TimeoutError:
            raise Unavailable("Sockets cannot be served at this moment; try again soon") from None

    def look_at(self, session_id: UUID) -> None:
        """Looks soon whether that session still lives."""
        self._ended.add(session_id)
        self._wake.set()

    async def close(self) -> None:
        """Ends the work."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        async with aclosing(self._bell().rings()) as rings:
            async for ring in rings:
                name = ring.partition("/")[2]
                if ring == ALL:
                    self._all = True
                elif name:
                    self._ended.add(UUID(name))
                else:
                    self._events = True
                self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            everything, events, ended = self._all, self._events or self._all, self._ended
            self._all, self._events, self._ended = False, False, set()
            try:
                if everything or ended:
                    await self._check(None if everything else ended)
                if events:
                    await self._deliver()
            except Exception as error:  # noqa: BLE001 # whatever it was, the rows are still there
                known = isinstance(error, SQLAlchemyError | OSError)
                (log.warning if known else log.exception)("sockets.not_delivered", kind=type(error).__name__)
                # Nothing of it is lost: the position is what it was.
                self._all = True
                self._wake.set()
                await asyncio.sleep(_AFTER_FAILURE_SECONDS)

    async def _deliver(self) -> None:
        async with transaction(self._engine, FAN_OUT) as session:
            if self._position is None:
                self._position = await realtime.begin(session)
                self._ready.set()
                return
            events, position = await realtime.read(
                session, self._position, people=self._audience.people, kinds=self._audience.kinds
            )
        for event in events:
            await self._audience.deliver(event)
        self._position = position

    async def _check(self, ended: set[UUID] | None) -> None:
        """Ends the sockets whose session is over, or whose person has other rights than their token says or is frozen:
        of those sessions and people, or of all."""
        looked_at = [
            socket
            for socket in self._audience
            if ended is None or socket.session_id in ended or socket.viewer.id in ended
        ]
        if not looked_at:
            return
        async with transaction(self._engine, AUTHENTICATOR) as session:
            standing = await realtime.standings(session, {socket.session_id for socket in looked_at})
        for socket in looked_at:
            why = over(socket, standing.get(socket.session_id))
            if why is not None:
                self._audience.end(socket, why)


def over(socket: Socket, standing: Standing | None) -> AurumError | None:
    """Why a socket may not stay open, if it may not."""
    if standing is None:
        return BadToken("The session is over; sign in again")
    if standing.frozen:
        return frozen(standing.role)
    if (standing.role, standing.permissions) != (socket.viewer.role, socket.viewer.permissions):
        return BadToken("Your rights have changed; refresh the token")
    return None


def frozen(role: str) -> AurumError:
    """What somebody who is frozen is told."""
    if role == Role.CUSTOMER:
        return CustomerFrozen("Your access is frozen; ask the bank")
    return BadToken("Your access is frozen; ask an administrator")
