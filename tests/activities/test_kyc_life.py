"""What falls due in the life of customers: who is looked at again, why, and who is not."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.kyc import CheckSteps, KycDesk, LifeSteps, ReviewSteps
from infra.database import transaction
from infra.settings import BankHours, Settings
from models.errors import KycRequired
from models.kyc.policy import Act
from models.kyc.process import KycStep, Sweep
from models.ledger import Entry, Leg
from models.screening import Kind, ListedEntity
from models.tables import ledger
from models.tables.users import may
from tests.factories import kyc as make
from tests.factories.wires import account, sanctions_list

NOW = datetime.now(UTC)


class Bench:
    """Customers who were approved, and the daily look."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine) -> None:
        self.owner, self.api, self.worker = owner, api, worker
        desk = KycDesk.of(Settings(_env_file=None, bank_hours=BankHours.ALWAYS), worker)
        self.checks, self.reviews, self.life = CheckSteps(desk), ReviewSteps(desk), LifeSteps(desk)
        self.staff: make.Staff

    async def approved(self, name: str = "Nora Newcomer", *, expires: date | None = None) -> UUID:
        """A customer who passed an application today."""
        customer = await make.applicant(self.owner, name)
        await make.document(self.owner, customer, expires=expires)
        case = await make.submitted(self.api, customer)
        await self.checks.check(KycStep(case_id=case.id, at=NOW))
        await make.approved(self.api, case.id, self.staff.officers[0])
        return customer

    async def look(self, at: datetime) -> int:
        """The daily look at `at`; how many reviews it opened."""
        return (await self.life.open_due(Sweep(at=at))).opened

    async def open(self, customer: UUID) -> dict[str, Any] | None:
        """The customer's open review."""
        async with transaction(self.owner) as session:
            row = await session.execute(
                text("SELECT * FROM kyc_cases WHERE user_id = :id AND decided_at IS NULL"), {"id": customer}
            )
            found = row.mappings().one_or_none()
            return None if found is None else dict(found)

    async def change(self, statement: str, **values: Any) -> None:
        """Changes something behind everybody's back."""
        async with transaction(self.owner) as session:
            await session.execute(text(statement), values)

    async def at(self, case_id: UUID, at: datetime) -> None:
        """The process looks at a review."""
        await self.reviews.review(KycStep(case_id=case_id, at=at))


@pytest.fixture
async def bench(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine) -> Bench:
    made = Bench(owner_engine, api_engine, worker_engine)
    made.staff = await make.staff(owner_engine)
    return made


async def test_nothing_is_due_of_somebody_who_was_just_approved(bench: Bench) -> None:
    customer = await bench.approved()
    assert await bench.look(NOW) == 0
    assert await bench.look(NOW + timedelta(days=4 * 365)) == 0
    assert await bench.open(customer) is None


async def test_a_review_begins_ninety_days_before_its_day_and_once(bench: Bench) -> None:
    customer = await bench.approved()
    due = (await make.standing(bench.owner, customer))["kyc_review_due"]
    assert await bench.look(due - timedelta(days=91)) == 0
    assert await bench.look(due - timedelta(days=90)) == 1
    assert await bench.look(due - timedelta(days=89)) == 0
    review = await bench.open(customer)
    assert review is not None
    assert (review["occasion"], review["status"], review["due_at"], review["number"]) == ("periodic", "pending", due, 2)
    async with transaction(bench.owner) as session:
        asked = await session.execute(
            text("SELECT count(*) FROM outbox WHERE workflow_id = :id"), {"id": f"kyc/{customer}/2"}
        )
        assert asked.scalar_one() == 1
    # Nothing changes for the customer until the day.
    assert (await make.standing(bench.owner, customer))["kyc_status"] == "approved"


async def test_a_document_that_ends_sooner_begins_a_review_sooner(bench: Bench) -> None:
    ends = NOW.date() + timedelta(days=200)
    customer = await bench.approved(expires=ends)
    assert await bench.look(NOW + timedelta(days=100)) == 0
    assert await bench.look(NOW + timedelta(days=111)) == 1
    review = await bench.open(customer)
    assert review is not None
    assert (review["occasion"], review["due_at"].date()) == ("document_expiry", ends)


