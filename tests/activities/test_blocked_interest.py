"""Interest on blocked property in the books: each month once, whoever books it and however late, and all of it with the
property when that is given back."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.wires import InterestSteps
from infra.database import transaction
from models.errors import RuleRefused
from models.ledger import Entry, InternalPurpose, Leg
from models.tables import ledger
from models.tables.wires import blocked
from models.upkeep import InterestBooked, UpkeepStep
from models.wires import WireStep
from models.wires.compliance import Ruling
from models.wires.interest import Bearing, InterestRate, month_ends, stretches
from tests.activities.test_wire_compliance import LISTED, Desk
from tests.activities.test_wire_races import AMOUNT
from tests.factories import wires as make

JANUARY = datetime(2026, 1, 15, 9, tzinfo=UTC)
THREE = [InterestRate(from_day=date(2000, 1, 1), millionths=30_000)]
EURO = {"currency": "EUR", "recipient_bank_swift": "TESTDEFF", "recipient_account_number": "DE89370400440532013000"}


class Vault(Desk):
    """A desk with blocked property that earns interest."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.interest = InterestSteps(self.approval._desk.engine)

    async def blocked_on(self, at: datetime, **order: Any) -> UUID:
        """A wire whose money was seized then."""
        wire = await make.ordered(self.api, self.people, recipient_name=LISTED, **order)
        await self.approval.screen(_step(wire.id))
        for ruling in (Ruling.CONFIRM, Ruling.SEIZE):
            await self.ruled(wire.id, ruling)
            await self.looks(wire.id, at)
        return wire.id

    async def runs(self, year: int, month: int, day: int) -> InterestBooked:
        """The schedule runs on that day."""
        return await self.interest.book(UpkeepStep(at=datetime(year, month, day, 0, 30, tzinfo=UTC)))

    async def kept(self) -> list[tuple[str, str, int]]:
        """What was counted: from, to, amount."""
        async with transaction(self.owner) as session:
            rows = await session.execute(
                text(
                    "SELECT CAST(from_day AS text), CAST(to_day AS text), amount_minor FROM blocked_interest"
                    " ORDER BY wire_id, from_day"
                )
            )
            return [(row[0], row[1], row[2]) for row in rows]

    async def on(self, purpose: InternalPurpose, currency: str = "USD") -> int:
        """What is on an account of the bank."""
        async with transaction(self.owner) as session:
            account = await ledger.internal_account(session, purpose, currency)
            return (await ledger.balance(session, account)).posted_minor

    async def publishes(self, millionths: int, year: int, month: int, day: int, currency: str = "USD") -> None:
        """Operations publish a rate."""
        rate = InterestRate(from_day=date(year, month, day), millionths=millionths)
        async with transaction(self.owner) as session:
            await blocked.publish_rate(session, currency, rate, note="as other depositors", operator="tests")


def _step(wire_id: UUID) -> WireStep:
    return WireStep(wire_id=wire_id, at=datetime.now(UTC))


