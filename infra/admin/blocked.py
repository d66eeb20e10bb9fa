"""Commands about blocked property: show and publish the rates at which it earns interest."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Any, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.errors import AurumError
from models.money import exponent
from models.tables.wires import blocked
from models.wires.interest import InterestRate

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
Currency = Annotated[str, typer.Argument(help="USD, EUR, GBP …")]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def interest_rates(currency: Currency) -> None:
        """Print the rates at which blocked property of a currency earns interest. Exit status 1 if there is none."""
        known: tuple[InterestRate, ...] = as_owner(partial(_rates, currency=currency))
        for one in known:
            typer.echo(f"{currency}  from {one.from_day}  {one.percent} %")
        raise typer.Exit(0 if known else 1)

    @app.command()
    def interest_rate_publish(
        currency: Currency,
        percent: Annotated[str, typer.Argument(help="For a year of 360 days, for example 3.25; four decimals.")],
        from_day: Annotated[
            datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day that earns it (UTC).")
        ],
        reason: Annotated[str, typer.Option(help="Whose offer it follows; kept with it, and in the audit log.")],
    ) -> None:
        """Publish what blocked property of a currency earns from a day on. Exit status 1 if interest is booked for one
        of these days already."""
        if len(reason.strip()) < 3:
            raise typer.BadParameter("say why", param_hint="--reason")
        rate = _read(percent, from_day)
        try:
            exponent(currency)
            as_owner(partial(_publish, currency=currency, rate=rate, note=reason.strip()))
        except AurumError as error:
            typer.echo(f"{error.title}: {error.detail}", err=True)
            raise typer.Exit(1) from error
        typer.echo(f"{currency}: {rate.percent} % from {rate.from_day}.")


def _read(percent: str, from_day: datetime) -> InterestRate:
    try:
        millionths = Decimal(percent).scaleb(4)
        whole = int(millionths)
        known = InterestRate(from_day=from_day.date(), millionths=whole) if whole == millionths else None
    except (InvalidOperation, ValueError, OverflowError):
        known = None
    if known is None:
        raise typer.BadParameter("from 0 to 100, with at most four decimals", param_hint="PERCENT")
    return known


async def _rates(engine: AsyncEngine, *, currency: str) -> tuple[InterestRate, ...]:
    async with transaction(engine) as session:
        return await blocked.rates(session, currency)


async def _publish(engine: AsyncEngine, *, currency: str, rate: InterestRate, note: str) -> None:
    async with transaction(engine) as session:
        await blocked.publish_rate(session, currency, rate, note=note, operator=getpass.getuser())
