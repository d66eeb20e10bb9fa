"""What an approval stands on: the lists and the documents as they are at that moment, and an officer where one has
taken the matter up."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.kyc import CheckSteps, KycDesk, LifeSteps, ReviewSteps
from infra.database import transaction
from infra.settings import BankHours, Settings
from models.kyc.declaration import Declaration
from models.kyc.process import KycState, KycStep, Sweep
from models.screening import Kind, ListedEntity
from models.tables.kyc import cases
from models.tables.kyc.desk import is_stale
from models.tables.kyc.rows import KycCase
from tests.factories import kyc as make
from tests.factories.kyc import ORDINARY
from tests.factories.wires import sanctions_list

NOW = datetime.now(UTC)
WAITING = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    " AND query LIKE 'INSERT INTO kyc_decisions%')"
)


class Bench:
    """The desk of a bank that lets pass without an officer what needs none, or of one that does not."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine) -> None:
        self.owner, self.api = owner, api
        desk = KycDesk.of(Settings(_env_file=None, bank_hours=BankHours.ALWAYS), worker)
        self.checks, self.straight = CheckSteps(desk), CheckSteps(replace(desk, straight_through=True))
        self.reviews, self.life = ReviewSteps(desk), LifeSteps(desk)
        self.staff: make.Staff

    async def submitted(self, declaration: Declaration = ORDINARY) -> KycCase:
        """Somebody who has handed a passport in."""
        customer = await make.applicant(self.owner)
        await make.document(self.owner, customer, expires=date(2099, 1, 1))
        return await make.submitted(self.api, customer, declaration=declaration)

    async def check(self, case: KycCase) -> KycState:
        """The checks, with an officer for everybody."""
        return await self.checks.check(KycStep(case_id=case.id, at=NOW))

    async def check_straight(self, case: KycCase, at: datetime = NOW) -> KycState:
        """The checks of a bank that lets pass what it can."""
        return await self.straight.check(KycStep(case_id=case.id, at=at))

    async def is_stale(self, case: KycCase) -> bool:
        """What an officer is told before they approve."""
        async with transaction(self.api, make.as_officer(self.staff.officers[0])) as session:
            return await is_stale(session, await cases.find(session, case.id))

    async def review_of(self, customer: UUID) -> UUID:
        """The customer's open review."""
        found: UUID = await self.one("SELECT id FROM kyc_cases WHERE user_id = :id AND decided_at IS NULL", id=customer)
        return found

    async def one(self, statement: str, **values: Any) -> Any:
        """What the database says."""
        async with transaction(self.owner) as session:
            return (await session.execute(text(statement), values)).scalar_one()


@pytest.fixture
async def bench(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine) -> Bench:
    """Desks, officers and a list."""
    made = Bench(owner_engine, api_engine, worker_engine)
    made.staff = await make.staff(owner_engine)
    return made


async def test_who_is_on_a_list_since_the_checks_is_checked_again_and_not_approved(bench: Bench) -> None:
    case = await bench.submitted()
    await bench.check(case)
    assert not await bench.is_stale(case)
    listed = ListedEntity(id="AD-9", kind=Kind.PERSON, name="Nora Newcomer", birth_dates=("1990-05-17",))
    await sanctions_list(bench.owner, "2026-11-02", more=(listed,))
    # The sweep after a refresh is over approved customers, and is done with this version.
    await bench.life.rescreen(Sweep(at=NOW))
    assert await bench.is_stale(case)
    assert (await make.approved(bench.api, case.id, bench.staff.officers[0])).stale
    state = await bench.check(case)
    assert (state.status, state.risk_level, state.approvals_given) == ("in_review", "high", 0)


async def test_a_new_version_that_names_nobody_here_voids_no_approval(bench: Bench) -> None:
    case = await bench.submitted(ORDINARY.model_copy(update={"politically_exposed": True}))
    await bench.check(case)
    first, second = bench.staff.officers[0], bench.staff.senior
    assert not (await make.approved(bench.api, case.id, first)).stale
    other = ListedEntity(id="AD-9", kind=Kind.PERSON, name="Ilse Thornbridge", birth_dates=("1961-04-09",))
    await sanctions_list(bench.owner, "2026-11-02", more=(other,))
    assert (await make.approved(bench.api, case.id, second, senior=True)).stale
    assert (await bench.check(case)).approvals_given == 1
    assert (await make.approved(bench.api, case.id, second, senior=True)).case.status == "approved"


async def test_a_document_that_comes_while_an_officer_approves_is_verified_by_nobody(bench: Bench) -> None:
    case = await bench.submitted()
    await bench.check(case)
    officer = bench.staff.officers[0]
    async with transaction(bench.owner) as held:
        # The officer's decision refers to their row, and so stands still after the documents were looked at.
        await held.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": officer})
        approving = asyncio.create_task(make.approved(bench.api, case.id, officer))
        while not await bench.one(WAITING):
            assert not approving.done()
        unseen = await make.document(bench.owner, case.user_id, "national_id")
    assert (await approving).case.status == "approved"
    status = "SELECT verification_status FROM kyc_documents WHERE id = :id"
    assert await bench.one(status, id=unseen) == "pending"


async def test_nobody_passes_straight_through_whom_an_officer_has_asked_something(bench: Bench) -> None:
    case = await bench.submitted()
    await bench.check(case)
    await make.asked(bench.api, case.id, bench.staff.officers[0])
    await make.answered(bench.api, case, "That is nobody's business")
    assert (await bench.check_straight(case)).status == "in_review"


async def test_nobody_passes_straight_through_whom_an_officer_looks_after(bench: Bench) -> None:
    case = await bench.submitted()
    await make.claimed(bench.api, case.id, bench.staff.officers[0])
    assert (await bench.check_straight(case)).status == "in_review"


async def test_who_never_came_to_a_review_goes_to_officers_and_does_not_pass(bench: Bench) -> None:
    case = await bench.submitted()
    assert (await bench.check_straight(case)).status == "approved"
    due = await bench.one("SELECT kyc_review_due FROM users WHERE id = :id", id=case.user_id)
    await bench.life.open_due(Sweep(at=due))
    again = await bench.review_of(case.user_id)
    late = due + timedelta(days=400)
    state = await bench.reviews.review(KycStep(case_id=again, at=late))
    assert (state.rung, state.to_check) == ("exit", True)
    state = await bench.straight.check(KycStep(case_id=again, at=late))
    assert (state.status, state.restriction) == ("in_review", "exit")