@pytest.fixture
async def vault(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Vault:
    """A desk whose blocked dollars earn three per cent."""
    made = Vault(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    return made


async def test_each_month_is_booked_once_and_bears_interest_itself(vault: Vault) -> None:
    await vault.blocked_on(JANUARY)
    assert await vault.runs(2026, 1, 31) == InterestBooked()
    for _ in range(2):
        await vault.runs(2026, 2, 1)
    # 17 days of 1,000.00 at 3 %, then 28 of 1,001.41, with what was left of a cent.
    months = [("2026-01-15", "2026-02-01", 1_41), ("2026-02-01", "2026-03-01", 2_34)]
    assert await vault.kept() == months[:1]
    assert (await vault.runs(2026, 3, 9)).properties == 1
    assert await vault.kept() == months
    assert await vault.on(InternalPurpose.BLOCKED) == AMOUNT + 3_75
    assert await vault.on(InternalPurpose.INTEREST) == -3_75
    async with transaction(vault.owner) as session:
        valued = await session.execute(
            text(
                "SELECT CAST(value_date AS text) FROM transactions"
                " WHERE transaction_type = 'blocked_interest' ORDER BY value_date"
            )
        )
        assert valued.scalars().all() == ["2026-02-01", "2026-03-01"]
    assert await vault.balances() == (AMOUNT, 0)


async def test_months_that_were_missed_are_made_good_as_if_they_had_been_on_time(vault: Vault) -> None:
    await vault.blocked_on(JANUARY)
    await vault.publishes(15_000, 2026, 3, 11)
    assert await vault.runs(2026, 7, 22) == InterestBooked(properties=1)
    rates = [*THREE, InterestRate(from_day=date(2026, 3, 11), millionths=15_000)]
    bearing = Bearing(from_day=JANUARY.date(), base_minor=AMOUNT)
    expected = list(stretches(bearing, rates, month_ends(JANUARY.date(), date(2026, 7, 22))))
    assert [amount for _, _, amount in await vault.kept()] == [one.amount_minor for one in expected]
    assert len(expected) == 6
    assert await vault.on(InternalPurpose.BLOCKED) == AMOUNT + sum(one.amount_minor for one in expected)
    assert (await vault.runs(2026, 7, 31)).properties == 0


async def test_property_goes_back_in_the_middle_of_a_month_with_all_that_it_earned(vault: Vault) -> None:
    wire_id = await vault.blocked_on(JANUARY)
    await vault.runs(2026, 2, 1)
    await vault.ruled(wire_id, Ruling.RELEASE, licence="LIC-7")
    for _ in range(2):
        assert (await vault.looks(wire_id, datetime(2026, 2, 11, 15, tzinfo=UTC))).status == "returned"
    # Ten days of 1,001.41: 0.83 and some, with what January left.
    assert await vault.kept() == [("2026-01-15", "2026-02-01", 1_41), ("2026-02-01", "2026-02-11", 84)]
    assert await vault.balances() == (-2_25, 0)
    assert await vault.on(InternalPurpose.BLOCKED) == 0
    assert await vault.on(InternalPurpose.INTEREST) == -2_25
    assert await vault.runs(2026, 6, 1) == InterestBooked()
    told = await vault.one("SELECT data ->> 'interest' AS interest FROM wire_events WHERE event = 'returned'")
    assert told.interest == "2.25 USD"


async def test_less_than_a_cent_is_carried_and_nothing_is_booked(vault: Vault) -> None:
    await vault.blocked_on(JANUARY, amount_minor=50)
    await vault.runs(2026, 12, 1)
    amounts = [amount for _, _, amount in await vault.kept()]
    # 50 cents earn a cent and a half a year: one cent after eight months.
    assert (len(amounts), sum(amounts), amounts[:7]) == (11, 1, [0] * 7)
    assert await vault.on(InternalPurpose.BLOCKED) == 51


@pytest.mark.parametrize("attempt", range(4))
async def test_runs_and_a_licence_at_once_count_each_day_once(vault: Vault, attempt: int) -> None:
    wire_id = await vault.blocked_on(JANUARY)
    await vault.ruled(wire_id, Ruling.RELEASE, licence="LIC-7")
    acts = [vault.runs(2026, 2, 1), vault.looks(wire_id, datetime(2026, 3, 4, 8, tzinfo=UTC)), vault.runs(2026, 3, 4)]
    await asyncio.gather(*acts[attempt:], *acts[:attempt])
    kept = await vault.kept()
    assert [(start, end) for start, end, _ in kept] == [
        ("2026-01-15", "2026-02-01"),
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-03-04"),
    ]
    earned = sum(amount for _, _, amount in kept)
    assert await vault.balances() == (-earned, 0)
    assert await vault.on(InternalPurpose.BLOCKED) == 0


async def test_without_a_rate_property_waits_and_is_made_good(vault: Vault) -> None:
    wire_id = await vault.blocked_on(JANUARY, sender_account_id=vault.people.eur_account, **EURO)
    for _ in range(2):
        assert (await vault.runs(2026, 3, 1)).without_rate == ("EUR",)
    told = await vault.one(
        "SELECT count(*) AS times FROM notifications WHERE event = 'operations.interest_without_rate'"
    )
    assert told.times == 1
    with pytest.raises(RuleRefused, match="no interest rate"):
        await vault.ruled(wire_id, Ruling.RELEASE, licence="LIC-7")
    await vault.publishes(20_000, 2026, 4, 1, currency="EUR")
    assert await vault.runs(2026, 4, 1) == InterestBooked(properties=1)
    assert (await vault.kept())[0] == ("2026-01-15", "2026-02-01", 94)
    await vault.ruled(wire_id, Ruling.RELEASE, licence="LIC-7")


async def test_one_that_cannot_be_booked_keeps_no_other_from_it(vault: Vault) -> None:
    broken, whole = await vault.blocked_on(JANUARY), await vault.blocked_on(JANUARY)
    async with transaction(vault.owner) as session:
        fees = await ledger.internal_account(session, InternalPurpose.FEES, "USD")
        opening = await ledger.internal_account(session, InternalPurpose.OPENING, "USD")
        key = f"wire/{broken}/interest/2026-02-01"
        legs = (Leg(account_id=opening, amount_minor=-1), Leg(account_id=fees, amount_minor=1))
        await ledger.post_one(session, Entry(key=key, kind="x", currency="USD", amount_minor=1, legs=legs))
    assert await vault.runs(2026, 2, 1) == InterestBooked(properties=1, failed=1)
    kept = await vault.one("SELECT wire_id FROM blocked_interest")
    assert kept.wire_id == whole
    told = await vault.one("SELECT body FROM notifications WHERE event = 'operations.interest_failed'")
    assert str(broken) in told.body


async def test_a_rate_is_not_published_for_days_that_are_booked(vault: Vault) -> None:
    await vault.blocked_on(JANUARY)
    await vault.runs(2026, 2, 1)
    with pytest.raises(RuleRefused, match="2026-01-31"):
        await vault.publishes(40_000, 2026, 1, 31)
    await vault.publishes(40_000, 2026, 2, 1)
    await vault.publishes(50_000, 2026, 2, 1)  # the newest one for a day counts
    await vault.runs(2026, 3, 1)
    assert (await vault.kept())[1] == ("2026-02-01", "2026-03-01", 3_90)
    lines = await vault.one("SELECT count(*) AS times FROM audit_logs WHERE action = 'blocked.publish_rate'")
    assert lines.times == 2


async def test_what_is_reported_has_the_interest_of_its_day(vault: Vault) -> None:
    wire_id = await vault.blocked_on(JANUARY)
    await vault.runs(2026, 5, 1)

    async def held(until: date, *, only_held: bool) -> tuple[int, int, str]:
        async with transaction(vault.owner) as session:
            ((row, accrued, percent),) = await blocked.held(
                session, until=until, only_held=only_held, limit=5, offset=0
            )
            return int(row.interest_minor), accrued, str(percent)

    assert await held(date(2026, 5, 1), only_held=False) == (8_86, 0, "3.0000")
    assert await held(date(2026, 5, 11), only_held=False) == (8_86, 84, "3.0000")
    at_the_end_of_june = await held(date(2026, 7, 1), only_held=True)
    # Booked or not yet, and whatever comes later: what was held on a day is the same.
    assert at_the_end_of_june == (8_86, 5_13, "3.0000")
    await vault.runs(2026, 9, 1)
    assert await held(date(2026, 7, 1), only_held=True) == (8_86 + 5_13, 0, "3.0000")
    assert await held(date(2026, 5, 11), only_held=False) == (8_86, 84, "3.0000")
    await vault.ruled(wire_id, Ruling.RELEASE, licence="LIC-7")
    await vault.looks(wire_id, datetime(2026, 9, 5, 8, tzinfo=UTC))
    assert await held(date(2026, 7, 1), only_held=True) == (8_86 + 5_13, 0, "3.0000")
    assert (await held(date(2026, 12, 1), only_held=False))[1] == 0


FORGED = "INSERT INTO blocked_interest SELECT wire_id, maker_id, {} FROM blocked_interest"


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        # Away without its interest.
        ("UPDATE blocked_property SET released_at = '2026-03-01', release_id = transaction_id, licence = 'x'", "AU196"),
        # Earned less, or with a gap before it, or with another month's entry.
        (FORGED.format("'2026-02-01', '2026-03-01', 100141, left_parts, 0, 0, left_parts, NULL"), "AU195"),
        (
            FORGED.format("'2026-02-02', '2026-02-03', 100141, left_parts, 3004230000, 8, 300830000, NULL"),
            "AU195",
        ),
        (
            FORGED.format(
                "'2026-02-01', '2026-02-02', 100141, left_parts, 3004230000, 8, left_parts + 124230000, transaction_id"
            ),
            "AU195",
        ),
        ("UPDATE blocked_interest SET left_parts = 0", "AU100"),
        ("UPDATE blocked_interest_rates SET millionths = 0", "AU100"),
    ],
)
async def test_the_database_counts_again(vault: Vault, forged: str, code: str) -> None:
    await vault.blocked_on(JANUARY)
    await vault.runs(2026, 2, 1)
    with pytest.raises(DBAPIError) as refused:
        async with transaction(vault.owner) as session:
            await session.execute(text(forged))
    assert refused.value.orig is not None
    assert getattr(refused.value.orig, "sqlstate", None) == code
    assert await vault.kept() == [("2026-01-15", "2026-02-01", 1_41)]
