"""People, the clock and the bank, raced over one wire: every order ends legally, with the ledger in balance.

The process is left out on purpose. What decides is the row and its lock, so the steps and acts are run directly, in
every order there is, and all at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.wires import ApprovalSteps, PaymentSteps, SettlementSteps, WireDesk
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import BankHours, Settings
from models.bank import AnswerKind
from models.errors import AurumError
from models.tables import wires
from models.wires import MOVES, WireStatus, WireStep
from tests.factories import wires as make
from tests.factories.bank_answers import answered
from tests.factories.counterparty import NOSTRO

AMOUNT, FEE = 1_000_00, 25_00
# What the customer's account is short of when a wire has ended so; what is held is the whole of it or nothing.
COST = {"completed": AMOUNT + FEE, "returned": FEE}


class Bench:
    """One wire after another on one desk, and everybody who can do something to it."""

    def __init__(
        self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine, folder: Path, **settings_: Any
    ) -> None:
        self.owner, self.api = owner, api
        self.outbox = folder / "outbox"
        channel = FolderChannel(self.outbox, folder / "inbox")
        chosen = {"bank_hours": BankHours.ALWAYS, "nostro_accounts": NOSTRO, **settings_}
        settings = Settings(_env_file=None, **chosen)
        desk = WireDesk.of(settings, worker, channel)
        self.approval, self.payment, self.settlement = ApprovalSteps(desk), PaymentSteps(desk), SettlementSteps(desk)
        self.people: make.People

    async def awaiting(self) -> UUID:
        """A wire that waits for one officer."""
        wire = await make.ordered(self.api, self.people)
        for step in (self.approval.screen, self.approval.route):
            await step(WireStep(wire_id=wire.id, at=datetime.now(UTC)))
        return wire.id

    async def sent(self) -> UUID:
        """A wire whose order is at the bank."""
        wire_id = await self.awaiting()
        await self.approve(wire_id)
        for step in (self.payment.release, self.payment.send):
            await step(WireStep(wire_id=wire_id, at=datetime.now(UTC)))
        return wire_id

    async def approve(self, wire_id: UUID) -> None:
        """The first officer approves."""
        await make.approved(self.api, self.people, wire_id)

    async def reject(self, wire_id: UUID) -> None:
        """The second officer rejects."""
        async with transaction(self.api, self.people.as_officer(1)) as session:
            await wires.reject(session, wire_id, self.people.officers[1], senior=False, reason="no")

    async def cancel(self, wire_id: UUID) -> None:
        """The customer cancels."""
        async with transaction(self.api, self.people.as_customer()) as session:
            await wires.cancel(session, wire_id, self.people.customer)

    async def ask(self, wire_id: UUID) -> None:
        """The second officer asks the customer something."""
        async with transaction(self.api, self.people.as_officer(1)) as session:
            await wires.request_info(session, wire_id, self.people.officers[1], question="Why?")

    async def answer(self, wire_id: UUID) -> None:
        """The customer answers."""
        async with transaction(self.api, self.people.as_customer()) as session:
            await wires.give_info(session, wire_id, self.people.customer, answer="Parts")

    async def deadline(self, wire_id: UUID) -> None:
        """The clock passes the hard stop."""
        await self.approval.review(WireStep(wire_id=wire_id, at=datetime.now(UTC) + timedelta(days=9)))

    async def release(self, wire_id: UUID) -> None:
        """The process goes on, if the wire is approved."""
        state = await self.payment.release(WireStep(wire_id=wire_id, at=datetime.now(UTC)))
        if state.status is WireStatus.RELEASED:
            await self.payment.send(WireStep(wire_id=wire_id, at=datetime.now(UTC)))

    def bank_says(self, kind: AnswerKind, **facts: Any) -> Callable[[UUID], Awaitable[None]]:
        """The bank answers, and the process looks."""

        async def says(wire_id: UUID) -> None:
            await answered(self.owner, wire_id, kind, **facts)
            await self.settlement.apply_answers(WireStep(wire_id=wire_id, at=datetime.now(UTC)))

        return says

    async def ended_legally(self, wire_id: UUID, spent_before: int) -> tuple[str, int]:
        """Checks the row, the money and the timeline of a wire; its status, and what all wires have cost by now."""
        async with transaction(self.owner) as session:
            status = str(
                (
                    await session.execute(text("SELECT status FROM wire_transfers WHERE id = :id"), {"id": wire_id})
                ).scalar_one()
            )
            posted, held = (
                await session.execute(
                    text("SELECT posted_minor, held_minor FROM accounts WHERE id = :id"),
                    {"id": self.people.usd_account},
                )
            ).one()
            path = (
                await session.execute(
                    text("SELECT status FROM wire_events WHERE wire_id = :id ORDER BY id"), {"id": wire_id}
                )
            ).scalars().all()  # fmt: skip
        spent = 10_000_000_00 - posted
        is_open = status in {"awaiting_approval", "info_requested", "approved", "released", "acknowledged"}
        assert spent - spent_before == COST.get(status, 0), status
        assert held == (AMOUNT + FEE if is_open else 0), status
        moves = {(before, after) for before, after in pairwise(path) if before != after}
        assert moves <= {(str(before), str(after)) for before, after in MOVES}, path
        books = await make.books(self.owner)
        assert books["breaches"] == []
        assert not any(books["totals"].values())
        if is_open:
            await self._end(wire_id)
        return status, spent

    async def _end(self, wire_id: UUID) -> None:
        # So that the next wire starts with nothing held.
        with contextlib.suppress(AurumError):
            await self.cancel(wire_id)
        await self.bank_says(AnswerKind.REJECTED, reason="TEST")(wire_id)


@pytest.fixture
async def bench(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Bench:
    """A desk without processes."""
    made = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    return made


async def refused_or_done(act: Awaitable[None]) -> bool:
    """Whether an act was carried out; a refusal is an answer, anything else is a failure."""
    try:
        await act
    except AurumError:
        return False
    return True


async def test_people_the_clock_and_the_process_in_every_order(bench: Bench) -> None:
    outcomes: dict[tuple[str, ...], str] = {}
    spent = 0
    for order in permutations(("approve", "reject", "cancel", "deadline", "release")):
        wire_id = await bench.awaiting()
        for act in order:
            await refused_or_done(getattr(bench, act)(wire_id))
        outcomes[order], spent = await bench.ended_legally(wire_id, spent)
    assert len(outcomes) == 120
    assert set(outcomes.values()) == {"rejected", "cancelled", "expired", "released"}
    for order, outcome in outcomes.items():
        deciding = next(act for act in order if act != "release")
        # The first decision stands, but what is approved may still be cancelled until it is released.
        if deciding != "approve":
            assert outcome == {"reject": "rejected", "cancel": "cancelled", "deadline": "expired"}[deciding], order
        else:
            after = order[order.index("approve") :]
            released_first = "release" in after and after.index("release") < after.index("cancel")
            assert outcome == ("released" if released_first else "cancelled"), order


async def test_questions_among_decisions_in_every_order(bench: Bench) -> None:
    spent = 0
    for order in permutations(("ask", "answer", "approve", "reject", "deadline")):
        wire_id = await bench.awaiting()
        # Where a wire stands after each act that was not refused.
        stands, told = "awaiting_approval", {"ask": "info_requested", "answer": "awaiting_approval"}
        told |= {"approve": "approved", "reject": "rejected", "deadline": "expired"}
        allowed = {
            "awaiting_approval": {"ask", "approve", "reject", "deadline"},
            "info_requested": {"answer", "reject", "deadline"},
        }
        for act in order:
            done = await refused_or_done(getattr(bench, act)(wire_id))
            expected = act in allowed.get(stands, set())
            # The clock refuses nothing: it finds the wire decided and leaves it.
            assert done == (expected or act == "deadline"), (order, act)
            stands = told[act] if expected else stands
        status, spent = await bench.ended_legally(wire_id, spent)
        assert status == stands, order


@pytest.mark.parametrize("attempt", range(6))
async def test_questions_answers_and_decisions_at_once(bench: Bench, attempt: int) -> None:
    wire_id = await bench.awaiting()
    if attempt % 2:
        await bench.ask(wire_id)
    acts = [bench.ask, bench.answer, bench.answer, bench.approve, bench.reject, bench.cancel, bench.deadline]
    shift = attempt % len(acts)
    await asyncio.gather(*(refused_or_done(act(wire_id)) for act in acts[shift:] + acts[:shift]))
    status, _ = await bench.ended_legally(wire_id, 0)
    assert status in {"approved", "rejected", "cancelled", "expired"}
    async with transaction(bench.owner) as session:
        asked = await wires.questions(session, wire_id)
    assert len(asked) <= 2
    assert sum(one.answer is None for one in asked) <= 1


async def test_what_the_bank_says_in_every_order(bench: Bench) -> None:
    said = {
        "accepted": bench.bank_says(AnswerKind.ACCEPTED),
        "rejected": bench.bank_says(AnswerKind.REJECTED, reason="AC04"),
        "booked": bench.bank_says(AnswerKind.BOOKED, amount_minor=AMOUNT),
        "booked again": bench.bank_says(AnswerKind.BOOKED, amount_minor=AMOUNT),
        "returned": bench.bank_says(AnswerKind.RETURNED, amount_minor=AMOUNT, reason="AC04"),
    }
    spent = 0
    for order in permutations(said):
        wire_id = await bench.sent()
        assert not await refused_or_done(bench.cancel(wire_id))
        for answer in order:
            await said[answer](wire_id)
        outcome, spent = await bench.ended_legally(wire_id, spent)
        ends_by = next(answer for answer in order if answer in {"rejected", "booked", "booked again"})
        if ends_by == "rejected":
            assert outcome == "failed", order
        else:
            # A return is of what was booked: one that comes before it fits nothing, and goes to a person.
            expected = "returned" if order.index("returned") > order.index(ends_by) else "completed"
            assert outcome == expected, order


async def test_an_answer_with_another_amount_settles_nothing_and_goes_to_a_person(bench: Bench) -> None:
    wire_id = await bench.sent()
    await bench.bank_says(AnswerKind.BOOKED, amount_minor=AMOUNT + 1)(wire_id)
    status, spent = await bench.ended_legally(wire_id, 0)
    assert (status, spent) == ("released", 0)
    async with transaction(bench.owner) as session:
        events = await session.execute(text("SELECT event FROM wire_events WHERE wire_id = :id"), {"id": wire_id})
        assert "bank_answer_disputed" in events.scalars().all()


async def test_more_than_was_paid_never_comes_back(bench: Bench) -> None:
    wire_id = await bench.sent()
    await bench.bank_says(AnswerKind.BOOKED, amount_minor=AMOUNT)(wire_id)
    await bench.bank_says(AnswerKind.RETURNED, amount_minor=AMOUNT + 1)(wire_id)
    assert await bench.ended_legally(wire_id, 0) == ("completed", AMOUNT + FEE)


@pytest.mark.parametrize("attempt", range(10))
async def test_everybody_at_once(bench: Bench, attempt: int) -> None:
    wire_id = await bench.awaiting()
    acts = [bench.approve, bench.reject, bench.cancel, bench.deadline, bench.release, bench.release]
    done = await asyncio.gather(*(refused_or_done(act(wire_id)) for act in acts[attempt % 5 :] + acts[: attempt % 5]))
    assert any(done)
    status, _ = await bench.ended_legally(wire_id, 0)
    assert status in {"approved", "released", "rejected", "cancelled", "expired"}
    assert len(list(bench.outbox.glob("*.xml"))) == (1 if status == "released" else 0)


@pytest.mark.parametrize("attempt", range(10))
async def test_the_bank_and_many_workers_at_once(bench: Bench, attempt: int) -> None:
    wire_id = await bench.sent()
    acts = [
        bench.bank_says(AnswerKind.ACCEPTED),
        bench.bank_says(AnswerKind.BOOKED, amount_minor=AMOUNT),
        bench.bank_says(AnswerKind.REJECTED, reason="AC04"),
        bench.bank_says(AnswerKind.BOOKED, amount_minor=AMOUNT),
    ]
    await asyncio.gather(*(act(wire_id) for act in acts[attempt % 4 :] + acts[: attempt % 4]))
    status, _ = await bench.ended_legally(wire_id, 0)
    assert status in {"completed", "failed"}


async def test_the_bank_has_its_time_from_the_sending_on(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    await bench.approve(wire_id)
    before = datetime.now(UTC)
    # The step was first tried when the disk was full, and has been tried again since.
    first = WireStep(wire_id=wire_id, at=before - timedelta(days=1))
    await bench.payment.release(first)
    state = await bench.payment.send(first)
    late = state.look_again_at
    assert late is not None
    assert late - before >= timedelta(seconds=Settings(_env_file=None).wire_acknowledgement_seconds)
    # Told again, it is the same moment.
    assert (await bench.payment.send(first)).look_again_at == late


async def test_two_workers_send_one_file(bench: Bench) -> None:
    wire_id = await bench.awaiting()
    await bench.approve(wire_id)
    step = WireStep(wire_id=wire_id, at=datetime.now(UTC))
    await bench.payment.release(step)
    await asyncio.gather(*(bench.payment.send(step) for _ in range(8)))
    assert len(list(bench.outbox.glob("*.xml"))) == 1
