"""The customer, the rail and the bank, raced over one payment: every order ends legally, with the ledger in balance."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.payments import FundingSteps, PaymentDesk, ReleaseSteps, SettlementSteps
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import BankHours, Settings
from models.errors import AurumError
from models.payments import PaymentStatus, PaymentStep
from models.tables import ledger
from models.tables.payments import Payment
from tests.factories import payments as make
from tests.factories import wires as people_make
from tests.factories.bank_answers import answered_payment
from tests.factories.counterparty import ACH_COMPANY, ACH_ODFI, NOSTRO

AMOUNT, FEE = 100_00, make.EUR_FEE
COST = {"completed": AMOUNT + FEE, "returned": FEE}


class Bench:
    """One payment after another, and everybody who can do something to it."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine, folder: Path) -> None:
        self.owner, self.api, self.outbox = owner, api, folder / "outbox"
        settings = Settings(
            _env_file=None, bank_hours=BankHours.ALWAYS, nostro_accounts=NOSTRO, ach_odfi=ACH_ODFI,
            ach_company_id=ACH_COMPANY,
        )  # fmt: skip
        desk = PaymentDesk.of(settings, worker, FolderChannel(self.outbox, folder / "inbox"))
        self.funding, self.release, self.settlement = FundingSteps(desk), ReleaseSteps(desk), SettlementSteps(desk)
        self.people: people_make.People

    async def ordered(self, *, scheduled: bool) -> UUID:
        due = (datetime.now(UTC) + timedelta(days=1)).date() if scheduled else None
        return (await make.ordered(self.api, self.people, make.sepa_order(self.people, due_on=due))).id

    async def fund(self, payment_id: UUID) -> None:
        await self.funding.fund(_step(payment_id, days=2))

    async def leave(self, payment_id: UUID) -> None:
        state = await self.release.release(_step(payment_id, days=2))
        if state.status is PaymentStatus.RELEASED:
            await self.release.send(_step(payment_id, days=2))

    async def cancel(self, payment_id: UUID) -> None:
        await make.cancelled(self.api, self.people, payment_id)

    def bank_says(self, kind: str, amount: int | None = None) -> Callable[[UUID], Awaitable[None]]:
        async def says(payment_id: UUID) -> None:
            await answered_payment(self.owner, payment_id, kind, amount_minor=amount, reason="AC04")
            await self.settlement.apply_answers(_step(payment_id, days=3))

        return says

    async def ended_legally(self, payment_id: UUID, before: int) -> int:
        async with transaction(self.owner) as session:
            payment = await session.get_one(Payment, payment_id)
            account = await session.execute(
                text("SELECT posted_minor, held_minor FROM accounts WHERE id = :id"), {"id": self.people.eur_account}
            )
            posted, held = account.one()
            assert await ledger.proof(session) == []
            beside = await session.execute(text("SELECT * FROM ledger_process_proof(clock_timestamp())"))
            assert beside.all() == []
            ordered = await session.execute(
                text("SELECT count(*) FROM bank_messages WHERE payment_id = :id"), {"id": payment_id}
            )
            assert ordered.scalar_one() <= 1
        waits = payment.status in {"funded", "released", "acknowledged"}
        assert before - posted == COST.get(payment.status, 0)
        assert held == (AMOUNT + FEE if waits else 0)
        if payment.status == "cancelled":
            assert not (self.outbox / f"AP{payment_id.hex}.xml").exists()
        if waits:
            # Off the table for the next one.
            await self.bank_says("rejected")(payment_id) if payment.status != "funded" else await self.cancel(
                payment_id
            )
        return int(posted)


def _step(payment_id: UUID, days: int) -> PaymentStep:
    return PaymentStep(payment_id=payment_id, at=datetime.now(UTC) + timedelta(days=days))


@pytest.fixture
async def bench(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Bench:
    made = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await people_make.people(owner_engine)
    return made


def _acts(bench: Bench) -> list[Callable[[UUID], Awaitable[None]]]:
    return [
        bench.fund,
        bench.leave,
        bench.cancel,
        bench.bank_says("booked", AMOUNT),
        bench.bank_says("returned", AMOUNT),
    ]


async def test_every_order_of_acts_ends_legally(bench: Bench) -> None:
    posted = 500_000_00
    for acts in permutations(_acts(bench)):
        payment_id = await bench.ordered(scheduled=True)
        for act in acts:
            with contextlib.suppress(AurumError):
                await act(payment_id)
        posted = await bench.ended_legally(payment_id, posted)


async def test_all_at_once_end_legally(bench: Bench) -> None:
    posted = 500_000_00
    for _ in range(12):
        payment_id = await bench.ordered(scheduled=False)
        acts = [bench.leave, bench.cancel, bench.leave, bench.cancel, bench.bank_says("rejected")]
        results = await asyncio.gather(*(act(payment_id) for act in acts), return_exceptions=True)
        assert all(result is None or isinstance(result, AurumError) for result in results), results
        posted = await bench.ended_legally(payment_id, posted)
