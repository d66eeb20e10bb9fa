"""How commands reach Temporal: one try, a plain sentence where it does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import typer
from temporalio.client import Client
from temporalio.service import RPCError

from infra import temporal
from infra.settings import Settings

SECONDS: Final = 10


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[Client]:
    """A client of Temporal. Ends the command with exit status 1 where it does not answer."""
    try:
        async with asyncio.timeout(SECONDS):
            client = await temporal.connect(settings)
        yield client
    except (RPCError, RuntimeError, TimeoutError, OSError) as error:
        typer.echo(f"Temporal at {settings.temporal_address} does not answer: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        client = None  # type: ignore[assignment] # gone before the interpreter ends, see `release_clients`
        temporal.release_clients()
