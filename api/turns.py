"""One at a time for each name, in the order of coming, within this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from models.errors import RateLimited

# More attempts than any person and their devices make at once on one account.
LONGEST_QUEUE: Final = 64


class Turns:
    """One at a time for each name, in the order of coming."""

    def __init__(self) -> None:
        self._queues: dict[bytes, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, name: bytes) -> AsyncIterator[None]:
        """Waits for the turn. Raises `RateLimited` where too many wait."""
        lock, waiting_now = self._queues.get(name, (asyncio.Lock(), 0))
        if waiting_now >= LONGEST_QUEUE:
            raise RateLimited(1, "Too many attempts at once; wait a moment and try again")
        self._queues[name] = lock, waiting_now + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting_now = self._queues[name]
            if waiting_now == 1:
                del self._queues[name]
            else:
                self._queues[name] = lock, waiting_now - 1
