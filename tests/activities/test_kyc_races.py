"""Officers, the customer and the clocks, raced over one review: every order ends legally, with one outcome.

The process is left out on purpose. What decides is the row and its lock, so the steps and acts are run directly, in
every order there is, and all at once.
"""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.kyc import CheckSteps, KycDesk, ReviewSteps
from infra.database import transaction
from infra.settings import BankHours, Settings
from models.errors import AurumError
from models.kyc.process import KycStep
from models.kyc.states import MOVES, KycStatus
from models.tables.kyc.rows import KycCase
from tests.factories import kyc as make

LEGAL = {(str(before), str(after)) for before, after, _ in MOVES}
# What the customer's row says when the review has ended so.
STANDS = {"approved": "approved", "rejected": "rejected", "withdrawn": "not_started", "unanswered": "expired"}


class Bench:
    """One review after another, and everybody who can do something to it."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine) -> None:
        self.owner, self.api = owner, api
        desk = KycDesk.of(Settings(_env_file=None, bank_hours=BankHours.ALWAYS), worker)
        self.checks, self.reviews = CheckSteps(desk), ReviewSteps(desk)
        self.staff: make.Staff

    async def in_review(self) -> KycCase:
        """A review that waits for one officer."""
        customer = await make.applicant(self.owner)
        await make.document(self.owner, customer)
        case = await make.submitted(self.api, customer)
        await self.check(case)
        return case

    async def asked_already(self) -> KycCase:
        """A review that waits for its customer."""
        case = await self.in_review()
        await make.asked(self.api, case.id, self.staff.officers[0])
        return case

    async def approve(self, case: KycCase) -> None:
        """The first officer approves."""
        await make.approved(self.api, case.id, self.staff.officers[0])

    async def reject(self, case: KycCase) -> None:
        """The second officer rejects."""
        await make.rejected(self.api, case.id, self.staff.officers[1])

    async def request_info(self, case: KycCase) -> None:
        """The second officer asks."""
        await make.asked(self.api, case.id, self.staff.officers[1])

    async def claim(self, case: KycCase) -> None:
        """The first officer claims."""
        await make.claimed(self.api, case.id, self.staff.officers[0])

    async def withdraw(self, case: KycCase) -> None:
        """The customer takes it back."""
        await make.withdrawn(self.api, case)

    async def answer(self, case: KycCase) -> None:
        """The customer answers, and the process checks."""
        await make.answered(self.api, case)
        await self.check(case)

    async def deadline(self, case: KycCase) -> None:
        """Both clocks run out."""
        await self.reviews.review(KycStep(case_id=case.id, at=datetime.now(UTC) + timedelta(days=99)))

    async def check(self, case: KycCase) -> None:
        """The process checks what was handed in."""
        await self.checks.check(KycStep(case_id=case.id, at=datetime.now(UTC)))

    async def ended_legally(self, case: KycCase) -> str:
        """Checks the rows; the outcome of the review, or where it stands."""
        async with transaction(self.owner) as session:
            row: Any = (await session.execute(text("SELECT * FROM kyc_cases WHERE id = :id"), {"id": case.id})).one()
            path = (
                await session.execute(
                    text("SELECT status FROM kyc_events WHERE case_id = :id ORDER BY id"), {"id": case.id}
                )
            ).scalars().all()  # fmt: skip
            decisions = (
                await session.execute(text("SELECT decision FROM kyc_decisions WHERE case_id = :id"), {"id": case.id})
            ).scalars().all()  # fmt: skip
        moves = {(before, after) for before, after in pairwise(path) if before != after}
        assert moves <= LEGAL, path
        outcome = str(row.reason_code if row.status == "expired" else row.status)
        stands = await make.standing(self.owner, case.user_id)
        assert stands["kyc_status"] == STANDS.get(outcome, row.status)
        assert list(decisions) == {"approved": ["approve"], "rejected": ["reject"]}.get(outcome, []), path
        return outcome


@pytest.fixture
async def bench(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine) -> Bench:
    """A desk without processes."""
    made = Bench(owner_engine, api_engine, worker_engine)
    made.staff = await make.staff(owner_engine)
    return made


async def refused_or_done(act: Awaitable[None]) -> bool:
    """Whether an act was carried out; a refusal is an answer, anything else is a failure."""
    try:
        await act
    except AurumError:
        return False
    return True


async def test_everybody_in_every_order_over_a_review_that_waits_for_officers(bench: Bench) -> None:
    outcomes: dict[tuple[str, ...], str] = {}
    for order in permutations(("approve", "reject", "request_info", "withdraw", "deadline")):
        case = await bench.in_review()
        for act in order:
            await refused_or_done(getattr(bench, act)(case))
        outcomes[order] = await bench.ended_legally(case)
    assert len(outcomes) == 120
    for order, outcome in outcomes.items():
        # The officers' clock decides nothing; the first of the others does. After a question nobody approves.
        first = next(act for act in order if act != "deadline")
        if first == "request_info":
            rest = [act for act in order[order.index(first) + 1 :] if act != "approve"]
            expected = {"reject": "rejected", "withdraw": "withdrawn", "deadline": "unanswered"}[rest[0]]
        else:
            expected = {"approve": "approved", "reject": "rejected", "withdraw": "withdrawn"}[first]
        assert outcome == expected, order


async def test_everybody_in_every_order_over_a_question(bench: Bench) -> None:
    for order in permutations(("answer", "deadline", "reject", "withdraw")):
        case = await bench.asked_already()
        for act in order:
            await refused_or_done(getattr(bench, act)(case))
        outcome = await bench.ended_legally(case)
        first = order[0] if order[0] != "answer" else next(act for act in order if act not in {"answer", "deadline"})
        expected = {"deadline": "unanswered", "reject": "rejected", "withdraw": "withdrawn"}[first]
        assert outcome == expected, order


@pytest.mark.parametrize("attempt", range(10))
async def test_everybody_at_once(bench: Bench, attempt: int) -> None:
    case = await bench.in_review()
    acts = [bench.approve, bench.reject, bench.request_info, bench.withdraw, bench.deadline, bench.claim]
    turned = acts[attempt % 6 :] + acts[: attempt % 6]
    done = await asyncio.gather(*(refused_or_done(act(case)) for act in turned))
    assert any(done)
    outcome = await bench.ended_legally(case)
    assert outcome in {"approved", "rejected", "withdrawn", "unanswered", "info_requested", "in_review"}


async def test_two_submissions_at_once_are_one(bench: Bench) -> None:
    customer = await make.applicant(bench.owner)
    await make.document(bench.owner, customer)

    async def submit() -> None:
        await make.submitted(bench.api, customer)

    done = await asyncio.gather(*(refused_or_done(submit()) for _ in range(5)))
    assert sum(done) == 1


async def test_two_officers_who_approve_at_once_are_two_approvals(bench: Bench) -> None:
    customer = await make.applicant(bench.owner)
    await make.document(bench.owner, customer)
    exposed = make.ORDINARY.model_copy(update={"politically_exposed": True})
    case = await make.submitted(bench.api, customer, declaration=exposed)
    await bench.check(case)
    await asyncio.gather(
        make.approved(bench.api, case.id, bench.staff.officers[0]),
        make.approved(bench.api, case.id, bench.staff.senior, senior=True),
    )
    assert (await make.standing(bench.owner, customer))["kyc_status"] == KycStatus.APPROVED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kyc_cases SET status = 'approved', next_review_at = now(), decided_at = now()",
        "UPDATE kyc_cases SET status = 'rejected', decided_at = now(), decided_by = NULL",
        "UPDATE kyc_cases SET status = 'pending'",
        "UPDATE kyc_cases SET user_id = (SELECT id FROM users WHERE role <> 'customer' LIMIT 1)",
        "UPDATE kyc_cases SET occasion = 'periodic'",
        "DELETE FROM kyc_cases",
        "UPDATE kyc_events SET event = 'nothing'",
        "DELETE FROM kyc_assessments",
    ],
)
async def test_the_database_itself_refuses_what_is_not_a_move(bench: Bench, statement: str) -> None:
    await bench.in_review()
    with pytest.raises(DBAPIError) as refused:
        async with transaction(bench.owner) as session:
            await session.execute(text(statement))
    assert getattr(refused.value.orig, "sqlstate", "").startswith("AU1")
