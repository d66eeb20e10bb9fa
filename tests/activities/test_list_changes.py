"""What is new on a list, held against payments by the local rails, and against what was carried out not long ago."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.rescreening import RescreeningSteps
from activities.wires import WireDesk
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import BankHours, Settings
from models.bank import AnswerKind
from models.screening import Kind, ListedEntity
from models.wires import WireStep
from tests.activities.test_payment_races import Bench
from tests.activities.test_wire_races import Bench as WireBench
from tests.factories import wires as make
from tests.factories.bank_answers import answered
from tests.factories.counterparty import NOSTRO

LANDLADY = ListedEntity(id="AD-8", kind=Kind.PERSON, name="Nina Landlady")
GLOBEX = ListedEntity(id="AD-9", kind=Kind.ENTITY, name="Globex Trading")
LOOKBACK = timedelta(days=30)


class Flight(Bench):
    """A desk of payments with the step that follows a change of the lists."""

    def __init__(self, owner: AsyncEngine, api: AsyncEngine, worker: AsyncEngine, folder: Path) -> None:
        super().__init__(owner, api, worker, folder)
        settings = Settings(_env_file=None, bank_hours=BankHours.ALWAYS, nostro_accounts=NOSTRO)
        desk = WireDesk.of(settings, worker, FolderChannel(folder / "outbox", folder / "inbox"))
        self.rescreening = RescreeningSteps(desk, LOOKBACK)
        self.wires = WireBench(owner, api, worker, folder)

    async def count(self, what: str, **values: Any) -> int:
        """How many rows there are of `what` (a table, and a condition)."""
        async with transaction(self.owner) as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {what}"), values)).scalar_one())

    async def wakes(self, payment_id: UUID) -> int:
        """How often the payment's process was asked to look."""
        return await self.count("outbox WHERE workflow_id = :id", id=f"payment/{payment_id}")

    async def letters(self, event: str, order: UUID) -> int:
        """How many people were told that of a wire or a payment."""
        return await self.count("notifications WHERE event = :event AND key LIKE '%' || :order || '%'",
                                event=event, order=str(order))  # fmt: skip

    async def carried_out(self, days_ago: int = 0) -> UUID:
        """A payment that the bank has carried out, so many days ago."""
        payment_id = await self.ordered(scheduled=False)
        await self.leave(payment_id)
        await self.bank_says("booked")(payment_id)
        async with transaction(self.owner) as session:
            await session.execute(
                text("UPDATE payments SET ended_at = clock_timestamp() - make_interval(days => :days) WHERE id = :id"),
                {"days": days_ago, "id": payment_id},
            )
        return payment_id

    async def comes_onto_the_list(self) -> None:
        """The recipients of every order here come onto a list."""
        await make.sanctions_list(self.owner, "2026-11-02", more=(LANDLADY, GLOBEX))


@pytest.fixture
async def flight(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Flight:
    """A desk without processes, whose orders were compared with the first version."""
    made = Flight(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = made.wires.people = await make.people(owner_engine)
    await made.rescreening.rescreen()
    return made


async def test_each_payment_by_where_it_stands(flight: Flight) -> None:
    scheduled, funded = await flight.ordered(scheduled=True), await flight.ordered(scheduled=False)
    left, cancelled = await flight.ordered(scheduled=False), await flight.ordered(scheduled=True)
    await flight.leave(left)
    await flight.cancel(cancelled)
    late, long_ago = await flight.carried_out(29), await flight.carried_out(31)
    orders = (scheduled, funded, left, cancelled, late, long_ago)
    before = {payment: await flight.wakes(payment) for payment in orders}
    await flight.comes_onto_the_list()
    (done,) = await flight.rescreening.rescreen()
    assert (done.woken, done.told) == (2, 2)
    assert await flight.rescreening.rescreen() == []
    woken = {payment for payment in orders if await flight.wakes(payment) > before[payment]}
    assert woken == {scheduled, funded}
    assert [await flight.letters("payment.listed_after_release", one) for one in orders] == [0, 0, 3, 0, 0, 0]
    assert [await flight.letters("payment.lookback_finding", one) for one in orders] == [0, 0, 0, 0, 3, 0]
    # What was woken is screened before anything of it leaves.
    await flight.leave(funded)
    assert await flight.count("payments WHERE status = 'blocked' AND id = :id", id=funded) == 1


async def test_a_wire_that_was_carried_out_is_a_lookback_finding_for_so_many_days(flight: Flight) -> None:
    late, long_ago = await flight.wires.sent(), await flight.wires.sent()
    for wire_id in (late, long_ago):
        await answered(flight.owner, wire_id, AnswerKind.BOOKED)
        await flight.wires.settlement.apply_answers(WireStep(wire_id=wire_id, at=datetime.now(UTC)))
    async with transaction(flight.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(
            text("UPDATE wire_transfers SET updated_at = clock_timestamp() - interval '31 days' WHERE id = :id"),
            {"id": long_ago},
        )
    await flight.comes_onto_the_list()
    (done,) = await flight.rescreening.rescreen()
    assert (done.woken, done.told) == (0, 1)
    assert [await flight.letters("wire.lookback_finding", one) for one in (late, long_ago)] == [3, 0]
    told = "wire_events WHERE event = 'compliance_lookback_finding' AND wire_id = :id"
    assert [await flight.count(told, id=one) for one in (late, long_ago)] == [1, 0]


async def test_two_runs_at_once_tell_once(flight: Flight) -> None:
    payment_id = await flight.carried_out()
    await flight.comes_onto_the_list()
    await asyncio.gather(flight.rescreening.rescreen(), flight.rescreening.rescreen())
    assert await flight.letters("payment.lookback_finding", payment_id) == 3


@pytest.mark.parametrize("attempt", range(6))
async def test_a_release_a_version_and_the_look_at_once(flight: Flight, attempt: int) -> None:
    """A payment that leaves before the version is told, one that does not is stopped; none slips between."""
    payment_id = await flight.ordered(scheduled=False)
    acts = [flight.leave(payment_id), flight.comes_onto_the_list(), flight.rescreening.rescreen()]
    await asyncio.gather(*(acts[attempt % 3 :] + acts[: attempt % 3]))
    await flight.rescreening.rescreen()
    left = await flight.count("payments WHERE status = 'released'")
    assert left + await flight.count("payments WHERE status = 'blocked'") == 1
    assert await flight.letters("payment.listed_after_release", payment_id) == 3 * left
