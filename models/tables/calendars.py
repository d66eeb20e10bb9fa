"""Calendars as they are kept: hours, closed days and early closes; filled by rule, and corrected by operators."""

from dataclasses import replace
from datetime import date, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.calendar_rules import rules, special_days
from models.calendars import LOCAL_RAILS, AlwaysOpen, BusinessHours, Hours
from models.errors import NotFound, RuleRefused, WrongState
from models.tables.audit import AuditEntry, append

DESK: Final = "DESK"
# How many years the calendars speak of, before and after this one.
YEARS_BEFORE: Final = 1
YEARS_AFTER: Final = 3


class CalendarDay(BaseModel):
    """A day that is unlike the others. `source` is `rule` or `operator`."""

    model_config = ConfigDict(frozen=True)

    day: date
    name: str
    closes: time | None
    source: str


async def desk_hours(session: AsyncSession) -> BusinessHours:
    """The business time of the wire desk. Raises `LookupError` before the calendars are filled."""
    return await _hours(session, DESK)


async def rail_hours(session: AsyncSession, currency: str, other: str | None = None) -> BusinessHours:
    """When wires in `currency` can be released; for one that leaves an account in an `other` currency, on good days of
    both. Raises `LookupError` for a currency without a rail.

    The recipient's country has no say: a wire settles between banks in the centre of its currency, and moving the date
    for a holiday elsewhere would keep the money from nobody but the customer. What the recipient's bank does on its own
    holiday is a warning, not a date.
    """
    hours = await _hours(session, currency)
    if other is None or other == currency:
        return hours
    closed = [one.day for one in await calendar_days(session, other) if one.closes is None]
    return hours.except_on(closed, (await _kept(session, other)).days_until)


async def open_hours(session: AsyncSession, calendar: str, *, always: bool) -> Hours:
    """The hours of a rail by its currency, or of the desk (`DESK`); every moment where calendars do not hold."""
    return AlwaysOpen() if always else await _hours(session, calendar)


async def local_rail_hours(session: AsyncSession, currency: str) -> BusinessHours:
    """When payments in `currency` can be released by its local rail, on the days of its calendar. Raises `LookupError`
    for a currency without one."""
    opens, closes = LOCAL_RAILS[currency]
    return replace(await _hours(session, currency), opens=opens, closes=closes)


async def closed_on(session: AsyncSession, calendar: str, day: date) -> str | None:
    """The name of the holiday on which the banks of `calendar` are closed that `day`; None when they work, and on
    weekends, which need no name."""
    found = await session.execute(
        text("SELECT name FROM calendar_days WHERE calendar = :calendar AND day = :day AND closes IS NULL"),
        {"calendar": calendar, "day": day},
    )
    return found.scalar_one_or_none()


async def _kept(session: AsyncSession, calendar: str) -> Row[Any]:
    kept = await session.execute(
        text("SELECT zone, opens, cut_off, days_until FROM bank_calendars WHERE calendar = :name"), {"name": calendar}
    )
    row = kept.one_or_none()
    if row is None:
        raise LookupError(f"there is no calendar {calendar}; are the calendars filled?")
    return row


async def _hours(session: AsyncSession, calendar: str) -> BusinessHours:
    kept, days = await _kept(session, calendar), await calendar_days(session, calendar)
    if kept.opens is None:
        raise LookupError(f"the calendar {calendar} has no hours: we have no rail there")
    return BusinessHours(
        ZoneInfo(kept.zone),
        kept.opens,
        kept.cut_off,
        frozenset(one.day for one in days if one.closes is None),
        kept.days_until,
        {one.day: one.closes for one in days if one.closes is not None},
    )


async def calendar_days(session: AsyncSession, calendar: str, year: int | None = None) -> list[CalendarDay]:
    """The closed days and early closes of `calendar`, in order; of one year, or all that are known."""
    rows = await session.execute(
        text(
            "SELECT day, name, closes, source FROM calendar_days WHERE calendar = :calendar"
            " AND (CAST(:year AS integer) IS NULL OR extract(year FROM day) = CAST(:year AS integer)) ORDER BY day"
        ),
        {"calendar": calendar, "year": year},
    )
    return [CalendarDay.model_validate(dict(row)) for row in rows.mappings()]


