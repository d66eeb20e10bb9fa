"""Commands about transactions: take back what was booked wrongly."""

import getpass
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.errors import AurumError
from models.money import written
from models.tables import transactions
from models.tables.transactions import Transaction

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the command to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def transaction_reverse(
        transaction_id: Annotated[UUID, typer.Argument(help="The id of the transfer.")],
        reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    ) -> None:
        """Reverse a transfer by an entry with the opposite legs. Done once: asked again, the same entry is named. Exit
        status 1 if it is refused, for example because the money is no longer there."""
        if not reason.strip():
            raise typer.BadParameter("say why it is reversed", param_hint="--reason")
        try:
            made: Transaction = as_owner(partial(_reverse, transaction_id=transaction_id, reason=reason.strip()))
        except AurumError as error:
            typer.echo(f"{error.title}: {error.detail}", err=True)
            raise typer.Exit(1) from error
        typer.echo(f"{made.reference_number} {made.id}: {written(made.amount_minor, made.currency)} were given back.")


async def _reverse(engine: AsyncEngine, *, transaction_id: UUID, reason: str) -> Transaction:
    async with transaction(engine) as session:
        return await transactions.reverse(session, transaction_id, reason=reason, operator=getpass.getuser())
