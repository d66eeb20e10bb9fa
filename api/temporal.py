"""The way from the API to Temporal, made when it is first needed: the API starts and serves without it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from infra.settings import Settings
from infra.temporal import connect
from models.errors import NotFound, Unavailable


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
                self._client = await connect(self._settings, self._settings.api_sdk_metrics_address)
            return self._client

    @asynccontextmanager
    async def asked(self, what: str) -> AsyncIterator[Client]:
        """A client for an operator's question about `what`. Raises `NotFound` where the server does not know it, and
        `Unavailable` when it does not answer."""
        try:
            yield await self.client()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotFound(f"Temporal knows no such {what}") from None
            raise Unavailable(f"Temporal does not answer: {error.status.name.lower()}") from error
        except (RuntimeError, OSError) as error:
            raise Unavailable("Temporal does not answer") from error

    async def check(self) -> None:
        """Raises when Temporal does not answer."""
        client = await self.client()
        await client.service_client.check_health()

    def drop(self) -> None:
        """Forgets the client."""
        self._client = None
