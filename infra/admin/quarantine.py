"""Commands about files of the bank that nobody could read or match: list them, read one again, dismiss one."""

import getpass
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from infra.database import transaction
from models.audit import Outcome
from models.errors import AurumError
from models.tables.audit import AuditEntry, append
from models.tables.bank import BankMessage, leave_quarantine, quarantine

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
File = Annotated[UUID, typer.Argument(help="The file, as `quarantine-list` prints it.")]
Reason = Annotated[str, typer.Option(help="Why; kept beside the file, and in the audit log.")]
_MOST: Final = 500


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def quarantine_list(
        all_: Annotated[bool, typer.Option("--all", help="Print those that were dismissed, too.")] = False,
    ) -> None:
        """Print the files of the bank that wait for a person, newest first. Exit status 1 if there are any."""
        files: list[BankMessage] = as_owner(partial(_waiting, dismissed=all_))
        for one in files:
            typer.echo(f"{one.id}  {one.created_at:%Y-%m-%d %H:%M} UTC  {one.status}  {one.file_name}: {one.reason}")
        raise typer.Exit(1 if any(one.status == "quarantined" for one in files) else 0)

    @app.command()
    def quarantine_read_again(file: File, reason: Reason) -> None:
        """Have the worker read a file again, as if it had just come."""
        _moved(as_owner, file, "to_read_again", reason)

    @app.command()
    def quarantine_dismiss(file: File, reason: Reason) -> None:
        """Do nothing more with a file; it is kept, with the reason."""
        _moved(as_owner, file, "dismissed", reason)


def _moved(as_owner: Runner, file: UUID, status: str, reason: str) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    try:
        as_owner(partial(_move, file=file, status=status, reason=reason.strip()))
    except AurumError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{file}: {status}")


async def _waiting(engine: AsyncEngine, *, dismissed: bool) -> list[BankMessage]:
    chosen = quarantine().order_by(col(BankMessage.id).desc()).limit(_MOST)
    if not dismissed:
        chosen = chosen.where(col(BankMessage.status) != "dismissed")
    async with transaction(engine) as session:
        return list((await session.execute(chosen)).scalars().all())


async def _move(engine: AsyncEngine, *, file: UUID, status: str, reason: str) -> None:
    operator = getpass.getuser()
    async with transaction(engine) as session:
        await leave_quarantine(session, file, status, f"{operator}: {reason}")
        await append(
            session,
            AuditEntry(
                user_id=None,
                actor_role="operator",
                action=f"quarantine.{status}",
                resource_type="bank_message",
                resource_id=str(file),
                new_values={"status": status, "reason": reason, "operator": operator},
                outcome=Outcome.DONE,
            ),
        )
