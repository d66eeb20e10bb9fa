"""Commands about schedules: what runs by the calendar, run it now, pause it. They need Temporal."""

import getpass
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import ScheduleHandle, ScheduleOverlapPolicy
from temporalio.service import RPCError, RPCStatusCode

from infra.admin.reaching import reached
from infra.database import transaction
from infra.schedules import SCHEDULES
from infra.settings import settings
from models.audit import Outcome
from models.tables.audit import AuditEntry, append

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]
Name = Annotated[str, typer.Argument(help="The schedule, as `schedules` prints it.")]
Reason = Annotated[str, typer.Option(help="Why; kept beside the schedule, and in the audit log.")]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def schedules() -> None:
        """Print every schedule: its next run, its last one, whether it is paused and by whose word."""
        for line in as_owner(lambda _: _listed()):
            typer.echo(line)

    @app.command()
    def schedule_trigger(name: Name, reason: Reason) -> None:
        """Run it now; not where a run is under way."""
        _done(as_owner, name, "trigger", reason)

    @app.command()
    def schedule_pause(name: Name, reason: Reason) -> None:
        """No run begins until it is resumed, whatever is deployed in between. What runs goes on."""
        _done(as_owner, name, "pause", reason)

    @app.command()
    def schedule_resume(name: Name, reason: Reason) -> None:
        """The next run is the next of its calendar."""
        _done(as_owner, name, "resume", reason)


def _done(as_owner: Runner, name: str, act: str, reason: str) -> None:
    if name not in SCHEDULES:
        raise typer.BadParameter(f"one of {', '.join(SCHEDULES)}", param_hint="NAME")
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    as_owner(partial(_act, name=name, act=act, reason=reason.strip()))
    typer.echo(f"{name}: {act} done")


async def _act(engine: AsyncEngine, *, name: str, act: str, reason: str) -> None:
    operator = getpass.getuser()
    async with reached(settings()) as client:
        # Committed first: an act that Temporal then refuses has its line, and no act is without one.
        async with transaction(engine) as session:
            await append(
                session,
                AuditEntry(
                    user_id=None,
                    actor_role="operator",
                    action=f"schedule.{act}",
                    resource_type="schedule",
                    resource_id=name,
                    new_values={"reason": reason, "operator": operator},
                    outcome=Outcome.DONE,
                ),
            )
        handle: ScheduleHandle = client.get_schedule_handle(name)
        match act:
            case "trigger":
                await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
            case "pause":
                await handle.pause(note=f"{reason} ({operator})")
            case _:
                await handle.unpause(note=f"{reason} ({operator})")


async def _listed() -> list[str]:
    async with reached(settings()) as client:
        return [await _line(client.get_schedule_handle(name), name) for name in SCHEDULES]


async def _line(handle: ScheduleHandle, name: str) -> str:
    try:
        found = await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return f"{name:<24} is not there: no worker has made it yet"
    state, info = found.schedule.state, found.info
    last = f"{info.recent_actions[-1].started_at:%Y-%m-%d %H:%M}" if info.recent_actions else "never"
    coming = f"{info.next_action_times[0]:%Y-%m-%d %H:%M}" if info.next_action_times else "none"
    if state.paused:
        return f"{name:<24} PAUSED: {state.note}; last {last}"
    return f"{name:<24} next {coming}, last {last} UTC, {info.num_actions} runs, {len(info.running_actions)} under way"
