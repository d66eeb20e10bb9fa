"""A payment that names somebody listed: kept with what was found, and ruled about by two officers or not at all."""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import Principal, transaction
from models.errors import AlreadyDecided, AurumError, FourEyes, NotFound, WrongState
from models.payments import PaymentStep
from models.tables import ledger
from models.tables.payments import Payment, compliance
from models.tables.wires.compliance import Ruler
from models.wires.compliance import Ruling, SeniorNeeded
from tests.activities import test_payment_races as races
from tests.factories import payments as make
from tests.factories import wires as people_make
from tests.factories.wires import OFFICER_RIGHTS, SENIOR_RIGHTS

LISTED = "Viktor Grimsholm"
HELD = races.AMOUNT + races.FEE


class Desk(races.Bench):
    """A desk with payments that are blocked."""

    async def blocked(self) -> UUID:
        """A payment to somebody listed; the step that blocks it ran twice."""
        order = make.sepa_order(self.people, recipient_name=LISTED)
        payment = await make.ordered(self.api, self.people, order)
        for _ in range(2):
            await self.release.release(PaymentStep(payment_id=payment.id, at=datetime.now(UTC)))
        return payment.id

    async def rules(self, payment_id: UUID, officer: UUID, ruling: Ruling = Ruling.CLEAR, *, senior: bool) -> None:
        """An officer asks for a ruling."""
        rights = SENIOR_RIGHTS if senior else OFFICER_RIGHTS
        async with transaction(self.api, Principal(user_id=officer, role="admin", permissions=rights)) as session:
            await compliance.rule(session, payment_id, Ruler(officer, senior), ruling, "born elsewhere")

    async def one(self, payment_id: UUID, ruling: Ruling = Ruling.CLEAR, which: int = 0) -> None:
        """An officer who is no senior one."""
        await self.rules(payment_id, self.people.officers[which], ruling, senior=False)

    async def other(self, payment_id: UUID, ruling: Ruling = Ruling.CLEAR) -> None:
        """The senior officer."""
        await self.rules(payment_id, self.people.senior, ruling, senior=True)

    async def asked(self, statement: str, **values: Any) -> list[Any]:
        """What the owner of the database sees."""
        async with transaction(self.owner) as session:
            return [tuple(row) for row in await session.execute(text(statement), values)]

    async def stands(self, payment_id: UUID) -> tuple[str, str | None, str, int]:
        """Status and reason of a payment, its hold, and what the account holds in all; the books are in balance."""
        async with transaction(self.owner) as session:
            payment = await session.get_one(Payment, payment_id)
            hold = await ledger.hold_of(session, "payment", payment_id)
            held = await session.execute(
                text("SELECT held_minor FROM accounts WHERE id = :id"), {"id": self.people.eur_account}
            )
            assert await ledger.proof(session) == []
            assert (await session.execute(text("SELECT * FROM ledger_process_proof(clock_timestamp())"))).all() == []
            assert hold is not None
            return payment.status, payment.reason_code, hold.status, held.scalar_one()

    async def woken(self) -> list[Any]:
        """The processes that were asked for after a ruling."""
        return await self.asked("SELECT workflow_id FROM outbox WHERE workflow = 'payment-ruling' ORDER BY id")


BLOCKED = ("blocked", "sanctions_hit", "open", HELD)
CLEARED = ("failed", "not_on_this_rail", "released", 0)


