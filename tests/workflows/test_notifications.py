"""A notification as a process: it waits for the end of quiet hours by the customer's clock, and leaves once."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowHandle

from infra.database import transaction
from infra.schedules import SCHEDULES
from models.notifications import DigestsWritten, EmailChoice, NotificationStart
from models.quiet_hours import DigestRhythm, QuietHours, moment
from tests.factories.wishes import letters, told, wish
from tests.workflows.conftest import Desk, until
from workflows.policies import PROVIDER_HEARTBEAT, PROVIDER_SECONDS

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def around(now: datetime, hours: int = 3) -> QuietHours:
    """Quiet hours that began a while ago and end so many hours from now, on the clock of Amsterdam."""
    here = now.astimezone(AMSTERDAM)
    begun, ends = here - timedelta(hours=1), here + timedelta(hours=hours)
    return QuietHours(starts=begun.time().replace(second=0), ends=ends.time().replace(second=0, microsecond=0))


def process(desk: Desk, notification: UUID) -> WorkflowHandle[Any, bool]:
    return desk.client.get_workflow_handle(f"notification/{notification}", result_type=bool)


def mails(desk: Desk) -> list[Path]:
    return sorted(desk.settings.mail_dir.glob("*.eml"))


async def waits(desk: Desk, notification: UUID) -> datetime:
    """Waits until it waits; until when."""

    async def look() -> datetime | None:
        async with transaction(desk.engine) as session:
            row = await session.execute(
                text("SELECT waits_until FROM notifications WHERE id = :id"), {"id": notification}
            )
            found: datetime | None = row.scalar_one()
            return found

    ends: datetime = await until(look, bool)
    # The process has its timer by then.
    await until(lambda: _timers(process(desk, notification)), bool)
    return ends


async def _timers(handle: WorkflowHandle[Any, Any]) -> int:
    history = await handle.fetch_history()
    return sum(event.HasField("timer_started_event_attributes") for event in history.events)


async def test_what_is_not_urgent_waits_for_the_end_of_quiet_hours_and_leaves_once(desk: Desk) -> None:
    customer = desk.people.customer
    quiet = around(datetime.now(UTC))
    await wish(desk.engine, customer, quiet=quiet)
    waiting = await told(desk.engine, customer, "A wire was paid", "wire.completed")
    urgent = await told(desk.engine, customer, "A new device", "new_device")
    await desk.dispatch()
    await process(desk, urgent).result()
    ends = await waits(desk, waiting)
    assert ends == quiet.until(datetime.now(UTC), AMSTERDAM)
    assert [path.stem for path in mails(desk)] == [str(urgent)]
    before = await desk.time.get_current_time(process(desk, waiting))
    await desk.time.fast_forward(process(desk, waiting), ends - before - timedelta(minutes=1))
    assert len(mails(desk)) == 1
    await desk.time.fast_forward(process(desk, waiting))
    await process(desk, waiting).result()
    assert len(mails(desk)) == 2
    assert await letters(desk.engine) == {"A wire was paid": "sent", "A new device": "sent"}
    # A worker that is killed while it sends is missed by its silence, and not only at the end of the step's time.
    history = await process(desk, urgent).fetch_history()
    (planned,) = [event for event in history.events if event.HasField("activity_task_scheduled_event_attributes")]
    asked = planned.activity_task_scheduled_event_attributes
    assert asked.heartbeat_timeout.ToTimedelta() == PROVIDER_HEARTBEAT < PROVIDER_SECONDS


async def test_a_customer_who_wants_to_be_disturbed_is_told_at_once(desk: Desk) -> None:
    customer = desk.people.customer
    await wish(desk.engine, customer, quiet=around(datetime.now(UTC)))
    waiting = await told(desk.engine, customer, "A wire was paid", "wire.completed")
    await desk.dispatch()
    await waits(desk, waiting)
    await wish(desk.engine, customer)
    await desk.dispatch()
    await process(desk, waiting).result()
    assert len(mails(desk)) == 1


async def test_what_is_not_wanted_by_mail_is_in_the_list_alone(desk: Desk) -> None:
    customer = desk.people.customer
    await wish(desk.engine, customer, alerts=EmailChoice.OFF)
    unwanted = await told(desk.engine, customer, "XALDE is at 5")
    await desk.dispatch()
    assert await process(desk, unwanted).result() is False
    assert mails(desk) == []
    assert await letters(desk.engine) == {"XALDE is at 5": "unwanted"}
    assert await desk.count("notifications WHERE in_app") == 1


async def test_what_can_wait_is_collected_and_its_digest_is_sent_once(desk: Desk) -> None:
    customer = desk.people.customer
    due = datetime.now(UTC) + timedelta(hours=6)
    at = due.astimezone(AMSTERDAM).time().replace(second=0, microsecond=0)
    await wish(desk.engine, customer, alerts=EmailChoice.DIGEST, digest=DigestRhythm(at=at))
    for key in ("one", "two"):
        notification = await told(desk.engine, customer, key)
        await desk.dispatch()
        assert await process(desk, notification).result() is False
    assert await digest(desk) == DigestsWritten()
    # A step that runs twice has nothing left to do the second time.
    later = await digest(desk, after=timedelta(days=1, hours=1))
    assert later in (DigestsWritten(digests=1, notifications=2), DigestsWritten())
    assert await desk.count("notifications WHERE event = 'digest'") == 1
    assert await digest(desk, after=timedelta(days=1, hours=1)) == DigestsWritten()
    await desk.dispatch()
    (mail,) = await until(lambda: asyncio.to_thread(mails, desk), bool)
    assert "Your digest: 2 notifications" in mail.read_text()
    assert SCHEDULES["notification-digest"].workflow == "notification-digest"


async def digest(desk: Desk, after: timedelta = timedelta(0)) -> DigestsWritten:
    """A run of the schedule's process, so long from now."""
    handle = await desk.client.start_workflow(
        "notification-digest",
        id=f"notification-digest/{uuid4()}",
        task_queue=desk.settings.task_queue,
        start_delay=after,
        result_type=DigestsWritten,
    )
    if after:
        await desk.time.fast_forward(handle)
    written: DigestsWritten = await handle.result()
    return written


@pytest.mark.parametrize(
    ("night", "ends_at"),
    [("2027-03-27", "2027-03-28T05:00"), ("2027-10-30", "2027-10-31T06:00")],
    ids=["forward", "back"],
)
async def test_a_night_on_which_clocks_are_moved_ends_by_the_clock_on_the_wall(
    desk: Desk, night: str, ends_at: str
) -> None:
    customer = desk.people.customer
    quiet = QuietHours(starts=time(22), ends=time(7))
    await wish(desk.engine, customer, quiet=quiet)
    notification = await told(desk.engine, customer, "XALDE is at 5")
    evening = moment(datetime.fromisoformat(night).date(), time(23), AMSTERDAM)
    handle = await desk.client.start_workflow(
        "notification",
        NotificationStart(notification_id=notification),
        id=f"notification/{notification}",
        task_queue=desk.settings.task_queue,
        start_delay=evening - datetime.now(UTC),
        result_type=bool,
    )
    await desk.time.fast_forward(handle)
    await handle.result()
    async with transaction(desk.engine) as session:
        row = await session.execute(text("SELECT waits_until FROM notifications WHERE id = :id"), {"id": notification})
        assert row.scalar_one() == datetime.fromisoformat(ends_at).replace(tzinfo=UTC)
    assert await desk.time.get_current_time(handle) >= datetime.fromisoformat(ends_at).replace(tzinfo=UTC)
