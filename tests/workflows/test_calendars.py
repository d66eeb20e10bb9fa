"""The calendars are filled by a process of their own, and it says how far they go."""

from uuid import uuid4

from infra.schedules import SCHEDULES
from models.calendars import CalendarsFilled
from tests.workflows.conftest import Desk


async def test_the_years_ahead_are_filled_in(desk: Desk) -> None:
    assert SCHEDULES["calendar-top-up"].workflow == "calendar-top-up"
    filled: CalendarsFilled = await desk.client.execute_workflow(
        "calendar-top-up",
        id=f"calendar-top-up/{uuid4()}",
        task_queue=desk.settings.task_queue,
        result_type=CalendarsFilled,
    )
    assert {"USD", "EUR", "GBP", "DESK"} <= filled.days_until.keys()
    assert filled.ending == ()
    assert await desk.count("bank_calendars") == len(filled.days_until)
    assert await desk.count("calendar_days WHERE calendar = 'USD' AND name = 'Thanksgiving Day'") == 5
