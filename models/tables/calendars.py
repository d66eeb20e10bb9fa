"""The bank's calendars as they are kept: closed days by currency, and the hours made of them."""

from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.calendars import DESK, RAILS, BusinessHours


async def desk_hours(session: AsyncSession) -> BusinessHours:
    """The business time of the wire desk."""
    calendar, zone, opens, closes = DESK
    return await _hours(session, calendar, BusinessHours(ZoneInfo(zone), opens, closes))


async def rail_hours(session: AsyncSession, currency: str) -> BusinessHours:
    """When wires in `currency` can be released. Raises `KeyError` for a currency without a rail."""
    zone, opens, closes = RAILS[currency]
    return await _hours(session, currency, BusinessHours(ZoneInfo(zone), opens, closes))


async def _hours(session: AsyncSession, calendar: str, hours: BusinessHours) -> BusinessHours:
    rows = await session.execute(text("SELECT day FROM calendar_days WHERE calendar = :name"), {"name": calendar})
    days = frozenset(rows.scalars().all())
    # Holidays are loaded by whole years: the data speaks of everything until the end of the last one.
    known_until = date(max(days).year, 12, 31) if days else date.min
    return BusinessHours(hours.zone, hours.opens, hours.closes, days, known_until)