async def test_nobody_is_given_less_than_thirty_days(bench: Bench) -> None:
    customer = await bench.approved()
    late = NOW + timedelta(days=6 * 365)
    assert await bench.look(late) == 1
    review = await bench.open(customer)
    assert review is not None
    assert review["due_at"] == late + timedelta(days=30)


async def test_a_change_of_name_birthday_or_country_begins_a_review(bench: Bench) -> None:
    renamed, reborn, moved, same = [await bench.approved() for _ in range(4)]
    await bench.change("UPDATE users SET date_of_birth = '1961-04-09' WHERE id = :id", id=reborn)
    await bench.change("UPDATE users SET last_name = 'Other' WHERE id = :id", id=renamed)
    await bench.change('UPDATE users SET address = address || \'{"country": "CH"}\' WHERE id = :id', id=moved)
    await bench.change('UPDATE users SET address = address || \'{"building": "2"}\' WHERE id = :id', id=same)
    assert await bench.look(NOW) == 3
    occasions = [(await bench.open(one) or {}).get("occasion") for one in (renamed, reborn, moved, same)]
    assert occasions == ["name_changed", "name_changed", "country_changed", None]


async def _paid(bench: Bench, source: UUID, target: UUID, minor: int) -> None:
    async with transaction(bench.owner) as session:
        await ledger.post_one(
            session,
            Entry(
                key=f"test/{source}/{target}/{minor}", kind="transfer", currency="EUR", amount_minor=minor,
                legs=(Leg(account_id=source, amount_minor=-minor), Leg(account_id=target, amount_minor=minor)),
                from_account_id=source, to_account_id=target,
            ),
        )  # fmt: skip


async def test_three_times_the_declared_volume_is_looked_into_and_not_told(bench: Bench) -> None:
    loud, quiet, own = [await bench.approved() for _ in range(3)]
    other = await account(bench.owner, await bench.approved(), "EUR", 0)
    for customer, minor in ((loud, 7_500_01), (quiet, 7_500_00)):
        await _paid(bench, await account(bench.owner, customer, "EUR", 10_000_00), other, minor)
    # Between accounts of one's own nothing leaves.
    await _paid(
        bench, await account(bench.owner, own, "EUR", 10_000_00), await account(bench.owner, own, "EUR", 0), 9_000_00
    )
    at = datetime.now(UTC)
    assert await bench.look(at) == 1
    review = await bench.open(loud)
    assert review is not None
    assert (review["occasion"], review["status"], review["told"]) == ("unusual_volume", "submitted", False)
    async with transaction(bench.api, make.as_customer(loud)) as session:
        seen = await session.execute(text("SELECT count(*) FROM kyc_cases WHERE occasion = 'unusual_volume'"))
        assert seen.scalar_one() == 0
    await bench.checks.check(KycStep(case_id=review["id"], at=at))
    await make.approved(bench.api, review["id"], bench.staff.officers[0])
    assert (await make.standing(bench.owner, loud))["kyc_status"] == "approved"
    # Not again for the same behaviour, for a while.
    assert await bench.look(at) == 0


async def test_an_account_that_wakes_after_a_year_is_looked_into(bench: Bench) -> None:
    asleep, awake = await bench.approved(), await bench.approved()
    other = await account(bench.owner, await bench.approved(), "EUR", 0)
    for customer, opened in ((asleep, 800), (awake, 30)):
        source = await account(bench.owner, customer, "EUR", 100_00)
        await bench.change(
            "UPDATE accounts SET opened_at = now() - make_interval(days => :days) WHERE id = :id",
            id=source,
            days=opened,
        )
        await _paid(bench, source, other, 1_00)
    assert await bench.look(datetime.now(UTC)) == 1
    assert (await bench.open(asleep) or {})["occasion"] == "dormant_active"


