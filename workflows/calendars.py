"""Scheduled upkeep of the calendars."""

from temporalio import workflow

from activities.calendars import CalendarSteps
from models.calendars import CalendarsFilled
from models.upkeep import UpkeepStep
from workflows.policies import DATABASE, DATABASE_SECONDS


@workflow.defn(name="calendar-top-up")
class CalendarTopUpWorkflow:
    """Fills the calendars for the years ahead."""

    @workflow.run
    async def run(self) -> CalendarsFilled:
        filled: CalendarsFilled = await workflow.execute_local_activity_method(
            CalendarSteps.top_up,
            UpkeepStep(at=workflow.now()),
            start_to_close_timeout=DATABASE_SECONDS,
            retry_policy=DATABASE,
            summary="Fill in the years ahead",
        )
        lines = [f"| {name} | {day} |" for name, day in filled.days_until.items()]
        warning = f"\n\n**Days end soon:** {', '.join(filled.ending)}" if filled.ending else ""
        workflow.set_current_details("\n".join(["| Calendar | Known until |", "|---|---|", *lines]) + warning)
        return filled
