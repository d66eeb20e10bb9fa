"""Commands about people, for when the console is away: freeze, sign out, take a lost factor away, add staff."""

import getpass
import secrets
from collections.abc import Awaitable, Callable
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from infra.database import Principal, transaction
from models.audit import Outcome
from models.auth import PRESETS, Letter, Permission, Role
from models.errors import AurumError, NotFound, WrongState
from models.letters import factors_reset, frozen_by_bank, signed_out_by_bank, unfrozen_by_bank
from models.tables import people
from models.tables.audit import AuditEntry, append
from models.tables.notifications import tell
from models.tables.users import User, find_user
from models.users import read_email

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
# The functions of the database look at rights; whoever has the owner's password has all of these.
OPERATOR: Final = Principal(
    user_id=None, role="operator", permissions=frozenset({Permission.ADMIN_USERS, Permission.ADMIN_SYSTEM})
)
Who = Annotated[str, typer.Argument(help="The e-mail address with which the person signs in.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
Preset = Annotated[str, typer.Option(help=f"What they may do: {', '.join(PRESETS)}.")]


class _Act(StrEnum):
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    END_SESSIONS = "end-sessions"
    RESET_2FA = "reset-2fa"


_LETTERS: Final[dict[_Act, tuple[str, Callable[[], Letter]]]] = {
    _Act.FREEZE: ("frozen", frozen_by_bank),
    _Act.UNFREEZE: ("unfrozen", unfrozen_by_bank),
    _Act.END_SESSIONS: ("signed_out", signed_out_by_bank),
    _Act.RESET_2FA: ("factors_reset", factors_reset),
}


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def person_freeze(email: Who, reason: Reason) -> None:
        """Stop somebody: no money leaves a customer's accounts, and staff are signed out."""
        _do(as_owner, _Act.FREEZE, email, reason)

    @app.command()
    def person_unfreeze(email: Who, reason: Reason) -> None:
        """End a freeze. For whoever knows why there was one."""
        _do(as_owner, _Act.UNFREEZE, email, reason)

    @app.command()
    def person_end_sessions(email: Who, reason: Reason) -> None:
        """Sign somebody out everywhere, at once."""
        _do(as_owner, _Act.END_SESSIONS, email, reason)

    @app.command()
    def person_reset_2fa(email: Who, reason: Reason) -> None:
        """Take a lost second factor away and sign the person out; they sign in by password and set up another one."""
        _do(as_owner, _Act.RESET_2FA, email, reason)

    @app.command()
    def staff_add(
        email: Who,
        first_name: Annotated[str, typer.Option(help="The person's first name.")],
        last_name: Annotated[str, typer.Option(help="The person's last name.")],
        preset: Preset,
        reason: Reason,
    ) -> None:
        """Add somebody of the bank's staff, the first one above all. They choose a password by "forgot password"."""
        if preset not in PRESETS:
            raise typer.BadParameter(f"one of {', '.join(PRESETS)}", param_hint="--preset")
        _told(
            as_owner,
            partial(_add, email=email, names=(first_name, last_name), preset=preset, reason=_said(reason)),
        )


def _do(as_owner: Runner, act: _Act, email: str, reason: str) -> None:
    _told(as_owner, partial(_act, act=act, email=email, reason=_said(reason)))


def _said(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    return reason.strip()


def _told(as_owner: Runner, act: Callable[[AsyncEngine], Awaitable[str]]) -> None:
    try:
        typer.echo(as_owner(act))
    except AurumError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        raise typer.Exit(1) from error


async def _act(engine: AsyncEngine, *, act: _Act, email: str, reason: str) -> str:
    async with transaction(engine, OPERATOR) as session:
        person = await find_user(session, email)
        if person is None:
            raise NotFound("there is nobody with that address")
        match act:
            case _Act.FREEZE | _Act.UNFREEZE:
                changed = await people.freeze_user(session, person.id, frozen=act is _Act.FREEZE)
            case _Act.END_SESSIONS:
                changed = await people.end_user_sessions(session, person.id) > 0
            case _Act.RESET_2FA:
                changed = await people.reset_factors(session, person.id)
        await _note(session, person, f"admin.{act.value}", reason, changed=changed)
        if changed:
            event, letter = _LETTERS[act]
            key = f"{event}/{person.id}/{secrets.token_hex(8)}"
            await tell(session, user_id=person.id, key=key, event=event, **letter().model_dump())
    return f"{act.value}: {'done' if changed else 'nothing to do'}"


async def _add(engine: AsyncEngine, *, email: str, names: tuple[str, str], preset: str, reason: str) -> str:
    try:
        address = read_email(email)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="EMAIL") from error
    async with transaction(engine) as session:
        if await find_user(session, address) is not None:
            raise WrongState("somebody has that address already; nobody is a customer and of the staff at once")
        role = Role.SUPER_ADMIN if preset == "super_admin" else Role.ADMIN
        added = await session.execute(
            text(
                "INSERT INTO users (email, email_verified_at, first_name, last_name, role, preset)"
                " VALUES (:email, now(), :first, :last, :role, :preset) RETURNING id"
            ),
            {"email": address, "first": names[0], "last": names[1], "role": role.value, "preset": preset},
        )
        user_id = added.scalar_one()
        person = await find_user(session, address)
        assert person is not None
        await _note(session, person, "admin.staff-add", reason, changed=True, preset=preset)
    return f"{user_id}: added as {preset}; the password is chosen by `forgot password`"


async def _note(session: AsyncSession, person: User, action: str, reason: str, *, changed: bool, **told: Any) -> None:
    await append(
        session,
        AuditEntry(
            user_id=None,
            actor_role="operator",
            action=action,
            resource_type="user",
            resource_id=str(person.id),
            new_values={**told, "changed": changed, "reason": reason, "operator": getpass.getuser()},
            outcome=Outcome.DONE,
        ),
    )
