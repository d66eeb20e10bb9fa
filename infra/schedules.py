"""What runs by the calendar: one table, brought to the Temporal server whenever a worker starts.

Operations may pause, trigger and backfill each; a pause is theirs and stays. What is not in the table any more is
taken away, if this code had made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from models.statements import ZONE

log = structlog.get_logger(__name__)

# How a schedule is known to be ours.
_MARK: Final = {"made_by": "aurum"}


@dataclass(frozen=True)
class Upkeep:
    """One scheduled process. `catch_up`: how late it may start after an outage (the server's default is a year)."""

    workflow: str
    why: str
    spec: ScheduleSpec
    catch_up: timedelta
    overlap: ScheduleOverlapPolicy = ScheduleOverlapPolicy.SKIP
    pause_on_failure: bool = False
    timeout: timedelta = field(default=timedelta(hours=6))


def _daily(hour: int, minute: int) -> ScheduleSpec:
    """Every day at that time (UTC), or minutes later."""
    return ScheduleSpec(
        calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(hour)], minute=[ScheduleRange(minute)])],
        jitter=timedelta(minutes=5),
        time_zone_name="UTC",
    )


SCHEDULES: Final[dict[str, Upkeep]] = {
    "session-cleanup": Upkeep(
        workflow="session-cleanup",
        why="Sessions and tokens that ended long ago are taken out, hourly.",
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))],
            jitter=timedelta(minutes=5),
            time_zone_name="UTC",
        ),
        # It takes out everything that is old, so a missed hour is made good by the next.
        catch_up=timedelta(minutes=10),
    ),
    "audit-seal": Upkeep(
        workflow="audit-seal",
        why="What was written to the audit log is sealed into its chain, every minute.",
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=1))], time_zone_name="UTC"),
        # Each run takes all that waits.
        catch_up=timedelta(minutes=1),
        timeout=timedelta(minutes=10),
    ),
    "ledger-rollup": Upkeep(
        workflow="ledger-rollup",
        why="What was booked on the bank's own accounts goes into their checkpoints, every minute.",
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=1))], time_zone_name="UTC"),
        # Each run takes all that waits.
        catch_up=timedelta(minutes=1),
        timeout=timedelta(minutes=10),
    ),
    "calendar-top-up": Upkeep(
        workflow="calendar-top-up",
        why="Bank holidays and hours of the years ahead are filled in, daily.",
        spec=_daily(hour=1, minute=0),
        # Each run fills whatever is missing, and years are known ahead.
        catch_up=timedelta(hours=1),
        timeout=timedelta(minutes=10),
    ),
    "blocked-interest": Upkeep(
        workflow="blocked-interest",
        why="Interest on blocked property is booked for each month that is over, daily for what was missed.",
        spec=_daily(hour=0, minute=30),
        # Each run books all months that are not booked, as if it had been on time.
        catch_up=timedelta(hours=20),
        timeout=timedelta(hours=1),
    ),
    "sanctions-refresh": Upkeep(
        workflow="sanctions-refresh",
        why="The lists that wires and customers are screened against are refreshed, daily.",
        spec=_daily(hour=5, minute=15),
        # A late refresh is as good as one in time, until the next is due. One that failed is tried again the next day:
        # what stops meanwhile is the release of wires, once the lists are too old.
        catch_up=timedelta(hours=20),
    ),
    "flow-rollup": Upkeep(
        workflow="flow-rollup",
        why="What came in and went out of customers' accounts is summed by day and category, every five minutes.",
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=5))], time_zone_name="UTC"),
        # Each run takes all that waits, and readers add what is left.
        catch_up=timedelta(minutes=5),
        timeout=timedelta(hours=1),
    ),
    "flow-proof": Upkeep(
        workflow="flow-proof",
        why="The sums by day and category are compared with the postings, daily.",
        spec=_daily(hour=4, minute=0),
        catch_up=timedelta(hours=20),
    ),
    "process-proof": Upkeep(
        workflow="process-proof",
        why="Open holds and running processes have to name each other, looked at hourly.",
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=timedelta(hours=1))],
            jitter=timedelta(minutes=5),
            time_zone_name="UTC",
        ),
        # The next hour's says the same of now.
        catch_up=timedelta(minutes=10),
    ),
    "reconciliation": Upkeep(
        workflow="reconciliation",
        why="The bank's statements are compared with what we booked, every quarter of an hour.",
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=timedelta(minutes=15))],
            jitter=timedelta(minutes=1),
            time_zone_name="UTC",
        ),
        # Each run takes all that is new.
        catch_up=timedelta(minutes=15),
        timeout=timedelta(hours=1),
    ),
    "price-alert-sweep": Upkeep(
        workflow="price-alert-sweep",
        why="Prices are compared with those swept before, and alerts that they reach are told, every five minutes.",
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=5))], time_zone_name="UTC"),
        # The next one compares with the same prices.
        catch_up=timedelta(minutes=5),
        timeout=timedelta(minutes=30),
    ),
    "transaction-monitoring": Upkeep(
        workflow="transaction-monitoring",
        why="What customers moved is held against the rules of monitoring, every five minutes.",
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=5))], time_zone_name="UTC"),
        # Each run looks at all that is new.
        catch_up=timedelta(minutes=5),
    ),
    "notification-digest": Upkeep(
        workflow="notification-digest",
        why="What customers want to be told together is put into one letter when it is due, every quarter of an hour.",
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=15))], time_zone_name="UTC"),
        # Each run writes all that is due.
        catch_up=timedelta(minutes=15),
        timeout=timedelta(hours=1),
    ),
    "data-cleanup": Upkeep(
        workflow="data-cleanup",
        why="Data that nothing reads any more is taken out, daily.",
        spec=_daily(hour=2, minute=0),
        # It takes out everything that is old, so a missed day is made good by the next.
        catch_up=timedelta(hours=20),
    ),
    "document-upkeep": Upkeep(
        workflow="document-upkeep",
        why="Documents whose retention is over are destroyed, and the store is compared with the table, daily.",
        spec=_daily(hour=2, minute=30),
        # Each run takes all that is due.
        catch_up=timedelta(hours=20),
    ),
    "kyc-expiry": Upkeep(
        workflow="kyc-expiry",
        why="Reviews of customers that fall due are opened, and customers screened where lists changed, daily.",
        spec=_daily(hour=4, minute=0),
        # It finds everything that is due, so a missed day is made good by the next.
        catch_up=timedelta(hours=20),
    ),
    "monthly-statements": Upkeep(
        workflow="monthly-statements",
        why="The statements of the month that is over are made and told to customers, on the 1st.",
        spec=ScheduleSpec(
            calendars=[
                ScheduleCalendarSpec(
                    day_of_month=[ScheduleRange(1)], hour=[ScheduleRange(4)], minute=[ScheduleRange(30)]
                )
            ],
            time_zone_name=ZONE,
        ),
        # The month is that of the time it was due, so a late run makes the same statements.
        catch_up=timedelta(days=20),
        timeout=timedelta(days=3),
    ),
    "ledger-proof": Upkeep(
        workflow="ledger-proof",
        why="Every rule of the ledger is proven, daily; on a breach posting is suspended.",
        spec=_daily(hour=3, minute=30),
        # A late proof is as good as one in time, until the next is due.
        catch_up=timedelta(hours=20),
        # A breach fails the run. The freeze is what has to stop then: the proofs go on, or nobody would know when the
        # books are right again.
        pause_on_failure=False,
    ),
}


