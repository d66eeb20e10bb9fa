"""The way from the API to Temporal, made when it is first needed: the API starts and serves without it."""

import asyncio

from temporalio.client import Client

from infra.settings import Settings
from infra.temporal import connect


class TemporalLink:
    """One client for the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def client(self) -> Client:
        """A client, connected once; it finds a restarted server again by itself. Raises `RuntimeError`."""
        async with self._connecting:
            if self._client is None:
                self._client = await connect(self._settings)
            return self._client

    async def check(self) -> None:
        """Raises when Temporal does not answer."""
        client = await self.client()
        await client.service_client.check_health()

    def drop(self) -> None:
        """Forgets the client."""
        self._client = None
