"""Commands about processes: which open row has none, what one hangs on, starting one again."""

import getpass
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from infra import processes
from infra.admin.reaching import reached
from infra.processes import Life, Process
from infra.settings import settings
from models.errors import AurumError

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def processes_check(
        all_: Annotated[bool, typer.Option("--all", help="Print those that run as they should, too.")] = False,
    ) -> None:
        """Look at the process of every open wire, payment, review, recall and standing order. Prints those that are
        stuck: no process, one that has ended, one whose step fails again and again, or a process without an open row.
        Exit status 1 if there are any."""
        found: list[Process] = as_owner(_looked_at)
        for one in found:
            if all_ or one.is_stuck:
                told = f" ({one.hangs_on})" if one.hangs_on else ""
                typer.echo(f"{one.name}  {one.status}  since {one.since:%Y-%m-%d %H:%M:%S} UTC  {one.life}{told}")
        stuck = sum(one.is_stuck for one in found)
        typer.echo(f"{len(found)} open rows, {stuck} stuck.", err=True)
        raise typer.Exit(1 if stuck else 0)

    @app.command()
    def process_restart(
        reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
        names: Annotated[list[str] | None, typer.Argument(help="For example wire/0198…; or --all-missing.")] = None,
        all_missing: Annotated[
            bool, typer.Option("--all-missing", help="Every open row whose process has ended or is not there.")
        ] = False,
    ) -> None:
        """Start the process of an open row again. It reads the row and goes on from there; one that runs is woken.
        After a restore read `restore` in the handbook first: the bank may have orders that these rows do not know."""
        if not reason.strip():
            raise typer.BadParameter("say why", param_hint="--reason")
        if bool(names) == all_missing:
            raise typer.BadParameter("name processes, or --all-missing", param_hint="NAMES")
        try:
            started: list[str] = as_owner(partial(_restart, names=names, reason=reason.strip()))
        except AurumError as error:
            typer.echo(f"{error.title}: {error.detail}", err=True)
            raise typer.Exit(1) from error
        for name in started:
            typer.echo(f"{name}: started again")
        typer.echo(f"{len(started)} started; what ran already was woken.", err=True)


async def _looked_at(engine: AsyncEngine) -> list[Process]:
    async with reached(settings()) as client:
        return await processes.looked_at(engine, client, task_queue=settings().task_queue)


async def _restart(engine: AsyncEngine, *, names: list[str] | None, reason: str) -> list[str]:
    async with reached(settings()) as client:
        if names is None:
            found = await processes.looked_at(engine, client, task_queue=settings().task_queue)
            names = [one.name for one in found if one.life in (Life.ENDED, Life.MISSING)]
        return await processes.restart(
            engine,
            client,
            names,
            task_queue=settings().task_queue,
            public_url=settings().public_url,
            reason=reason,
            operator=getpass.getuser(),
        )
