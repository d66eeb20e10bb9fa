"""Commands about the approval of wires: show, check and publish the approval matrix."""

import getpass
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import Matrix

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def approval_matrix() -> None:
        """Print the matrix that decides now, in the form that `approval-matrix-publish` reads."""
        version, matrix = as_owner(_newest)
        typer.echo(f"version {version}", err=True)
        typer.echo(matrix.model_dump_json(indent=2))

    @app.command()
    def approval_matrix_publish(
        file: Annotated[Path, typer.Argument(help="JSON, as `approval-matrix` prints it.")],
        note: Annotated[str, typer.Option(help="Why it changes; kept with it, and in the audit log.")],
        check: Annotated[bool, typer.Option("--check", help="Only say whether it could be published.")] = False,
    ) -> None:
        """Publish a matrix at once, in a bank that has no officers yet; later one officer proposes it at the console
        and another one publishes it. It decides about wires that are routed from then on. Exit status 1 for one in
        which more risk means fewer approvers, or that leaves wires out; it says which rows."""
        if not note.strip():
            raise typer.BadParameter("say why the matrix changes", param_hint="--note")
        try:
            matrix = Matrix.model_validate_json(file.read_bytes())
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_context=False):
                place = ".".join(map(str, problem["loc"]))
                typer.echo(f"{place}: {problem['msg']}" if place else problem["msg"], err=True)
            raise typer.Exit(1) from error
        except OSError as error:
            typer.echo(f"{file}: {error.strerror}", err=True)
            raise typer.Exit(1) from error
        for row in matrix.rows:
            if not row.approvers:
                typer.echo(f"The row {row.name} lets wires leave that no officer has seen.", err=True)
        if check:
            typer.echo("It could be published.")
            return
        version = as_owner(partial(_publish, matrix=matrix, note=note.strip()))
        typer.echo(json.dumps({"version": version, "rows": len(matrix.rows)}))


async def _newest(engine: AsyncEngine) -> tuple[int, Matrix]:
    async with transaction(engine) as session:
        return await wires.newest_matrix(session)


async def _publish(engine: AsyncEngine, *, matrix: Matrix, note: str) -> int:
    async with transaction(engine) as session:
        return await wires.publish_matrix(session, matrix, note=note, operator=getpass.getuser())
