"""The bell of PostgreSQL: LISTEN on a connection of its own, made again whenever it is lost."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import psycopg
import structlog

log = structlog.get_logger(__name__)

CHANNEL: Final = "aurum_realtime"
# Look at everything: something may have been missed.
ALL: Final = ""
# Nobody waits longer than this for what no bell told, or for a connection that is dead and does not say so.
SILENCE_SECONDS: Final = 5.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


class Bell(Protocol):
    """Somebody who tells that something was committed."""

    def rings(self) -> AsyncGenerator[str, None]:
        """Each ring from now on, until it is closed: `events`, `session/<id>`, `person/<id>`; and `ALL` once it
        listens, after a time in which it could not, and after a long silence."""
        ...


class PostgresBell:
    """Listens to the notifications of the triggers of migration 0038."""

    def __init__(self, url: str) -> None:
        """`url`: straight to PostgreSQL, or through a pooler that keeps sessions."""
        self._url = url

    async def rings(self) -> AsyncGenerator[str, None]:
        """See `Bell.rings`."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self.connected() as connection:
                    pause = _FIRST_PAUSE
                    async for ring in self.heard(connection):
                        yield ring
            except (psycopg.Error, OSError) as error:
                log.warning("bell.lost", kind=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection to listen on. Raises `psycopg.Error`."""
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name="aurum-api-bell",
            connect_timeout=5,
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
        )
        try:
            yield connection
        finally:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    async def heard(self, connection: psycopg.AsyncConnection) -> AsyncGenerator[str, None]:
        """The rings that come over `connection`. Raises `psycopg.Error` once it is lost."""
        await connection.execute(f"LISTEN {CHANNEL}")
        yield ALL
        while True:
            silent = True
            async for note in connection.notifies(timeout=SILENCE_SECONDS, stop_after=1):
                silent = False
                yield note.payload
            if silent:
                # Also tells whether the connection is still one.
                await connection.execute("SELECT 1")
                yield ALL