@pytest.fixture
async def desk(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path) -> Desk:
    made = Desk(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await people_make.people(owner_engine)
    return made


async def test_two_officers_clear_it_and_its_money_is_available_again(desk: Desk) -> None:
    payment_id = await desk.blocked()
    assert await desk.asked("SELECT entry_id, matched, verdict FROM payment_hits") == [("AD-1", LISTED, "exact")]
    await desk.one(payment_id)
    await desk.one(payment_id)
    assert (await desk.stands(payment_id), await desk.woken()) == (BLOCKED, [])
    await desk.other(payment_id)
    assert await desk.stands(payment_id) == CLEARED
    assert await desk.woken() == [(f"payment-ruling/{payment_id}",)]
    for again in (desk.one, desk.other):
        with pytest.raises(WrongState):
            await again(payment_id)
    assert await desk.stands(payment_id) == CLEARED
    assert len(await desk.woken()) == 1
    events = await desk.asked("SELECT event FROM payment_events WHERE payment_id = :id ORDER BY id", id=payment_id)
    assert [event for (event,) in events][-4:] == ["blocked", "compliance_proposed", "compliance_ruled", "failed"]


async def test_one_pair_of_eyes_does_not_clear_it(desk: Desk) -> None:
    payment_id = await desk.blocked()
    await desk.one(payment_id)
    with pytest.raises(SeniorNeeded):
        await desk.one(payment_id, which=1)
    with pytest.raises(FourEyes):
        await desk.rules(payment_id, desk.people.customer, senior=True)
    async with transaction(desk.owner) as session:
        lent = (
            "INSERT INTO approver_delegations (delegator, delegate, roles, ends_at, reason)"
            " VALUES (:one, :other, '{officer}', now() + interval '1 day', 'Away')"
        )
        await session.execute(text(lent), {"one": desk.people.senior, "other": desk.people.officers[0]})
    with pytest.raises(FourEyes):
        await desk.other(payment_id)
    assert await desk.stands(payment_id) == BLOCKED


async def test_whoever_disagrees_withdraws_what_was_proposed_and_a_confirmed_one_keeps_its_hold(desk: Desk) -> None:
    payment_id = await desk.blocked()
    await desk.one(payment_id)
    await desk.other(payment_id, Ruling.CONFIRM)
    await desk.one(payment_id, Ruling.CONFIRM, which=1)
    assert await desk.stands(payment_id) == BLOCKED
    with pytest.raises(AlreadyDecided):
        await desk.one(payment_id, Ruling.CONFIRM)
    ruled = "SELECT ruling, confirmed_by IS NOT NULL, withdrawn_by FROM payment_rulings ORDER BY proposed_at, id"
    assert await desk.asked(ruled) == [("clear", False, desk.people.senior), ("confirm", True, None)]
    await desk.one(payment_id)
    await desk.other(payment_id)
    assert await desk.stands(payment_id) == CLEARED


async def test_only_a_blocked_payment_is_ruled_about(desk: Desk) -> None:
    order = await make.ordered(desk.api, desk.people, make.sepa_order(desk.people))
    with pytest.raises(NotFound):
        await desk.one(order.id)
    assert (await desk.stands(order.id))[2] == "open"
    assert await desk.asked("SELECT FROM payment_rulings") == []


async def test_rulings_at_once_move_its_money_once(desk: Desk) -> None:
    officers = [(one, False) for one in desk.people.officers] + [(desk.people.senior, True)]
    for _ in range(4):
        payment_id = await desk.blocked()
        acts = [
            desk.rules(payment_id, officer, ruling, senior=senior)
            for officer, senior in officers
            for ruling in (Ruling.CLEAR, Ruling.CONFIRM, Ruling.CLEAR)
        ]
        results = await asyncio.gather(*acts, return_exceptions=True)
        assert all(result is None or isinstance(result, AurumError) for result in results), results
        # Whatever stands now: the senior one confirms it, or proposes it for the other.
        for finish in (desk.other, desk.one):
            with contextlib.suppress(WrongState):
                await finish(payment_id)
        assert await desk.stands(payment_id) == CLEARED
        assert (await desk.woken()).count((f"payment-ruling/{payment_id}",)) == 1


async def test_the_database_lets_nobody_past_the_desk(desk: Desk) -> None:
    payment_id = await desk.blocked()
    fail = text("UPDATE payments SET status = 'failed' WHERE id = :id")
    with pytest.raises(DBAPIError, match="not cleared by two officers"):
        async with transaction(desk.api, desk.people.as_senior()) as session:
            await session.execute(fail, {"id": payment_id})
    with pytest.raises(DBAPIError, match="not cleared by two officers"):
        async with transaction(desk.release._desk.engine) as session:
            await session.execute(fail, {"id": payment_id})
    # Past the act, by SQL: without a senior one, and by whoever proposed it.
    alone = text(
        "UPDATE payment_rulings SET confirmed_by = :who, confirmed_senior = false, confirmed_at = now()"
        " WHERE withdrawn_at IS NULL"
    )
    for ruling, which, refused in (
        (Ruling.CLEAR, 1, "takes a senior officer"),
        (Ruling.CONFIRM, 0, "payment_rulings_four_eyes"),
    ):
        await desk.one(payment_id, ruling)
        with pytest.raises(DBAPIError, match=refused):
            async with transaction(desk.api, desk.people.as_officer(which)) as session:
                await session.execute(alone, {"who": desk.people.officers[which]})
    async with transaction(desk.api, desk.people.as_customer()) as session:
        for table in ("payment_hits", "payment_rulings", "payment_events WHERE event ^@ 'compliance_'"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0, table
    assert await desk.stands(payment_id) == BLOCKED
