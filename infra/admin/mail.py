"""Commands about letters that did not leave: list them, send one again, leave one unsent."""

import getpass
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from infra.admin.people import OPERATOR
from infra.database import transaction
from models.audit import Outcome
from models.errors import AurumError
from models.tables import mail
from models.tables.audit import AuditEntry, append
from models.tables.mail import Letter

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
Id = Annotated[UUID, typer.Argument(help="The letter, as `mail-list` prints it.")]
Reason = Annotated[str, typer.Option(help="Why; kept beside the letter, and in the audit log.")]
_MOST: Final = 500


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def mail_list() -> None:
        """Print the letters that did not leave, newest first, without their text. `failed` was refused and `uncertain`
        may have left: they wait for a person. `waiting` is tried again by itself. Exit status 1 if there are any."""
        letters: list[Letter] = as_owner(_unsent)
        for one in letters:
            typer.echo(f"{one.id}  {one.created_at:%Y-%m-%d %H:%M} UTC  {one.status}  {one.event}: {one.reason}")
        raise typer.Exit(1 if letters else 0)

    @app.command()
    def mail_send_again(letter: Id, reason: Reason) -> None:
        """Send a letter again. Of an `uncertain` one its person may have two then."""
        _settled(as_owner, letter, reason, again=True)

    @app.command()
    def mail_leave(letter: Id, reason: Reason) -> None:
        """Leave a letter unsent: it has arrived, or nobody needs it any more."""
        _settled(as_owner, letter, reason, again=False)


def _settled(as_owner: Runner, letter: UUID, reason: str, *, again: bool) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    try:
        as_owner(partial(_settle, letter=letter, reason=reason.strip(), again=again))
    except AurumError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{letter}: {'is sent again' if again else 'is left'}")


async def _unsent(engine: AsyncEngine) -> list[Letter]:
    chosen = mail.unsent().order_by(col(Letter.id).desc()).limit(_MOST)
    async with transaction(engine) as session:
        return list((await session.execute(chosen)).scalars().all())


async def _settle(engine: AsyncEngine, *, letter: UUID, reason: str, again: bool) -> None:
    operator = getpass.getuser()
    async with transaction(engine, OPERATOR) as session:
        await mail.settle(session, letter, again=again, reason=f"{operator}: {reason}", request_id="")
        await append(
            session,
            AuditEntry(
                user_id=None,
                actor_role="operator",
                action="mail.send_again" if again else "mail.leave",
                resource_type="notification",
                resource_id=str(letter),
                new_values={"again": again, "reason": reason, "operator": operator},
                outcome=Outcome.DONE,
            ),
        )
