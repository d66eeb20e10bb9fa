"""A standing order over a year by the bank's calendar, step by step: month-ends, closed days, skips, outages, ends."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from activities.payments import PaymentDesk, StandingOrderSteps
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import Settings
from models.calendars import BusinessHours
from models.payments import Rhythm, StandingOrderState, StandingOrderStep
from models.tables import calendars
from models.tables.payments import Payment
from tests.factories import payments as make
from tests.factories import wires as people_make

SATURDAY = 5
WEEKS = 60


class Year:
    """One standing order, looked at whenever it asks to be."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, steps: StandingOrderSteps, hours: BusinessHours) -> None:
        self.owner, self.api, self.steps, self.hours = owner, api, steps, hours

    async def ordered(self, rhythm: Rhythm) -> UUID:
        people = await people_make.people(self.owner)
        standing, _ = await make.standing(self.api, people, make.sepa_order(people), rhythm, hours=self.hours)
        return standing.id

    async def look(self, order_id: UUID, at: datetime) -> StandingOrderState:
        await self.steps.advance(StandingOrderStep(standing_order_id=order_id, at=at))
        return await self.steps.advance(StandingOrderStep(standing_order_id=order_id, at=at))

    async def lived(self, order_id: UUID, most: int = 100) -> list[date]:
        """Looks at it each time it asks for, until it has ended. The days on which it paid."""
        at = datetime.now(UTC)
        for _ in range(most):
            state = await self.look(order_id, at)
            if state.ended:
                break
            assert state.look_again_at is not None
            assert state.look_again_at > at
            at = state.look_again_at
        return [row.due_on for row in await self.made(order_id) if row.due_on is not None]

    async def made(self, order_id: UUID) -> Sequence[Payment]:
        async with transaction(self.owner) as session:
            found = await session.execute(
                select(Payment).where(col(Payment.standing_order_id) == order_id).order_by(col(Payment.number))
            )
            return found.scalars().all()


@pytest.fixture
async def year(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path) -> Year:
    async with transaction(owner_engine) as session:
        await calendars.top_up(session, datetime.now(UTC).date())
        hours = await calendars.local_rail_hours(session, "EUR")
    channel = FolderChannel(tmp_path / "outbox", tmp_path / "inbox")
    desk = PaymentDesk.of(Settings(_env_file=None), worker_engine, channel)
    return Year(owner_engine, api_engine, StandingOrderSteps(desk), hours)


def in_a_week() -> date:
    return datetime.now(UTC).date() + timedelta(days=7)


def coming_holiday(hours: BusinessHours) -> date:
    """The next closed day that is no Saturday or Sunday. There are years in which banks have few of them."""
    days = (in_a_week() + timedelta(days=later) for later in range(WEEKS * 7))
    return next(day for day in days if day.weekday() < SATURDAY and not hours.is_business_day(day))


async def test_a_year_of_month_ends(year: Year) -> None:
    ends = date(in_a_week().year, 12, 31) if in_a_week().month < 12 else date(in_a_week().year + 1, 1, 31)
    rhythm = make.rhythm(ends, occurrences=13, non_banking_day="previous")
    days = await year.lived(await year.ordered(rhythm))
    nominal = [rhythm.on(number) for number in range(1, 14)]
    assert len(days) == 13
    assert all(year.hours.is_business_day(day) for day in days)
    assert all(day <= wanted for day, wanted in zip(days, nominal, strict=True) if wanted is not None)
    # Never two in a month: the last banking day of each.
    assert all(b.year * 12 + b.month - a.year * 12 - a.month == 1 for a, b in pairwise(days))


async def test_a_year_of_weeks_without_those_on_closed_days(year: Year) -> None:
    holiday = coming_holiday(year.hours)
    first = in_a_week() + timedelta(days=(holiday - in_a_week()).days % 7)
    rhythm = make.rhythm(first, frequency="weekly", occurrences=WEEKS, non_banking_day="skip")
    days = await year.lived(await year.ordered(rhythm))
    wanted = [day for number in range(1, WEEKS + 1) if (day := rhythm.on(number)) is not None]
    assert days == [day for day in wanted if year.hours.is_business_day(day)]
    assert holiday not in days


async def test_what_an_outage_missed_is_made_up_for_each_on_its_own_day(year: Year) -> None:
    order_id = await year.ordered(make.rhythm(in_a_week(), frequency="weekly"))
    state = await year.look(order_id, datetime.now(UTC) + timedelta(days=60))
    days = [row.due_on for row in await year.made(order_id) if row.due_on is not None]
    assert len(days) == 9
    assert state.upcoming_on == days[-1]
    assert all(a < b for a, b in pairwise(days))


async def test_where_the_calendar_ends_nothing_is_guessed(year: Year) -> None:
    order_id = await year.ordered(make.rhythm(in_a_week(), frequency="yearly"))
    async with transaction(year.owner) as session:
        await session.execute(text("UPDATE bank_calendars SET days_until = :day"), {"day": in_a_week()})
    at = datetime.now(UTC) + timedelta(days=10)
    state = await year.look(order_id, at)
    assert (state.status, state.look_again_at) == ("active", at + timedelta(days=1))
    assert len(await year.made(order_id)) == 1
    async with transaction(year.owner) as session:
        await session.execute(text("UPDATE bank_calendars SET days_until = '2100-12-31'"))
    await year.look(order_id, at + timedelta(days=1))
    assert len(await year.made(order_id)) == 2
