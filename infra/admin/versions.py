"""Commands of a deployment: which build of the worker gets what, and when an older one may end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from temporalio.client import Client
from temporalio.service import RPCError

from infra import temporal, worker_versions
from infra.settings import settings

T = TypeVar("T")
BuildId = Annotated[str, typer.Argument(help="The build, as AURUM_WORKER_BUILD_ID of its workers names it.")]


def install(app: typer.Typer) -> None:
    """Adds the commands to `app`."""

    @app.command()
    def versions() -> None:
        """List the builds of the worker, and how many running processes stay with each until they end. Exit status 1
        while a build that gets nothing new is still needed."""
        known = _asked(lambda client: worker_versions.builds(client, settings().worker_deployment))
        for one in known:
            end = "; its workers may end" if one.may_end else ""
            typer.echo(f"{one.build_id}: {one.status}, {one.share:g} % of what is new, {one.staying} stay with it{end}")
        raise typer.Exit(1 if any(one.staying and not one.share for one in known) else 0)

    @app.command()
    def version_current(build_id: BuildId) -> None:
        """Give a build everything that is new, and the processes that move on. Its workers have to run."""
        _asked(lambda client: worker_versions.make_current(client, settings().worker_deployment, build_id))
        typer.echo(f"{build_id} is current.")

    @app.command()
    def version_ramp(
        build_id: BuildId,
        percent: Annotated[float, typer.Option(min=0, max=100, help="0 takes it back.")],
    ) -> None:
        """Give a build a share of what is new, before it is made current."""
        _asked(lambda client: worker_versions.ramp(client, settings().worker_deployment, build_id, percent))
        typer.echo(f"{build_id} gets {percent:g} % of what is new.")

    @app.command()
    def version_move(build_id: BuildId) -> None:
        """Let the processes that stay with a build move on to the current one: for those that wait for weeks, and where
        an older build must not act any more."""
        moved = _asked(lambda client: worker_versions.move(client, settings().worker_deployment, build_id))
        typer.echo(f"{moved} processes of {build_id} move on when they are next woken.")


def _asked(act: Callable[[Client], Awaitable[T]]) -> T:
    async def run() -> T:
        return await act(await temporal.connect(settings()))

    try:
        return asyncio.run(run())
    except RPCError as error:
        typer.echo(f"Temporal refused: {error.message}", err=True)
        raise typer.Exit(1) from None
    except RuntimeError as error:
        typer.echo(f"Temporal does not answer: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        temporal.release_clients()
