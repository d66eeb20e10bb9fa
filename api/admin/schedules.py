"""What runs by the calendar, for operations: see it, pause it, run it now or for a time that was missed (contract §12).

The Temporal server keeps the schedules, so these operations need it; the table of them is `infra.schedules`.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    WorkflowExecution,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from api import audit
from api.admin.audit import router
from api.deps import Db, Staff, StaffWithAny
from api.errors import documented
from api.parts import parts_of
from infra.schedules import SCHEDULES
from models.auth import Permission
from models.errors import NotFound, RuleRefused
from models.statements import AccountRun, Period, StatementRun, month_before
from models.tables import ledger
from models.tables.auth import Caller

# More at once is a mistake in the dates, or a job for several requests.
LONGEST_BACKFILL: Final = timedelta(days=366)
SHOWN_RUNS: Final = 20

Reader = Annotated[Caller, StaffWithAny(Permission.ADMIN_SYSTEM, Permission.ADMIN_REPORTS)]
Operator = Annotated[Caller, Staff(Permission.ADMIN_SYSTEM)]


class ScheduleView(BaseModel):
    """A schedule as the Temporal server has it. `present` is false until a worker has made it there."""

    id: str = Field(examples=["ledger-proof"])
    why: str = Field(examples=["Every rule of the ledger is proven, daily; on a breach posting is suspended."])
    workflow: str = Field(examples=["ledger-proof"])
    present: bool = Field(examples=[True])
    paused: bool = Field(default=False, examples=[False])
    note: str = Field(default="", description="Why it is paused, by whoever paused it.")
    running: int = Field(default=0, examples=[0])
    runs: int = Field(default=0, description="How often it has run.", examples=[12])
    missed: int = Field(default=0, description="Runs that came too late to be caught up.", examples=[0])
    last_run_at: datetime | None = None
    next_runs: list[datetime] = Field(default=[], description="The next five.")


class ScheduleRun(BaseModel):
    """One run of a schedule."""

    workflow_id: str = Field(examples=["ledger-proof-2026-11-22T03:30:00Z"])
    run_id: str
    status: str = Field(examples=["completed"])
    started_at: datetime
    closed_at: datetime | None


class ScheduleDetail(ScheduleView):
    """A schedule with its last runs, newest first."""

    last_runs: list[ScheduleRun]


class Scheduled(BaseModel):
    """Lists all schedules: they are few, and come on one page."""

    data: list[ScheduleView]
    total: int = Field(examples=[4])
    page: int = Field(default=1, examples=[1])
    total_pages: int = Field(default=1, examples=[1])


class Note(BaseModel):
    """Why; it is shown beside the schedule and stays in the audit log."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300)] = Field(
        examples=["The bank's host is down until noon"]
    )


class RunOf(BaseModel):
    """What a run is of, for a process that has a period: a month of statements, for everybody or one account."""

    model_config = ConfigDict(extra="forbid")

    period: Period | None = Field(default=None, examples=["2026-10"])
    account_id: UUID | None = Field(default=None, description="For one account alone.")
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = Field(
        default="",
        description="Of one account: look again at a statement that was made, and make another version of it if it"
        " says something else now. The customer reads this.",
        examples=["The holder's name was misspelt"],
    )

    @model_validator(mode="after")
    def _is_a_run(self) -> "RunOf":
        if self.period is None and (self.account_id or self.reason):
            raise ValueError("name the period")
        if self.reason and self.account_id is None:
            raise ValueError("a reason is of one account")
        return self