async def reconcile(client: Client, *, task_queue: str, table: Mapping[str, Upkeep] = SCHEDULES) -> None:
    """Makes the server's schedules those of `table`. Safe to repeat, and from several workers at once."""
    async for listed in await client.list_schedules():
        if listed.id not in table and (await listed.memo()).items() >= _MARK.items():
            log.info("schedules.removed", schedule=listed.id)
            await client.get_schedule_handle(listed.id).delete()
    for schedule_id, upkeep in table.items():
        await _create_or_update(client, schedule_id, upkeep, task_queue)


async def _create_or_update(client: Client, schedule_id: str, upkeep: Upkeep, task_queue: str) -> None:
    wanted = _schedule(schedule_id, upkeep, task_queue, ScheduleState(note=upkeep.why))
    try:
        await client.create_schedule(schedule_id, wanted, memo=_MARK)
    except ScheduleAlreadyRunningError:

        def update(found: ScheduleUpdateInput) -> ScheduleUpdate:
            # The state (paused, by whom and why) is operations'.
            return ScheduleUpdate(_schedule(schedule_id, upkeep, task_queue, found.description.schedule.state))

        await client.get_schedule_handle(schedule_id).update(update)


def _schedule(schedule_id: str, upkeep: Upkeep, task_queue: str, state: ScheduleState) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            upkeep.workflow,
            id=schedule_id,
            task_queue=task_queue,
            execution_timeout=upkeep.timeout,
            static_summary=upkeep.why,
        ),
        spec=upkeep.spec,
        policy=SchedulePolicy(
            overlap=upkeep.overlap, catchup_window=upkeep.catch_up, pause_on_failure=upkeep.pause_on_failure
        ),
        state=state,
    )
