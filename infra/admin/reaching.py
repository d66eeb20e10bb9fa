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
    """A client of Temporal. Ends the command with exit status 1 where it does not answer, or refuses."""
    try:
        yield await _connected(settings)
    except RPCError as error:
        typer.echo(f"Temporal refuses: {error.message}", err=True)
        raise typer.Exit(1) from error
    finally:
        temporal.release_clients()


async def _connected(settings: Settings) -> Client:
    try:
        async with asyncio.timeout(SECONDS):
            return await temporal.connect(settings)
    except (RuntimeError, TimeoutError, OSError) as error:
        typer.echo(f"Temporal at {settings.temporal_address} does not answer: {error}", err=True)
        raise typer.Exit(1) from error
