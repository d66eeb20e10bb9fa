"""The bell of Redis: one process listens to PostgreSQL and publishes what it hears, all of them subscribe.

Which one is said by a lock in the database that goes with its connection. While Redis does not answer, each process
looks once in a second; whoever takes over from a process that died rings for everything.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from infra.bells.postgres import ALL, SILENCE_SECONDS, PostgresBell

log = structlog.get_logger(__name__)

CHANNEL: Final = "aurum/realtime"
_LOCK: Final = 7_203_029
# How soon another process takes over, and how often each looks while Redis is away.
TURN_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 2.0


class RedisBell:
    """Rings through Redis."""

    def __init__(self, url: str, postgres: PostgresBell) -> None:
        self._url = url
        self._postgres = postgres

    async def rings(self) -> AsyncGenerator[str, None]:
        """See `Bell.rings`."""
        passing = asyncio.create_task(self._pass_on(), name="bell-to-redis")
        try:
            while True:
                try:
                    async with aclosing(self._subscribed()) as subscribed:
                        async for ring in subscribed:
                            yield ring
                except (RedisError, OSError) as error:
                    log.warning("bell.redis_unavailable", kind=type(error).__name__)
                    yield ALL
                await asyncio.sleep(TURN_SECONDS)
        finally:
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)

    async def _subscribed(self) -> AsyncGenerator[str, None]:
        async with self._client() as redis, redis.pubsub(ignore_subscribe_messages=True) as heard:
            await heard.subscribe(CHANNEL)
            while True:
                # Nothing is read after a silence, and first of all, when Redis confirms that it tells from now on.
                message = await heard.get_message(timeout=SILENCE_SECONDS)
                yield message["data"].decode() if message else ALL

    async def _pass_on(self) -> None:
        while True:
            try:
                async with self._postgres.connected() as connection, self._client() as redis:
                    await take_the_turn(connection)
                    async for ring in self._postgres.heard(connection):
                        await redis.publish(CHANNEL, ring)
            except (psycopg.Error, RedisError, OSError) as error:
                log.warning("bell.not_passed_on", kind=type(error).__name__)
            await asyncio.sleep(TURN_SECONDS)

    def _client(self) -> Redis:
        return Redis.from_url(
            self._url, socket_connect_timeout=_PATIENCE_SECONDS, socket_timeout=_PATIENCE_SECONDS, protocol=2
        )


async def take_the_turn(connection: psycopg.AsyncConnection) -> None:
    """Returns once this connection is the one that passes on, and no other can. Raises `psycopg.Error`."""
    # The server's side of the connection: a machine that is gone without a word gives up its turn within half a minute,
    # not after the two hours of the system's own defaults.
    await connection.execute(
        "SELECT set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false),"
        " set_config('tcp_keepalives_count', '3', false)"
    )
    # Asked again and again, not waited for in the database: a statement that waits keeps a snapshot.
    while True:
        asked = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
        if await asked.fetchone() == (True,):
            return
        await asyncio.sleep(TURN_SECONDS)
