"""Call-backs: which wires take one, on which number, who may approve after it, and that the database holds to it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.errors import FourEyes, WrongState
from models.tables.wires import call_backs
from models.wires import Approver, Row, WireStep
from models.wires.call_backs import CallBackMissing, CallResult, NoKnownNumber
from tests.activities.test_wire_overrides import Overrides
from tests.activities.test_wire_races import refused_or_done
from tests.factories import wires as make
from tests.factories.approval import as_shipped, published

REST = Row(name="all", approvers=(Approver.OFFICER,))


class Calls(Overrides):
    """A desk on which wires over 500 EUR to somebody new take a call-back, and one officer."""

    async def large(self) -> UUID:
        """A wire that takes a call-back; nobody has called yet."""
        wire = await make.ordered(self.api, self.people)
        for step in (self.approval.screen, self.approval.route):
            await step(_step(wire.id))
        return wire.id

    async def call(self, wire_id: UUID, result: CallResult = CallResult.CONFIRMED, who: UUID | None = None) -> None:
        """The first officer calls the customer."""
        officer = who or self.people.officers[0]
        async with transaction(self.api, self.as_person(officer, make.OFFICER_RIGHTS)) as session:
            await call_backs.record_call(session, wire_id, officer, spoken_to="Clara Fontaine", result=result)

    async def deny(self, wire_id: UUID) -> None:
        """The customer says that they did not order it."""
        await self.call(wire_id, CallResult.DENIED)

    async def approve_as(self, wire_id: UUID, which: int) -> None:
        """An officer approves."""
        await make.approved(self.api, self.people, wire_id, which)

    async def second_approves(self, wire_id: UUID) -> None:
        """The officer who does not call approves."""
        await self.approve_as(wire_id, 1)


def _step(wire_id: UUID) -> WireStep:
    return WireStep(wire_id=wire_id, at=datetime.now(UTC))


@pytest.fixture
async def desk(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[Calls]:
    made = Calls(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    made.second = await make.person(owner_engine, "Signe Senior2", role="admin", rights=make.SENIOR_RIGHTS)
    await make.known_number(owner_engine, made.people.customer)
    async with as_shipped(owner_engine):
        await published(owner_engine, REST, call_back_over=500)
        yield made


async def test_nobody_approves_before_the_call_and_the_caller_not_alone(desk: Calls) -> None:
    wire_id = await desk.large()
    assert (await desk.approval.review(_step(wire_id))).call_back_due
    with pytest.raises(CallBackMissing):
        await desk.approve_as(wire_id, 1)
    await desk.call(wire_id, CallResult.NOT_REACHED)
    with pytest.raises(CallBackMissing):
        await desk.approve_as(wire_id, 1)
    await desk.call(wire_id)
    assert not (await desk.approval.review(_step(wire_id))).call_back_due
    with pytest.raises(FourEyes):
        await desk.approve_as(wire_id, 0)
    await desk.approve_as(wire_id, 1)
    assert await desk.status(wire_id) == "approved"


async def test_the_caller_approves_beside_another_one(desk: Calls) -> None:
    two = Row(name="two", approvers=(Approver.OFFICER, Approver.OFFICER))
    await published(desk.owner, two, call_back_over=500)
    wire_id = await desk.large()
    await desk.call(wire_id)
    await desk.approve_as(wire_id, 0)
    await desk.approve_as(wire_id, 1)
    assert await desk.status(wire_id) == "approved"


async def test_two_of_whom_one_lends_the_other_their_right_are_one_caller(desk: Calls) -> None:
    wire_id = await desk.large()
    await desk.call(wire_id)
    await desk.lend(*desk.people.officers)
    with pytest.raises(FourEyes):
        await desk.approve_as(wire_id, 1)


@pytest.mark.parametrize(("changes", "takes_one"), [
    ({"amount_minor": 540_00}, False),  # 500.00 EUR
    ({"amount_minor": 540_01}, True),
])  # fmt: skip
async def test_the_threshold_is_of_the_base_currency(desk: Calls, changes: dict[str, int], takes_one: bool) -> None:
    wire = await make.ordered(desk.api, desk.people, **changes)
    for step in (desk.approval.screen, desk.approval.route):
        await step(_step(wire.id))
    assert (await desk.approval.review(_step(wire.id))).call_back_due is takes_one


async def test_two_wires_to_one_account_are_added_up(desk: Calls) -> None:
    due = []
    for _ in range(2):
        wire = await make.ordered(desk.api, desk.people, amount_minor=400_00)
        await desk.approval.screen(_step(wire.id))
        due.append((await desk.approval.route(_step(wire.id))).call_back_due)
    assert due == [False, True]


async def test_somebody_known_takes_none_and_changed_details_do(desk: Calls) -> None:
    wire_id = await desk.large()
    await desk.call(wire_id)
    await desk.approve_as(wire_id, 1)
    await desk.change("SET session_replication_role = replica; UPDATE wire_transfers SET status = 'completed';"
                      " SET session_replication_role = origin")  # fmt: skip
    for changes, takes_one in (({}, False), ({"recipient_account_number": "000123456780"}, True)):
        wire = await make.ordered(desk.api, desk.people, **changes)
        await desk.approval.screen(_step(wire.id))
        assert (await desk.approval.route(_step(wire.id))).call_back_due is takes_one


@pytest.mark.parametrize("ago", ["2 minutes", "23 hours 59 minutes"])
async def test_a_number_that_is_too_young_is_none(desk: Calls, ago: str) -> None:
    await make.known_number(desk.owner, desk.people.customer, since="now")
    await desk.change(f"UPDATE users SET phone_since = now() - interval '{ago}' WHERE role = 'customer'")
    wire_id = await desk.large()
    with pytest.raises(NoKnownNumber):
        await desk.call(wire_id)


async def test_a_number_that_is_changed_after_the_order_is_none(desk: Calls) -> None:
    wire_id = await desk.large()
    async with transaction(desk.api, desk.people.as_customer()) as session:
        await session.execute(
            text("UPDATE users SET phone = '+4930123456' WHERE id = :id"), {"id": desk.people.customer}
        )
    with pytest.raises(NoKnownNumber):
        await desk.call(wire_id)


async def test_a_denial_is_for_good_and_told_to_the_seniors(desk: Calls) -> None:
    wire_id = await desk.large()
    await desk.call(wire_id)
    await desk.deny(wire_id)
    await desk.call(wire_id)
    with pytest.raises(CallBackMissing):
        await desk.approve_as(wire_id, 1)
    with pytest.raises(CallBackMissing):
        await desk.override(wire_id)
    for _ in range(2):
        await desk.approval.review(_step(wire_id))
    told = await desk.one(
        "SELECT count(*) AS notices FROM notifications WHERE event = 'wire.denied' AND user_id = :id", id=desk.second
    )
    assert told.notices == 1
    await desk.reject(wire_id)
    assert await desk.status(wire_id) == "rejected"
    with pytest.raises(WrongState):
        await desk.call(wire_id)


async def test_an_override_does_not_pass_by_the_call(desk: Calls) -> None:
    wire_id = await desk.large()
    with pytest.raises(CallBackMissing):
        await desk.propose_override(wire_id)
    await desk.call(wire_id)
    await desk.override(wire_id)
    assert await desk.status(wire_id) == "approved"


async def test_everybody_in_every_order(desk: Calls) -> None:
    outcomes = set()
    for order in permutations(("call", "deny", "second_approves", "cancel")):
        wire_id = await desk.large()
        for act in order:
            await refused_or_done(getattr(desk, act)(wire_id))
        approved = (
            order.index("call") < order.index("second_approves") < min(order.index("deny"), order.index("cancel"))
        )
        made = await desk.one(
            "SELECT approved_by IS NOT NULL AS approved FROM wire_transfers WHERE id = :id", id=wire_id
        )
        assert made.approved is approved, order
        outcomes.add(await desk.status(wire_id))
    assert outcomes == {"cancelled"}


@pytest.mark.parametrize("attempt", range(4))
async def test_a_denial_and_an_approval_at_once(desk: Calls, attempt: int) -> None:
    wire_id = await desk.large()
    await desk.call(wire_id)
    acts = [desk.deny(wire_id), desk.second_approves(wire_id)]
    done = await asyncio.gather(*(refused_or_done(act) for act in (acts if attempt % 2 else acts[::-1])))
    assert sum(done) == 1
    denied = await desk.one("SELECT count(*) AS calls FROM wire_call_backs WHERE result = 'denied'")
    assert await desk.status(wire_id) == ("awaiting_approval" if denied.calls else "approved")


FORGED = {
    "approved without a call": "UPDATE wire_transfers SET status = 'approved'",
    "an approval without a call": "INSERT INTO wire_approvals (wire_id, maker_id, officer_id, decision, senior,"
    " content_hash) SELECT w.id, w.user_id, u.id, 'approve', false, w.content_hash FROM wire_transfers w, users u"
    " WHERE u.last_name = 'Officer1'",
    "a number that came with the order": "INSERT INTO wire_call_backs (wire_id, maker_id, content_hash, number,"
    " known_since, spoken_to, result, called_by) SELECT w.id, w.user_id, w.content_hash, '+4930123456', '2000-01-01',"
    " 'Clara', 'confirmed', u.id FROM wire_transfers w, users u WHERE u.last_name = 'Officer1'",
    "the customer calls themselves": "INSERT INTO wire_call_backs (wire_id, maker_id, content_hash, number,"
    " known_since, spoken_to, result, called_by) SELECT w.id, w.user_id, w.content_hash, u.phone, u.phone_since,"
    " 'Clara', 'confirmed', u.id FROM wire_transfers w JOIN users u ON u.id = w.user_id",
}


@pytest.mark.parametrize("forged", FORGED)
async def test_the_database_refuses_whoever_asks(desk: Calls, forged: str) -> None:
    await desk.large()
    with pytest.raises(DBAPIError) as refused:
        await desk.change(FORGED[forged])
    assert str(getattr(refused.value.orig, "sqlstate", "")) in {"AU113", "AU155", "AU156", "23514"}, refused.value


async def test_the_database_knows_that_a_caller_is_alone(desk: Calls) -> None:
    wire_id = await desk.large()
    await desk.call(wire_id)
    approval = (
        "INSERT INTO wire_approvals (wire_id, maker_id, officer_id, decision, senior, content_hash, place, base_minor,"
        " evidence, evidence_hash) SELECT w.id, w.user_id, :who, 'approve', false, w.content_hash, 1,"
        " r.amount_base_minor, '', sha256('') FROM wire_transfers w JOIN wire_routings r ON r.wire_id = w.id"
    )
    await desk.change(approval, who=desk.people.officers[0])
    with pytest.raises(DBAPIError, match="alone"):
        await desk.change("UPDATE wire_transfers SET status = 'approved' WHERE id = :id", id=wire_id)
    with pytest.raises(DBAPIError):
        await desk.change("UPDATE wire_call_backs SET called_by = :who", who=desk.people.officers[1])


async def test_the_hard_stop_comes_without_a_call(desk: Calls) -> None:
    wire_id = await desk.large()
    state = await desk.approval.review(WireStep(wire_id=wire_id, at=datetime.now(UTC) + timedelta(days=9)))
    assert (state.status, state.ended) == ("expired", True)
