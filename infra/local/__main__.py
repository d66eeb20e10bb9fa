"""The command line of the embedded stack: `python -m infra.local up --data DIR`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.local.demo import Walk
from infra.local.parts import StackError
from infra.local.stack import Stack
from infra.local.supervisor import Supervisor

app = typer.Typer(
    help="The embedded stack: PostgreSQL, Temporal, a counterparty bank, the API and the worker.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="The folder that holds everything; made when absent.")],
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The API's port; else a free one.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written as JSON once all is up.")] = None,
    only: Annotated[str | None, typer.Option(help="Start these parts alone: db,temporal,bank,api,worker.")] = None,
) -> None:
    """Start the stack and keep it running until SIGTERM or Ctrl-C."""
    try:
        status = Supervisor(data, port=port, ready_file=ready_file, only=only).run()
    except (StackError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        raise typer.Exit(1) from None
    raise typer.Exit(status)


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="The folder that holds everything; made when absent.")],
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The API's port; else a free one.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written as JSON once all is up.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End after the walk, with its status.")] = False,
) -> None:
    """Start the stack and walk four wires through it: paid, refused by the bank, blocked, expired."""

    def then(stack: Stack, console: Console) -> int | None:
        status = Walk(stack, console).run()
        return status if leave or status else None

    try:
        status = Supervisor(data, port=port, ready_file=ready_file, then=then).run()
    except (StackError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        raise typer.Exit(1) from None
    raise typer.Exit(status)


if __name__ == "__main__":
    app()