class Span(BaseModel):
    """The time for which runs are made up, `from` and `to` included."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: AwareDatetime = Field(alias="from", examples=["2026-11-01T00:00:00Z"])
    until: AwareDatetime = Field(alias="to", examples=["2026-11-03T00:00:00Z"])

    @model_validator(mode="after")
    def _is_a_span(self) -> "Span":
        if not timedelta(0) <= self.until - self.since <= LONGEST_BACKFILL:
            raise ValueError(f"'to' comes after 'from', at most {LONGEST_BACKFILL.days} days")
        return self


@router.get("/schedules", summary="What runs by the calendar", responses=documented(401, 403))
async def list_schedules(_reader: Reader, request: Request) -> Scheduled:
    """Every schedule of the bank with its next runs."""
    async with parts_of(request.scope).temporal.asked("schedule") as client:
        shown = list(await asyncio.gather(*(_view(client, schedule_id) for schedule_id in SCHEDULES)))
    return Scheduled(data=shown, total=len(shown))


@router.get("/schedules/{schedule_id}", summary="Read a schedule", responses=documented(401, 403, 404))
async def read_schedule(schedule_id: str, _reader: Reader, request: Request) -> ScheduleDetail:
    """A schedule and how its last runs ended."""
    _known(schedule_id)
    async with parts_of(request.scope).temporal.asked("schedule") as client:
        view = await _view(client, schedule_id)
        found = client.list_workflows(f"TemporalScheduledById = '{schedule_id}'", limit=SHOWN_RUNS)
        runs = [_run(run) async for run in found]
    return ScheduleDetail(**view.model_dump(), last_runs=sorted(runs, key=lambda run: run.started_at, reverse=True))


@router.post("/schedules/{schedule_id}/trigger", summary="Run a schedule now", responses=documented(400, 401, 403, 404))
async def trigger_schedule(
    schedule_id: str, _operator: Operator, request: Request, db: Db, wanted: RunOf | None = None
) -> ScheduleView:
    """One run, now; none where one is running already. With a `period`, that month's process of `monthly-statements`:
    what is missing is made, and what was made stays."""
    wanted = wanted or RunOf()
    if wanted.account_id is not None:
        await ledger.balance(db, wanted.account_id)
    async with parts_of(request.scope).temporal.asked("schedule") as client:
        handle = _handle(request, client, schedule_id, **wanted.model_dump(mode="json", exclude_defaults=True))
        if wanted.period is None:
            await handle.trigger(overlap=ScheduleOverlapPolicy.SKIP)
        else:
            await _start_month(client, schedule_id, wanted, parts_of(request.scope).settings.task_queue)
        return await _view(client, schedule_id)


async def _start_month(client: Client, schedule_id: str, wanted: RunOf, task_queue: str) -> None:
    assert wanted.period is not None
    if schedule_id != "monthly-statements":
        raise RuleRefused("This process has no period")
    if wanted.period > month_before(datetime.now(UTC)):
        raise RuleRefused("A statement is made when its month is over")
    name, argument, of = (
        ("statements", StatementRun(period=wanted.period), "")
        if wanted.account_id is None
        else (
            "account-statement",
            AccountRun(period=wanted.period, account_id=wanted.account_id, reason=wanted.reason),
            f"/{wanted.account_id}",
        )
    )
    await client.start_workflow(
        name,
        argument,
        id=f"statements/{wanted.period}{of}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"Statements of {wanted.period}",
    )


@router.post("/schedules/{schedule_id}/pause", summary="Pause a schedule", responses=documented(401, 403, 404))
async def pause_schedule(schedule_id: str, why: Note, _operator: Operator, request: Request) -> ScheduleView:
    """No run begins until it is resumed, whatever is deployed in between. What runs goes on."""
    async with parts_of(request.scope).temporal.asked("schedule") as client:
        await _handle(request, client, schedule_id, paused=True, note=why.note).pause(note=why.note)
        return await _view(client, schedule_id)


@router.post("/schedules/{schedule_id}/resume", summary="Resume a schedule", responses=documented(401, 403, 404))
async def resume_schedule(schedule_id: str, why: Note, _operator: Operator, request: Request) -> ScheduleView:
    """The next run is the next of its calendar; what was missed is made up by a backfill."""
    async with parts_of(request.scope).temporal.asked("schedule") as client:
        await _handle(request, client, schedule_id, paused=False, note=why.note).unpause(note=why.note)
        return await _view(client, schedule_id)


@router.post("/schedules/{schedule_id}/backfill", summary="Make up runs", responses=documented(401, 403, 404))
async def backfill_schedule(schedule_id: str, span: Span, _operator: Operator, request: Request) -> ScheduleView:
    """Runs it as often as it was due in that time, one after another, each as if it were that moment."""
    async with parts_of(request.scope).temporal.asked("schedule") as client:
        handle = _handle(request, client, schedule_id, since=span.since.isoformat(), until=span.until.isoformat())
        # The server leaves the start out, and looks at the moments that its jitter has moved; people mean both ends.
        start = span.since - timedelta(microseconds=1)
        end = span.until + (SCHEDULES[schedule_id].spec.jitter or timedelta(0))
        await handle.backfill(ScheduleBackfill(start, end, ScheduleOverlapPolicy.BUFFER_ALL))
        return await _view(client, schedule_id)


def _known(schedule_id: str) -> None:
    if schedule_id not in SCHEDULES:
        raise NotFound("There is no such schedule")


def _handle(request: Request, client: Client, schedule_id: str, **told: object) -> ScheduleHandle:
    audit.note(request, "schedule", schedule_id, new=told)
    _known(schedule_id)
    return client.get_schedule_handle(schedule_id)


async def _view(client: Client, schedule_id: str) -> ScheduleView:
    upkeep = SCHEDULES[schedule_id]
    view = ScheduleView(id=schedule_id, why=upkeep.why, workflow=upkeep.workflow, present=False)
    try:
        found: ScheduleDescription = await client.get_schedule_handle(schedule_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return view
    state, info = found.schedule.state, found.info
    return view.model_copy(
        update={
            "present": True,
            "paused": state.paused,
            "note": (state.note or "") if state.paused else "",
            "running": len([a for a in info.running_actions if isinstance(a, ScheduleActionExecutionStartWorkflow)]),
            "runs": info.num_actions,
            "missed": info.num_actions_missed_catchup_window,
            "last_run_at": info.recent_actions[-1].started_at if info.recent_actions else None,
            "next_runs": [] if state.paused else list(info.next_action_times[:5]),
        }
    )


def _run(run: WorkflowExecution) -> ScheduleRun:
    return ScheduleRun(
        workflow_id=run.id,
        run_id=run.run_id,
        status=run.status.name.lower() if run.status else "unknown",
        started_at=run.start_time,
        closed_at=run.close_time,
    )