async def test_somebody_whom_the_list_names_is_held_and_not_told(bench: Bench) -> None:
    named = await bench.approved("Ilse Thornbridge")
    others = await bench.approved("Greta Ordinary")
    assert (await bench.life.rescreen(Sweep(at=NOW))).opened == 0
    assert (await bench.life.rescreen(Sweep(at=NOW))).looked_at == 0
    thornbridge = ListedEntity(id="AD-9", kind=Kind.PERSON, name="Ilse Thornbridge", birth_dates=("1990-05-17",))
    await sanctions_list(bench.owner, "2026-11-02", more=(thornbridge,))
    assert (await bench.life.rescreen(Sweep(at=NOW))).opened == 1
    assert (await bench.life.rescreen(Sweep(at=NOW))).opened == 0
    review = await bench.open(named)
    assert review is not None
    assert (review["occasion"], review["told"], review["restriction"]) == ("screening_hit", False, "frozen")
    assert await bench.open(others) is None
    stands = await make.standing(bench.owner, named)
    assert (stands["kyc_status"], stands["kyc_restriction"]) == ("in_review", "frozen")
    with pytest.raises(KycRequired):
        async with transaction(bench.owner) as session:
            await may(session, named, Act.TRANSFER)
    await bench.checks.check(KycStep(case_id=review["id"], at=NOW))
    await make.approved(bench.api, review["id"], bench.staff.officers[0], comment="another person")
    await make.approved(bench.api, review["id"], bench.staff.senior, senior=True, comment="another person")
    stands = await make.standing(bench.owner, named)
    assert (stands["kyc_status"], stands["kyc_restriction"]) == ("approved", "none")
    await bench.reviews.conclude(KycStep(case_id=review["id"], at=NOW))
    async with transaction(bench.owner) as session:
        told = await session.execute(
            text("SELECT event FROM notifications WHERE user_id = :id ORDER BY id"), {"id": named}
        )
        assert told.scalars().all() == ["kyc.submitted"]
    # The list has not changed: what was looked into is not asked again.
    await sanctions_list(bench.owner, "2026-11-03", more=(thornbridge,))
    assert (await bench.life.rescreen(Sweep(at=NOW))).opened == 0


async def test_somebody_whom_the_list_names_while_a_review_waits_for_them_is_held_and_goes_to_officers(
    bench: Bench,
) -> None:
    named = await bench.approved("Ilse Thornbridge")
    due = (await make.standing(bench.owner, named))["kyc_review_due"]
    await bench.look(due - timedelta(days=90))
    review = await bench.open(named)
    assert review is not None
    thornbridge = ListedEntity(id="AD-9", kind=Kind.PERSON, name="Ilse Thornbridge", birth_dates=("1990-05-17",))
    await sanctions_list(bench.owner, "2026-11-02", more=(thornbridge,))
    for _ in range(2):
        await bench.life.rescreen(Sweep(at=NOW))
        assert (await make.standing(bench.owner, named))["kyc_restriction"] == "frozen"
    assert await _may(bench, named, Act.TRANSFER) == "kyc_expired"
    events = text("SELECT count(*) FROM kyc_events WHERE customer_id = :named AND actor <> 'customer'")
    async with transaction(bench.owner) as session:
        assert (await session.execute(events, {"named": named})).scalar_one() > 0
    async with transaction(bench.api, make.as_customer(named)) as session:
        assert (await session.execute(events, {"named": named})).scalar_one() == 0
    step = KycStep(case_id=review["id"], at=NOW)
    assert (await bench.reviews.review(step)).to_check
    assert (await bench.checks.check(step)).status == "in_review"
    # The officers ask, and the ladder goes on: it sets nobody free.
    await make.asked(bench.api, review["id"], bench.staff.officers[0])
    await bench.at(review["id"], due + timedelta(days=1))
    found = await bench.open(named)
    assert found is not None
    assert (found["rung"], found["restriction"], found["risk_level"]) == ("limited", "frozen", "high")


async def test_a_sweep_during_which_lists_change_is_one_with_the_version_that_it_began_with(bench: Bench) -> None:
    await bench.approved()
    began = Sweep(at=NOW, after=UUID(int=0), list_version="what its first page was screened with")
    assert (await bench.life.rescreen(began)).after is None
    # So the next look begins anew.
    assert (await bench.life.rescreen(Sweep(at=NOW))).looked_at == 1
    assert (await bench.life.rescreen(Sweep(at=NOW))).looked_at == 0


