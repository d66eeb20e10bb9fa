"""A recall raced with the bank: whatever comes first, the wire and its recall end together and the money is right."""

import asyncio
import contextlib
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.wires import RecallSteps, WireDesk
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import BankHours, Settings
from models.bank import AnswerKind
from models.errors import AurumError
from models.tables import wires
from models.wires import WireStep
from models.wires.recalls import RECALL_MOVES, RecallReason, RecallStatus, RecallStep
from tests.activities.test_wire_races import AMOUNT, FEE, Bench
from tests.factories import wires as make
from tests.factories.bank_answers import answered
from tests.factories.counterparty import NOSTRO

ANSWERS = {"booked": AnswerKind.BOOKED, "refused": AnswerKind.REJECTED, "returned": AnswerKind.RETURNED}
# What the customer's account is short of in the end.
COST = {"completed": AMOUNT + FEE, "returned": FEE, "failed": 0}
# How a recall may stand beside its wire when everything was said.
TOGETHER = {"completed": {"sent", None}, "returned": {"returned", None}, "failed": {"stopped", None}}


class Race:
    """One wire at the bank after another, its customer who asks for it back, and the bank."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine, folder: Path) -> None:
        self.bench = Bench(owner, api, worker, folder)
        self.owner, self.api = owner, api
        settings = Settings(_env_file=None, bank_hours=BankHours.ALWAYS, nostro_accounts=NOSTRO)
        channel = FolderChannel(folder / "outbox", folder / "inbox")
        self.steps = RecallSteps(WireDesk.of(settings, worker, channel))

    async def asked(self, wire_id: UUID) -> None:
        """The customer asks."""
        people = self.bench.people
        async with transaction(self.api, people.as_customer()) as session:
            await wires.ask_back(
                session,
                wire_id,
                people.customer,
                reason=RecallReason.DUPLICATE,
                comment="",
                always_open=True,
                at=datetime.now(UTC),
            )
        await self.goes_on(wire_id)

    async def goes_on(self, wire_id: UUID) -> None:
        """The recall's process does what is due, each step twice."""
        async with transaction(self.owner) as session:
            recalls = await wires.of_wire(session, wire_id)
        for recall in recalls:
            step = RecallStep(recall_id=recall.id, wire_id=wire_id, at=datetime.now(UTC))
            await self.steps.review(step)
            if (await self.steps.review(step)).to_send:
                await self.steps.send(step)
                await self.steps.send(step)

    async def bank_says(self, kind: str, wire_id: UUID) -> None:
        """The bank says so, and the wire's process applies it."""
        await answered(self.owner, wire_id, ANSWERS[kind])
        await self.bench.settlement.apply_answers(WireStep(wire_id=wire_id, at=datetime.now(UTC)))

    async def ends(self, wire_id: UUID) -> str:
        """How it stands, when it stands legally."""
        await self.goes_on(wire_id)
        async with transaction(self.owner) as session:
            wire = await wires.find(session, wire_id)
            recalls = await wires.of_wire(session, wire_id)
            account = (
                await session.execute(
                    text("SELECT posted_minor, held_minor FROM accounts WHERE id = :id"),
                    {"id": self.bench.people.usd_account},
                )
            ).one()
            requests = await session.execute(text("SELECT count(*) FROM bank_messages WHERE recall_id IS NOT NULL"))
            assert requests.scalar_one() <= 1
        assert len(recalls) <= 1
        assert (recalls[0].status if recalls else None) in TOGETHER[wire.status], wire.status
        assert tuple(account) == (10_000_000_00 - COST[wire.status], 0)
        books = await make.books(self.owner)
        assert books["breaches"] == []
        return wire.status


@pytest.fixture
async def race(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path) -> Race:
    made = Race(owner_engine, api_engine, worker_engine, tmp_path)
    made.bench.people = await make.people(owner_engine)
    return made


@pytest.mark.parametrize("order", list(permutations(("asked", "booked", "returned"))), ids="-".join)
async def test_every_order_of_a_recall_and_the_banks_word_ends_legally(race: Race, order: tuple[str, ...]) -> None:
    wire_id = await race.bench.sent()
    for what in order:
        with contextlib.suppress(AurumError):
            await (race.asked(wire_id) if what == "asked" else race.bank_says(what, wire_id))
    # A return that the bank told before the debit itself is for a person; the wire stays paid.
    assert await race.ends(wire_id) == ("returned" if order.index("booked") < order.index("returned") else "completed")


@pytest.mark.parametrize("kind", ["booked", "refused"])
async def test_at_once_with_two_requests(race: Race, kind: str) -> None:
    wire_id = await race.bench.sent()
    await asyncio.gather(
        race.asked(wire_id), race.bank_says(kind, wire_id), race.asked(wire_id), return_exceptions=True
    )
    assert await race.ends(wire_id) == {"booked": "completed", "refused": "failed"}[kind]


async def test_the_database_has_the_same_moves_and_refuses_every_other(race: Race) -> None:
    async with transaction(race.owner) as session:
        kept = (await session.execute(text("SELECT from_status, to_status FROM wire_recall_moves"))).all()
    assert {(row[0], row[1]) for row in kept} == {(str(before), str(after)) for before, after in RECALL_MOVES}
    wire_id = await race.bench.sent()
    await race.asked(wire_id)
    for status in (RecallStatus.REQUESTED, RecallStatus.RETURNED, RecallStatus.STOPPED):
        with pytest.raises(Exception, match=r"does not move|it is not"):
            async with transaction(race.owner) as session:
                await session.execute(
                    text("UPDATE wire_recalls SET status = :status, ended_at = now()"), {"status": status}
                )
