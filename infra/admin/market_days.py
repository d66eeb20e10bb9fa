"""Commands about the exchange's days: shut it, shut it early, hold a session, take that back, show what is unusual."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Annotated, Any, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from infra.database import transaction
from infra.market_days import ZONE, at_the_exchange, market_days
from models.errors import AurumError
from models.market.sessions import Session
from models.tables import market_days as table

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The date in New York, for example 2027-01-09.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def market_close(
        day: Day,
        reason: Reason,
        at: Annotated[str | None, typer.Option(help="Close early at this time in New York, HH:MM.")] = None,
    ) -> None:
        """Say that the exchange stays shut on a day, or closes early. Processes know within a minute. Exit status 1 if
        it is refused."""
        closes = None if at is None else at_the_exchange(day.date(), _time(at, "--at"))
        _said(as_owner, partial(table.close, day=day.date(), at=closes, **_why(reason)))
        typer.echo(f"{day:%Y-%m-%d}: closed{'' if at is None else f' at {at}'}.")

    @app.command()
    def market_open(
        day: Day,
        reason: Reason,
        opens: Annotated[str, typer.Option("--from", help="The time in New York, HH:MM.")] = "09:30",
        closes: Annotated[str, typer.Option("--until", help="The time in New York, HH:MM.")] = "16:00",
    ) -> None:
        """Say that the exchange holds a session on a day, whatever the rule says. Exit status 1 if it is refused."""
        hours = [at_the_exchange(day.date(), _time(*one)) for one in ((opens, "--from"), (closes, "--until"))]
        held = Session(day=day.date(), opens_at=hours[0], closes_at=hours[1])
        _said(as_owner, partial(table.hold, held=held, **_why(reason)))
        typer.echo(f"{day:%Y-%m-%d}: open from {opens} until {closes}.")

    @app.command()
    def market_reopen(day: Day, reason: Reason) -> None:
        """Take back what market-close or market-open said of a day. Exit status 1 if it is refused."""
        rule = next((one for one in market_days(_today()) if one.day == day.date()), None)
        _said(as_owner, partial(table.take_back, day=day.date(), rule=rule, **_why(reason)))
        typer.echo(f"{day:%Y-%m-%d}: as the rule has it.")

    @app.command()
    def market_show(year: Annotated[int, typer.Argument(help="A year, for example 2027.")]) -> None:
        """Print the early closes of the exchange in a year, and what operators said of its days."""
        for one in as_owner(partial(_unusual, year=year)):
            opens, closes = (one[name].astimezone(ZONE) for name in ("opens_at", "closes_at"))
            hours = "closed" if one["closed"] else f"{opens:%H:%M} to {closes:%H:%M}"
            typer.echo(f"{one['day']:%Y-%m-%d %a}  {hours:<14}  {one['source']}")


def _today() -> date:
    return datetime.now(UTC).astimezone(ZONE).date()


def _time(written: str, option: str) -> time:
    try:
        found = time.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter("a time is written 12:30", param_hint=option) from None
    if found.tzinfo is not None:
        raise typer.BadParameter("a time in New York has no zone", param_hint=option)
    return found


def _why(reason: str) -> dict[str, Any]:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    return {"reason": reason.strip(), "operator": getpass.getuser(), "today": _today()}


def _said(as_owner: Runner, say: Callable[[AsyncSession], Awaitable[None]]) -> None:
    async def act(engine: AsyncEngine) -> None:
        async with transaction(engine) as session:
            await say(session)

    try:
        as_owner(act)
    except AurumError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        raise typer.Exit(1) from error


async def _unusual(engine: AsyncEngine, *, year: int) -> list[dict[str, Any]]:
    async with transaction(engine) as session:
        return await table.unusual(session, year)
