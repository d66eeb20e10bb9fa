"""Commands about calendars: close a day or close it early, take that back, show what is known."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Annotated, Any, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.errors import AurumError
from models.tables import calendars
from models.tables.calendars import CalendarDay

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
Calendar = Annotated[str, typer.Argument(help="USD, EUR, GBP …, or DESK.")]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The local date, for example 2027-01-09.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def calendar_close(
        calendar: Calendar,
        day: Day,
        reason: Annotated[str, typer.Option(help="Why; stands in the calendar and in the audit log.")],
        at: Annotated[str | None, typer.Option(help="Close early at this local time, HH:MM; else all day.")] = None,
    ) -> None:
        """Close a bank day, or close it early. Wires that wait for their window look again when it opens. Exit status
        1 if it is refused."""
        try:
            closes = None if at is None else time.fromisoformat(at)
        except ValueError:
            raise typer.BadParameter("a time is written 12:30", param_hint="--at") from None
        if not reason.strip():
            raise typer.BadParameter("say why", param_hint="--reason")
        _done(as_owner, partial(_close, calendar=calendar, day=day.date(), name=reason.strip(), closes=closes))
        typer.echo(f"{calendar} {day:%Y-%m-%d}: closed{'' if closes is None else f' at {closes:%H:%M}'}.")

    @app.command()
    def calendar_reopen(calendar: Calendar, day: Day, reason: Reason) -> None:
        """Take back what calendar-close said of a day. Exit status 1 if it is refused."""
        _done(as_owner, partial(_reopen, calendar=calendar, day=day.date(), reason=reason.strip()))
        typer.echo(f"{calendar} {day:%Y-%m-%d}: as the rule has it.")

    @app.command()
    def calendar_show(
        calendar: Calendar, year: Annotated[int, typer.Argument(help="A year, for example 2027.")]
    ) -> None:
        """Print the closed days and early closes of a calendar in a year."""
        days: list[CalendarDay] = as_owner(partial(_days, calendar=calendar, year=year))
        for one in days:
            until = "closed" if one.closes is None else f"until {one.closes:%H:%M}"
            typer.echo(f"{one.day:%Y-%m-%d %a}  {until:<12}  {one.source:<8}  {one.name}")


def _done(as_owner: Runner, act: Callable[[AsyncEngine], Awaitable[None]]) -> None:
    try:
        as_owner(act)
    except AurumError as error:
        typer.echo(f"{error.title}: {error.detail}", err=True)
        raise typer.Exit(1) from error


async def _close(engine: AsyncEngine, *, calendar: str, day: date, name: str, closes: time | None) -> None:
    async with transaction(engine) as session:
        await calendars.close_day(
            session,
            calendar,
            day,
            name=name,
            closes=closes,
            operator=getpass.getuser(),
            today=datetime.now(UTC).date(),
        )


async def _reopen(engine: AsyncEngine, *, calendar: str, day: date, reason: str) -> None:
    async with transaction(engine) as session:
        await calendars.reopen_day(session, calendar, day, reason=reason, operator=getpass.getuser())


async def _days(engine: AsyncEngine, *, calendar: str, year: int) -> list[CalendarDay]:
    async with transaction(engine) as session:
        return await calendars.calendar_days(session, calendar, year)