LADDER: list[tuple[int, str, str, dict[Act, str | None]]] = [
    (-90, "approved", "none", {Act.WIRE: None, Act.TRANSFER: None}),
    (-30, "approved", "none", {Act.WIRE: None}),
    (-7, "approved", "none", {Act.WIRE: None}),
    (0, "approved", "limited", {Act.WIRE: "kyc_review_overdue", Act.TRANSFER: None}),
    (30, "expired", "frozen", {Act.WIRE: "kyc_expired", Act.TRANSFER: "kyc_expired"}),
    (90, "expired", "exit", {Act.TRANSFER: "kyc_expired"}),
]


async def _may(bench: Bench, customer: UUID, act: Act) -> str | None:
    try:
        async with transaction(bench.owner) as session:
            await may(session, customer, act)
    except KycRequired as refused:
        return refused.code
    return None


@pytest.mark.parametrize("passed_at", range(len(LADDER) + 1))
async def test_the_ladder_is_climbed_and_undone_at_every_step(bench: Bench, passed_at: int) -> None:
    customer = await bench.approved()
    due = (await make.standing(bench.owner, customer))["kyc_review_due"]
    await bench.look(due - timedelta(days=90))
    review = await bench.open(customer)
    assert review is not None
    for days, status, restriction, acts in LADDER[:passed_at]:
        await bench.at(review["id"], due + timedelta(days=days))
        await bench.at(review["id"], due + timedelta(days=days))
        stands = await make.standing(bench.owner, customer)
        assert (stands["kyc_status"], stands["kyc_restriction"]) == (status, restriction)
        assert {act: await _may(bench, customer, act) for act in acts} == acts
    at = due + timedelta(days=LADDER[max(passed_at - 1, 0)][0])
    async with transaction(bench.owner) as session:
        letters = await session.execute(
            text("SELECT count(*) FROM notifications WHERE user_id = :id AND event <> 'kyc.submitted'"),
            {"id": customer},
        )
        assert letters.scalar_one() == passed_at
    # The customer comes after all.
    await make.submitted(bench.api, customer, at=at)
    await bench.checks.check(KycStep(case_id=review["id"], at=at))
    await make.approved(bench.api, review["id"], bench.staff.officers[0], at=at)
    stands = await make.standing(bench.owner, customer)
    assert (stands["kyc_status"], stands["kyc_restriction"]) == ("approved", "none")
    assert stands["kyc_review_due"] > due
    assert await _may(bench, customer, Act.WIRE) is None


async def test_nobody_is_restricted_because_officers_are_late(bench: Bench) -> None:
    customer = await bench.approved()
    due = (await make.standing(bench.owner, customer))["kyc_review_due"]
    await bench.look(due - timedelta(days=90))
    review = await bench.open(customer)
    assert review is not None
    await make.submitted(bench.api, customer, at=due - timedelta(days=10))
    await bench.checks.check(KycStep(case_id=review["id"], at=due - timedelta(days=10)))
    await bench.at(review["id"], due + timedelta(days=200))
    stands = await make.standing(bench.owner, customer)
    assert (stands["kyc_status"], stands["kyc_restriction"]) == ("approved", "none")


async def test_somebody_who_never_comes_is_decided_about_by_officers(bench: Bench) -> None:
    customer = await bench.approved()
    due = (await make.standing(bench.owner, customer))["kyc_review_due"]
    await bench.look(due - timedelta(days=90))
    review = await bench.open(customer)
    assert review is not None
    at = due + timedelta(days=90)
    await bench.at(review["id"], at)
    state = await bench.checks.check(KycStep(case_id=review["id"], at=at))
    assert state.status == "in_review"
    await make.rejected(bench.api, review["id"], bench.staff.officers[0])
    stands = await make.standing(bench.owner, customer)
    assert (stands["kyc_status"], stands["kyc_review_due"]) == ("rejected", None)


async def test_a_hundred_customers_are_opened_in_one_look(bench: Bench) -> None:
    await bench.change(
        "INSERT INTO users (email, first_name, last_name, kyc_status, kyc_review_due)"
        " SELECT n || '@many.example', 'Many', 'Customers', 'approved', now() FROM generate_series(1, 250) n"
    )
    assert await bench.look(NOW) == 200
    assert await bench.look(NOW) == 50
    assert await bench.look(NOW) == 0
