"""Commands about sanctions lists: take a file in, show where the lists stand, set the places under embargo."""

import getpass
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeAlias

import typer
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.settings import settings
from infra.watchlists import import_file
from models.audit import Outcome
from models.errors import AurumError
from models.screening import CountryRule, Purpose
from models.screening.lists import Imported, ListStatus
from models.screening.sources import Format
from models.tables import sanctions
from models.tables.audit import AuditEntry, append

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def sanctions_import(
        file: Annotated[Path, typer.Argument(help="The file, or the folder with OFAC's CSV files.")],
        list_name: Annotated[str, typer.Option("--list", help="The name of the list, for example OFAC-SDN.")],
        format_: Annotated[Format, typer.Option("--format", help="How it is published.")],
        purpose: Annotated[Purpose, typer.Option(help="What a new list is for.")] = Purpose.SANCTIONS,
        accept_drop: Annotated[
            bool, typer.Option(help="Take it although more than a fifth of the entries are gone.")
        ] = False,
    ) -> None:
        """Make a file the newest version of a list. Exit status 1 if it is refused; the version before stays then.

        The next run of sanctions-refresh holds it against the wires in flight.
        """
        try:
            done: Imported = as_owner(
                partial(_import, path=file, name=list_name, format_=format_, purpose=purpose, accept_drop=accept_drop)
            )
        except AurumError as error:
            typer.echo(f"{error.title}: {error.detail}", err=True)
            raise typer.Exit(1) from error
        typer.echo(done.told())
        for problem in done.problems:
            typer.echo(f"malformed: {problem.record}: {problem.reason}", err=True)

    @app.command()
    def sanctions_status() -> None:
        """Print where each list stands. Exit status 1 if one is missing or too old to release wires by."""
        _show(as_owner(_status))

    @app.command()
    def sanctions_countries(
        file: Annotated[Path, typer.Argument(help='JSON: {"places": [{"country", "program", "effect", …}]}.')],
    ) -> None:
        """Replace the places under embargo by those of a file. Wires that wait are screened again at their release."""
        try:
            rules = [CountryRule.model_validate(one) for one in json.loads(file.read_text(encoding="utf-8"))["places"]]
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            typer.echo(f"{file.name} cannot be read: {error}", err=True)
            raise typer.Exit(1) from error
        as_owner(partial(_put_countries, rules=rules))
        typer.echo(f"{len(rules)} places are under a programme.")


def _show(lists: list[ListStatus]) -> NoReturn:
    most = timedelta(seconds=settings().sanctions_stale_seconds)
    late = not lists
    for one in lists:
        stale = one.stale(most)
        late = late or stale
        age = "never confirmed" if one.age is None else f"confirmed {one.age.total_seconds() / 3600:.1f} h ago"
        typer.echo(f"{one.name}: {one.version or 'no version'}, {one.entries} entries, {age}{', TOO OLD' * stale}")
        if one.failure:
            typer.echo(f"  last failure {one.failed_at:%Y-%m-%d %H:%M} UTC: {one.failure}")
    raise typer.Exit(1 if late else 0)


async def _import(
    engine: AsyncEngine, *, path: Path, name: str, format_: Format, purpose: Purpose, accept_drop: bool
) -> Imported:
    operator = getpass.getuser()
    async with transaction(engine) as session:
        await sanctions.register(session, name, purpose)
        done = await import_file(
            session,
            path,
            list_name=name,
            format_=format_,
            source=path.name,
            loaded_by=operator,
            accept_drop=accept_drop,
        )
        await _audit(session, name, {**done.model_dump(exclude={"problems"}), "accept_drop": accept_drop}, operator)
    return done


async def _status(engine: AsyncEngine) -> list[ListStatus]:
    async with transaction(engine) as session:
        return await sanctions.status(session)


async def _put_countries(engine: AsyncEngine, *, rules: list[CountryRule]) -> None:
    async with transaction(engine) as session:
        before = [one.model_dump(mode="json") for one in await sanctions.country_rules(session)]
        await sanctions.put_country_rules(session, rules)
        after = [one.model_dump(mode="json") for one in rules]
        await _audit(session, "COUNTRIES", {"places": after}, getpass.getuser(), {"places": before})


async def _audit(
    session: Any, name: str, told: dict[str, Any], operator: str, before: dict[str, Any] | None = None
) -> None:
    await append(
        session,
        AuditEntry(
            user_id=None,
            actor_role="operator",
            action="sanctions.import" if name != "COUNTRIES" else "sanctions.countries",
            resource_type="sanctions_list",
            resource_id=name,
            old_values=before,
            new_values={**told, "operator": operator},
            outcome=Outcome.DONE,
        ),
    )