async def top_up(session: AsyncSession, today: date) -> dict[str, date]:
    """Fills every calendar for the years around `today`, and returns the last day that each one knows.

    Safe to repeat. What is there stays, so what an operator said of a day stands before the rule.
    """
    years = range(today.year - YEARS_BEFORE, today.year + YEARS_AFTER + 1)
    days_until = date(years[-1], 12, 31)
    for calendar, rule in rules().items():
        await session.execute(
            text(
                "INSERT INTO bank_calendars (calendar, name, zone, opens, cut_off, days_until)"
                " VALUES (:calendar, :name, :zone, :opens, :cut_off, :days_until)"
                " ON CONFLICT (calendar) DO UPDATE SET name = excluded.name, zone = excluded.zone,"
                " opens = excluded.opens, cut_off = excluded.cut_off, updated_at = clock_timestamp(),"
                " days_until = greatest(bank_calendars.days_until, excluded.days_until)"
            ),
            {
                "calendar": calendar,
                "days_until": days_until,
                **rule.model_dump(include={"name", "zone", "opens", "cut_off"}),
            },
        )
        await session.execute(
            text(
                "INSERT INTO calendar_days (calendar, day, name, closes) VALUES (:calendar, :day, :name, :closes)"
                " ON CONFLICT DO NOTHING"
            ),
            [{"calendar": calendar, **one.model_dump()} for one in special_days(calendar, years)],
        )
    rows = await session.execute(text("SELECT calendar, days_until FROM bank_calendars ORDER BY calendar"))
    return {str(row.calendar): row.days_until for row in rows}


async def close_day(
    session: AsyncSession, calendar: str, day: date, *, name: str, closes: time | None, operator: str, today: date
) -> None:
    """Says that `calendar` is closed on `day`, or closes early; an operator's act, for roles that act for the bank.

    It holds for what is decided from now on: an approved wire that waits for its window looks again when that opens,
    while deadlines that run already stay as they were told. Raises `NotFound` for an unknown calendar, and
    `RuleRefused` for a day that is over or not known yet.
    """
    row = (
        await session.execute(text("SELECT days_until FROM bank_calendars WHERE calendar = :c"), {"c": calendar})
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such calendar")
    if not today <= day <= row.days_until:
        raise RuleRefused(f"the calendar can be changed from {today} until {row.days_until}")
    before = (await session.execute(_DAY, {"calendar": calendar, "day": day})).mappings().one_or_none()
    await session.execute(
        text(
            "INSERT INTO calendar_days (calendar, day, name, closes, source)"
            " VALUES (:calendar, :day, :name, :closes, 'operator') ON CONFLICT (calendar, day) DO UPDATE"
            " SET name = excluded.name, closes = excluded.closes, source = excluded.source"
        ),
        {"calendar": calendar, "day": day, "name": name, "closes": closes},
    )
    new = {"name": name, "closes": closes, "operator": operator}
    await append(session, _line("calendars.close_day", calendar, day, before, new))


async def reopen_day(session: AsyncSession, calendar: str, day: date, *, reason: str, operator: str) -> None:
    """Takes back what an operator said of `day`; the rule holds again. Raises `NotFound`, and `WrongState` for a day
    that is closed by rule."""
    before = (await session.execute(_DAY, {"calendar": calendar, "day": day})).mappings().one_or_none()
    if before is None:
        raise NotFound("that day is like any other")
    if before["source"] != "operator":
        raise WrongState("that day is closed by rule; a rule is changed with a release")
    await session.execute(
        text("DELETE FROM calendar_days WHERE calendar = :calendar AND day = :day"), {"calendar": calendar, "day": day}
    )
    for one in special_days(calendar, range(day.year, day.year + 1)) if calendar in rules() else ():
        if one.day == day:
            await session.execute(
                text("INSERT INTO calendar_days (calendar, day, name, closes) VALUES (:c, :day, :name, :closes)"),
                {"c": calendar, **one.model_dump()},
            )
    new = {"reason": reason, "operator": operator}
    await append(session, _line("calendars.reopen_day", calendar, day, before, new))


_DAY: Final = text(
    "SELECT name, closes, source FROM calendar_days WHERE calendar = :calendar AND day = :day FOR UPDATE"
)


def _line(action: str, calendar: str, day: date, old: RowMapping | None, new: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        user_id=None,
        actor_role="system",
        action=action,
        resource_type="calendar_day",
        resource_id=f"{calendar}/{day}",
        old_values=dict(old) if old else None,
        new_values=new,
        outcome=Outcome.DONE,
    )
