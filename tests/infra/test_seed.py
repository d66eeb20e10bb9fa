"""The seed: run at each start, adds everything once, by entries that balance."""

import asyncio
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.seed import seed
from models.auth import PRESETS, Permission, check_password
from models.tables.ledger import proof, totals


async def test_a_second_seed_adds_nothing_and_the_books_balance(
    database_url: str, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    people = await asyncio.to_thread(seed, database_url)
    counts = text(
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM accounts), (SELECT count(*) FROM postings),"
        " (SELECT count(*) FROM sanctions_entries), (SELECT count(*) FROM calendar_days)"
    )
    async with transaction(owner_engine) as session:
        first = (await session.execute(counts)).one()
    assert await asyncio.to_thread(seed, database_url) == people
    async with transaction(owner_engine) as session:
        assert (await session.execute(counts)).one() == first
        assert await totals(session) == {"EUR": 0, "GBP": 0, "USD": 0}
    async with transaction(worker_engine) as session:
        assert await proof(session) == []


async def test_the_people_are_those_that_a_stack_promises(database_url: str, owner_engine: AsyncEngine) -> None:
    people = await asyncio.to_thread(seed, database_url)
    presets = [person["preset"] for person in people if person["role"] == "admin"]
    assert sorted(presets) == [
        "auditor",
        "compliance_officer",
        "compliance_officer",
        "operations",
        "operations",
        "senior_compliance_officer",
        "senior_compliance_officer",
    ]
    (with_factor,) = [person for person in people if "totp_secret" in person]
    assert with_factor == people[-1]  # whoever takes the first of a preset needs no code
    assert set(presets) <= set(PRESETS)
    # A large reversal takes two of them, and no preset has the permission.
    reversers = [person for person in people if Permission.TRANSACTIONS_APPROVE in person.get("permissions", ())]
    assert [person["preset"] for person in reversers] == ["operations", "operations"]
    for person in people:
        check_password(person["password"])
    async with transaction(owner_engine) as session:
        rows = await session.execute(
            text(
                "SELECT u.tier, a.currency, a.balance FROM accounts a JOIN users u ON u.id = a.user_id"
                " WHERE a.currency IN ('USD', 'EUR')"
            )
        )
        least = {"private": 250_000, "premium": 50_000}
        assert all(balance >= least[tier] for tier, _, balance in rows)


async def test_the_calendars_follow_each_rail(database_url: str, owner_engine: AsyncEngine) -> None:
    await asyncio.to_thread(seed, database_url)
    async with transaction(owner_engine) as session:
        rows = await session.execute(text("SELECT calendar, day FROM calendar_days"))
        closed = {(str(calendar), day) for calendar, day in rows}
    year = date.today().year  # noqa: DTZ011 # the seed speaks of the years around this one
    assert ("EUR", date(year, 5, 1)) in closed
    assert ("EUR", date(year, 12, 26)) in closed
    assert ("GBP", date(year, 12, 25)) in closed
    for holiday in (date(each, 7, 4) for each in range(year - 1, year + 4)):
        # The Fed rests on the Monday after a holiday on a Sunday, and works on the Friday before one on a Saturday.
        assert (("USD", holiday + timedelta(days=1)) in closed) == (holiday.weekday() == 6)
        assert ("USD", holiday - timedelta(days=1)) not in closed
