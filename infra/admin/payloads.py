"""The command about the keys that Temporal's payloads are sealed with."""

import asyncio
from collections.abc import Container

import typer
from temporalio.service import RPCError

from infra import temporal
from infra.payload_keys import KeyUse, keys_in_use
from infra.settings import settings


def install(app: typer.Typer) -> None:
    """Adds the command to `app`."""

    @app.command()
    def payload_keys() -> None:
        """Tell which keys of AURUM_PAYLOAD_KEYS the histories need that Temporal still has. Exit status 1 while one
        needs a key that is not there, or another one than the current key."""
        try:
            use = asyncio.run(_use())
        except (RPCError, RuntimeError) as error:
            typer.echo(f"Temporal does not answer: {error}", err=True)
            raise typer.Exit(1) from None
        finally:
            temporal.release_clients()
        current, known = settings().payload_key_id, settings().payload_keys
        for key_id in sorted({*known, *use.needed()}):
            typer.echo(f"{key_id}: {_told(use, key_id)}{_note(key_id, current, known)}")
        typer.echo(f"The history of an ended process is kept for {use.retention_days} days.")
        raise typer.Exit(0 if use.needed() <= {current} else 1)


async def _use() -> KeyUse:
    return await keys_in_use(await temporal.connect(settings()))


def _told(use: KeyUse, key_id: str) -> str:
    return f"{use.running[key_id]} running processes, {use.ended[key_id]} ended ones, {use.schedules[key_id]} schedules"


def _note(key_id: str, current: str, known: Container[str]) -> str:
    if key_id == current:
        return " (the current key)"
    return "" if key_id in known else " (MISSING: they cannot go on without it)"
