"""What operators say of the exchange's days, as they say it: it stands before the rule until it is taken back."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.market_days import ZONE
from models.market.sessions import Session
from models.tables import market
from tests.databases import Database
from tests.factories import market as make
from tests.factories.commands import admin

WHY = ("--reason", "a hurricane")


def upcoming() -> Session:
    """A whole session some weeks from now, for which the day after tomorrow makes no difference."""
    today = datetime.now(UTC).date()
    return next(one for one in make.known_days() if one.day > today + timedelta(days=20) and not one.early)


def weekend() -> date:
    """A Saturday some weeks from now."""
    day = upcoming().day
    return day + timedelta(days=5 - day.weekday() if day.weekday() < 5 else 0)


async def session_on(owner: AsyncEngine, day: date) -> Session | None:
    async with transaction(owner) as session:
        known = await market.sessions(session)
    return next((one for one in known.days if one.day == day), None)


async def test_the_exchange_is_closed_closed_early_and_reopened(database: Database, owner_engine: AsyncEngine) -> None:
    await make.opened(owner_engine)
    rule = upcoming()
    day = str(rule.day)
    assert await admin(database, "market-close", day, *WHY, "--at", "13:00") == (0, f"{day}: closed at 13:00.\n", "")
    early = await session_on(owner_engine, rule.day)
    assert early is not None
    assert (early.early, early.opens_at) == (True, rule.opens_at)
    assert early.closes_at.astimezone(ZONE).strftime("%H:%M") == "13:00"
    assert await admin(database, "market-close", day, *WHY) == (0, f"{day}: closed.\n", "")
    assert await session_on(owner_engine, rule.day) is None
    # What the rule says, filled in daily, changes nothing about it.
    await make.opened(owner_engine)
    assert await session_on(owner_engine, rule.day) is None
    _, told, _ = await admin(database, "market-show", day[:4])
    assert f"{rule.day:%Y-%m-%d %a}  closed          operator" in told
    assert "09:30 to 13:00  rule" in told
    assert (await admin(database, "market-close", day, *WHY))[0] == 1
    assert await admin(database, "market-reopen", day, *WHY) == (0, f"{day}: as the rule has it.\n", "")
    assert await session_on(owner_engine, rule.day) == rule
    status, _, complaint = await admin(database, "market-reopen", day, *WHY)
    assert (status, "no operator has said anything of that day" in complaint) == (1, True)
    async with transaction(owner_engine) as session:
        rows = await session.execute(text("SELECT action, new_values ->> 'reason' FROM audit_logs ORDER BY id"))
        said = [tuple(row) for row in rows]
    assert said == [
        ("market.close_day", "a hurricane"),
        ("market.close_day", "a hurricane"),
        ("market.reopen_day", "a hurricane"),
    ]


async def test_a_session_is_held_on_a_day_without_one(database: Database, owner_engine: AsyncEngine) -> None:
    await make.opened(owner_engine)
    day = weekend()
    words = ("market-open", str(day), "--reason", "a test of systems", "--from", "10:00", "--until", "12:00")
    assert await admin(database, *words) == (0, f"{day}: open from 10:00 until 12:00.\n", "")
    held = await session_on(owner_engine, day)
    assert held is not None
    assert held.minutes == 120
    assert (await admin(database, "market-reopen", str(day), *WHY))[0] == 0
    assert await session_on(owner_engine, day) is None


async def test_what_makes_no_sense_is_refused(database: Database, owner_engine: AsyncEngine) -> None:
    await make.opened(owner_engine)
    day = str(upcoming().day)
    past = str(datetime.now(UTC).date() - timedelta(days=3))
    for status, words in (
        (1, ("market-close", past, *WHY)),
        (1, ("market-close", str(weekend()), *WHY)),
        (1, ("market-close", "2060-01-05", *WHY)),
        (1, ("market-close", day, *WHY, "--at", "09:00")),
        (1, ("market-open", day, *WHY, "--from", "16:00", "--until", "09:30")),
        (2, ("market-close", day, *WHY, "--at", "noon")),
        (2, ("market-close", day, "--reason", " ")),
    ):
        assert (await admin(database, *words))[0] == status, words
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT count(*) FROM audit_logs"))).scalar_one() == 0
