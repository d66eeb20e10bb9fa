"""Calendars in their tables: filled by rule, corrected by operators, and silent about what they do not know."""

from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from activities.calendars import CalendarSteps
from infra.database import transaction
from models.calendars import release
from models.errors import NotFound, RuleRefused, WrongState
from models.tables import calendars
from models.upkeep import UpkeepStep

TODAY = date(2026, 11, 22)


async def _filled(engine: AsyncEngine, today: date = TODAY) -> dict[str, date]:
    async with transaction(engine) as session:
        return await calendars.top_up(session, today)


async def test_the_worker_fills_years_ahead_and_again_adds_only_what_is_missing(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    assert set((await _filled(worker_engine)).values()) == {date(2029, 12, 31)}
    async with transaction(owner_engine) as session:
        days = (await session.execute(text("SELECT * FROM calendar_days ORDER BY calendar, day"))).all()
    await _filled(worker_engine)
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT * FROM calendar_days ORDER BY calendar, day"))).all() == days
    assert (await _filled(worker_engine, date(2028, 1, 1)))["USD"] == date(2031, 12, 31)
    async with transaction(api_engine) as session:
        hours = await calendars.rail_hours(session, "USD")
        desk = await calendars.desk_hours(session)
    assert hours.known_until == date(2031, 12, 31)
    assert (hours.opens, hours.closes, hours.is_business_day(date(2030, 7, 4))) == (time(8), time(17, 45), False)
    assert desk.early_closes[date(2026, 12, 24)] == time(14)


async def test_what_is_not_filled_or_has_no_rail_is_an_error_and_not_an_open_day(worker_engine: AsyncEngine) -> None:
    async with transaction(worker_engine) as session:
        with pytest.raises(LookupError, match="filled"):
            await calendars.rail_hours(session, "USD")
    await _filled(worker_engine)
    async with transaction(worker_engine) as session:
        with pytest.raises(LookupError, match="no rail"):
            await calendars.rail_hours(session, "JPY")
        with pytest.raises(LookupError):
            await calendars.rail_hours(session, "USD", "BRL")
        both = await calendars.rail_hours(session, "USD", "JPY")
        assert not both.is_business_day(date(2026, 11, 23))  # Labour Thanksgiving Day in Tokyo
        assert await calendars.closed_on(session, "JPY", date(2026, 11, 23)) == "Labor Thanksgiving Day"
        assert await calendars.closed_on(session, "JPY", date(2026, 11, 24)) is None
        assert await calendars.closed_on(session, "DESK", date(2026, 12, 24)) is None


async def test_operators_close_days_and_the_rule_does_not_undo_it(owner_engine: AsyncEngine) -> None:
    await _filled(owner_engine)
    monday, eve = date(2026, 11, 23), date(2026, 12, 24)
    noon = datetime(2026, 11, 23, 17, tzinfo=UTC)

    async def said(calendar: str, day: date, closes: time | None) -> None:
        async with transaction(owner_engine) as session:
            await calendars.close_day(session, calendar, day, name="Storm", closes=closes, operator="olga", today=TODAY)

    async def leaves() -> datetime:
        async with transaction(owner_engine) as session:
            return release(await calendars.rail_hours(session, "USD"), noon).at

    assert await leaves() == noon
    await said("USD", monday, time(10))
    assert await leaves() == datetime(2026, 11, 24, 13, tzinfo=UTC)
    await said("USD", monday, None)
    await said("DESK", eve, None)
    await _filled(owner_engine)
    assert await leaves() == datetime(2026, 11, 24, 13, tzinfo=UTC)
    async with transaction(owner_engine) as session:
        await calendars.reopen_day(session, "USD", monday, reason="over", operator="olga")
        await calendars.reopen_day(session, "DESK", eve, reason="over", operator="olga")
    assert await leaves() == noon
    async with transaction(owner_engine) as session:
        assert (await calendars.desk_hours(session)).early_closes[eve] == time(14)
        lines = (
            await session.execute(
                text(
                    "SELECT action, resource_id, old_values ->> 'closes', new_values ->> 'operator'"
                    " FROM audit_logs ORDER BY id"
                )
            )
        ).all()
    assert [tuple(line) for line in lines] == [
        ("calendars.close_day", "USD/2026-11-23", None, "olga"),
        ("calendars.close_day", "USD/2026-11-23", "10:00:00", "olga"),
        ("calendars.close_day", "DESK/2026-12-24", "14:00:00", "olga"),
        ("calendars.reopen_day", "USD/2026-11-23", None, "olga"),
        ("calendars.reopen_day", "DESK/2026-12-24", None, "olga"),
    ]


async def test_what_an_operator_cannot_say_is_refused(owner_engine: AsyncEngine) -> None:
    await _filled(owner_engine)
    async with transaction(owner_engine) as session:
        for calendar, day, error in (
            ("BRL", date(2026, 11, 23), NotFound),
            ("USD", date(2026, 11, 20), RuleRefused),
            ("USD", date(2030, 1, 1), RuleRefused),
        ):
            with pytest.raises(error):
                await calendars.close_day(session, calendar, day, name="x", closes=None, operator="olga", today=TODAY)
        with pytest.raises(NotFound):
            await calendars.reopen_day(session, "USD", date(2026, 11, 24), reason="x", operator="olga")
        with pytest.raises(WrongState):
            await calendars.reopen_day(session, "USD", date(2026, 11, 26), reason="x", operator="olga")


async def test_a_calendar_whose_days_end_soon_is_warned_of(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    steps = CalendarSteps(worker_engine)
    at = UpkeepStep(at=datetime(2026, 11, 22, tzinfo=UTC))
    assert (await steps.top_up(at)).ending == ()
    # One that no rule fills any more.
    async with transaction(owner_engine) as session:
        await session.execute(
            text("INSERT INTO bank_calendars (calendar, name, zone, days_until) VALUES ('OLD', 'Old', 'UTC', :day)"),
            {"day": date(2027, 12, 1)},
        )
    with capture_logs() as logs:
        assert (await steps.top_up(at)).ending == ("OLD",)
    assert [(line["event"], line["calendars"]) for line in logs] == [("calendars.end_near", ["OLD"])]
