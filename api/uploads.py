"""Taking files in: what it needs, and how many at the same moment; and where files are that are handed out.

One of the two places of the API that reach a provider: an upload has to lie somewhere before its request is answered
(design §2), and a statement is read from where it was put.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from infra.inspection.inspector import Inspector
from infra.providers.store import open_statements, open_vault
from infra.settings import Settings
from models.errors import RateLimited, Unavailable

# Of those that are taken in, so many may still be on their way from a slow sender.
WAITING_FOR_EACH: Final = 4
FOR_EACH_PERSON: Final = 2
RETRY_SECONDS: Final = 2


class Uploads:
    """The way in for files."""

    def __init__(self, settings: Settings) -> None:
        self.vault: Final = open_vault(settings)
        self.statements: Final = open_statements(settings)
        self.inspector: Final = Inspector(settings.uploads_at_once)
        self._most = WAITING_FOR_EACH * settings.uploads_at_once
        self._work = asyncio.Semaphore(settings.uploads_at_once)
        self._under_way: Counter[UUID] = Counter()

    @asynccontextmanager
    async def admitted(self, person: UUID) -> AsyncIterator[None]:
        """One upload of `person`. Raises `RateLimited` where two of theirs are under way, `Unavailable` where there are
        too many: nobody who sends slowly keeps the others out, or fills the disk."""
        if self._under_way[person] >= FOR_EACH_PERSON:
            raise RateLimited(RETRY_SECONDS, "Send one file after the other")
        if self._under_way.total() >= self._most:
            raise Unavailable("Too many files are being taken in; try again in a moment", retry_after=RETRY_SECONDS)
        self._under_way[person] += 1
        try:
            yield
        finally:
            self._under_way[person] -= 1
            if not self._under_way[person]:
                del self._under_way[person]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """One upload that is whole and is looked into and stored: who waits here holds no connection yet."""
        async with self._work:
            yield
