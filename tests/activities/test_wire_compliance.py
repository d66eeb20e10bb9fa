"""The compliance desk: what two officers rule about hits and blocked money, its clock, and races for one wire."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.wires import ComplianceSteps
from infra.database import transaction
from models.errors import AlreadyDecided, AurumError, FourEyes, WrongState
from models.screening import Kind, ListedEntity
from models.tables import wires
from models.tables.wires import cases, compliance
from models.tables.wires.compliance import Ruler, Wish
from models.wires import WireState, WireStep
from models.wires.compliance import ReportKind, Ruling, ScreeningOpen, SeniorNeeded
from tests.activities.test_wire_races import AMOUNT, FEE, Bench, refused_or_done
from tests.factories import wires as make

SIMILAR, LISTED = "Viktor Grimsholmm", "Viktor Grimsholm"
GLOBEX = ListedEntity(id="AD-9", kind=Kind.ENTITY, name="Globex Trading")


class Desk(Bench):
    """A desk with wires in which something was found."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.compliance = ComplianceSteps(self.approval._desk)

    async def found(self, name: str = SIMILAR) -> UUID:
        """A wire to somebody of that name, screened."""
        wire = await make.ordered(self.api, self.people, recipient_name=name)
        await self.approval.screen(_step(wire.id))
        return wire.id

    async def looks(self, wire_id: UUID, at: datetime | None = None) -> WireState:
        """The process looks at the case."""
        return await self.compliance.review_case(WireStep(wire_id=wire_id, at=at or datetime.now(UTC)))

    async def propose(self, wire_id: UUID, ruling: Ruling, which: int = 0, **wish: Any) -> None:
        """An officer proposes a ruling about the first hit."""
        async with transaction(self.api, self.people.as_officer(which)) as session:
            hits = await compliance.unsettled(session, wire_id)
            wished = Wish(ruling, "looked into", hits[0].id, **wish)
            await compliance.rule(session, wire_id, Ruler(self.people.officers[which], senior=False), wished)

    async def ruled(self, wire_id: UUID, ruling: Ruling, **wish: Any) -> None:
        """Two officers rule, one of them senior."""
        await make.ruled(self.api, self.people, wire_id, ruling, **wish)

    async def seized(self) -> UUID:
        """A wire whose money is blocked property."""
        wire_id = await self.found(LISTED)
        for ruling in (Ruling.CONFIRM, Ruling.SEIZE):
            await self.ruled(wire_id, ruling)
            await self.looks(wire_id)
        return wire_id

    async def one(self, statement: str, **values: Any) -> Any:
        """The one row of a query."""
        async with transaction(self.owner) as session:
            return (await session.execute(text(statement), values)).one()

    async def balances(self) -> tuple[int, int]:
        """What the customer has less than at the beginning, and what of it is held."""
        row = await self.one("SELECT posted_minor, held_minor FROM accounts WHERE id = :id", id=self.people.usd_account)
        books = await make.books(self.owner)
        assert books["breaches"] == []
        assert not any(books["totals"].values())
        return 10_000_000_00 - row.posted_minor, row.held_minor


def _step(wire_id: UUID) -> WireStep:
    return WireStep(wire_id=wire_id, at=datetime.now(UTC))


@pytest.fixture
async def desk(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path) -> Desk:
    """A compliance desk without processes."""
    made = Desk(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    return made


async def test_a_likeness_waits_for_two_officers_and_then_takes_the_approvers_of_one(desk: Desk) -> None:
    wire_id = await desk.found()
    assert (await desk.looks(wire_id)).compliance_status == "in_review"
    assert (await desk.approval.route(_step(wire_id))).status == "pending"
    await desk.propose(wire_id, Ruling.CLEAR)
    await desk.propose(wire_id, Ruling.CLEAR)  # asked again: nothing changes
    async with transaction(desk.api, desk.people.as_officer()) as session:
        hit = (await compliance.unsettled(session, wire_id))[0].id
    with pytest.raises(FourEyes):
        async with transaction(desk.api, desk.people.as_officer()) as session:
            await compliance.confirm_ruling(session, wire_id, Ruler(desk.people.officers[0], senior=False), hit_id=hit)
    assert (await desk.looks(wire_id)).compliance_status == "in_review"
    await desk.propose(wire_id, Ruling.CLEAR, 1)
    assert (await desk.looks(wire_id)).compliance_status == "clear"
    assert (await desk.one("SELECT outcome FROM screening_cases")).outcome == "cleared"
    state = await desk.approval.route(_step(wire_id))
    assert (state.status, state.approvals_required, state.senior_required) == ("awaiting_approval", 2, True)
    with pytest.raises(AlreadyDecided):
        async with transaction(desk.api, desk.people.as_senior()) as session:
            await compliance.rule(
                session, wire_id, Ruler(desk.people.senior, senior=True), Wish(Ruling.CLEAR, "again", hit)
            )


async def test_whoever_disagrees_withdraws_the_proposal_and_a_memory_with_it(desk: Desk) -> None:
    wire_id = await desk.found()
    await desk.propose(wire_id, Ruling.CLEAR, remember_days=30)
    await desk.propose(wire_id, Ruling.CONFIRM, 1)
    row = await desk.one("SELECT voided_at, approved_at FROM sanctions_false_positives")
    assert row.voided_at
    assert row.approved_at is None
    await desk.propose(wire_id, Ruling.CONFIRM)
    state = await desk.looks(wire_id)
    assert (state.status, state.compliance_status) == ("blocked", "hit")


async def test_a_cleared_pair_that_is_remembered_does_not_hit_again(desk: Desk) -> None:
    first = await desk.found()
    await desk.ruled(first, Ruling.CLEAR, remember_days=30)
    second = await desk.found()
    assert (await desk.approval.screen(_step(second))).compliance_status == "clear"
    async with transaction(desk.api, desk.people.as_officer()) as session:
        found = await compliance.findings(session, second)
    assert [(one.state, one.listed["name"]) for one in found] == [("known", "Viktor Grimsholm")]


async def test_a_blocked_wire_goes_on_only_by_two_officers_one_of_them_senior(desk: Desk) -> None:
    wire_id = await desk.found(LISTED)
    assert await desk.balances() == (0, AMOUNT + FEE)
    assert (await desk.looks(wire_id, datetime.now(UTC) + timedelta(days=400))).status == "blocked"
    await desk.propose(wire_id, Ruling.CLEAR)
    with pytest.raises(SeniorNeeded):
        await desk.propose(wire_id, Ruling.CLEAR, 1)
    await desk.ruled(wire_id, Ruling.CLEAR)
    assert (await desk.looks(wire_id)).status == "pending"
    assert (await desk.approval.route(_step(wire_id))).status == "awaiting_approval"


async def test_what_is_prohibited_and_not_to_be_blocked_goes_back_and_is_reported(desk: Desk) -> None:
    wire_id = await desk.found(LISTED)
    for ruling in (Ruling.REJECT, Ruling.SEIZE):
        with pytest.raises(WrongState, match="no hit of this wire is confirmed"):
            await desk.ruled(wire_id, ruling)
    await desk.ruled(wire_id, Ruling.CONFIRM)
    await desk.ruled(wire_id, Ruling.REJECT)
    assert await desk.balances() == (0, 0)
    state = await desk.approval.conclude(_step(wire_id))
    await desk.approval.conclude(_step(wire_id))
    assert state.status == "rejected"
    letter = await desk.one("SELECT subject, body FROM notifications WHERE user_id = :id", id=desk.people.customer)
    assert letter.subject == "Your wire was not approved"
    assert not any(word in letter.body.lower() for word in ("looked into", "sanction", "hit", "compliance"))
    report = await desk.one("SELECT kind, due_on FROM sanctions_reports")
    assert report.kind == "rejected"
    assert report.due_on == (datetime.now(UTC) + timedelta(days=10)).date()


async def test_blocked_property_is_seized_once_reported_and_given_back_by_a_licence_alone(desk: Desk) -> None:
    began = datetime.now(UTC)
    wire_id = await desk.seized()
    # The amount is out of the customer's reach, the fee is theirs again.
    assert await desk.balances() == (AMOUNT, 0)
    state = await desk.looks(wire_id)
    assert (state.status, state.compliance_status) == ("blocked", "blocked")
    assert await desk.balances() == (AMOUNT, 0)
    for ruling in (Ruling.SEIZE, Ruling.REJECT, Ruling.CLEAR):
        with pytest.raises((WrongState, AlreadyDecided)):
            await desk.propose(wire_id, ruling) if ruling is Ruling.CLEAR else await desk.ruled(wire_id, ruling)
    due = (await desk.one("SELECT due_on FROM sanctions_reports")).due_on
    soon = datetime.combine(due, datetime.min.time(), UTC) - timedelta(days=3)
    assert state.look_again_at == soon
    for _ in range(2):
        await desk.looks(wire_id, soon)
    told = await desk.one("SELECT count(*) AS times FROM notifications WHERE event = 'wire.report_due'")
    assert told.times == 3
    async with transaction(desk.api, desk.people.as_officer()) as session:
        filed = await cases.report_filed(session, wire_id, ReportKind.BLOCKED, desk.people.officers[0], "BR-1")
        assert filed.reference == "BR-1"
    await desk.ruled(wire_id, Ruling.RELEASE, licence="LIC-7")
    for _ in range(2):
        # On the day of its seizure, so that it has earned nothing.
        assert (await desk.looks(wire_id, began)).status == "returned"
    assert await desk.balances() == (0, 0)
    row = await desk.one("SELECT licence, release_id IS NOT NULL AS booked FROM blocked_property")
    assert tuple(row) == ("LIC-7", True)


async def test_the_clock_reminds_escalates_and_expires_and_clears_nothing(desk: Desk) -> None:
    wire_id = await desk.found()
    began = datetime.now(UTC)
    for hours in (1.1, 1.7, 2.1):
        for _ in range(2):
            state = await desk.looks(wire_id, began + timedelta(hours=hours))
            assert (state.status, state.compliance_status) == ("pending", "in_review")
    async with transaction(desk.owner) as session:
        events = await session.execute(text("SELECT event FROM wire_events WHERE event LIKE 'compliance%' ORDER BY id"))
        assert events.scalars().all() == [
            "compliance_in_review", "compliance_reminded", "compliance_escalated", "compliance_breached",
        ]  # fmt: skip
    state = await desk.looks(wire_id, began + timedelta(hours=9))
    assert state.status == "expired"
    assert await desk.balances() == (0, 0)
    assert (await desk.one("SELECT outcome FROM screening_cases")).outcome == "expired"


async def test_a_wire_that_was_approved_and_blocked_and_cleared_keeps_its_approvals(desk: Desk) -> None:
    wire_id = await desk.awaiting()
    await desk.approve(wire_id)
    await make.sanctions_list(desk.owner, "2026-11-02", more=(GLOBEX,))
    state = await desk.payment.release(_step(wire_id))
    assert (state.status, state.reason_code) == ("blocked", "sanctions_hit_at_release")
    await desk.ruled(wire_id, Ruling.CLEAR)
    assert (await desk.approval.route(_step(wire_id))).status == "approved"
    assert (await desk.payment.release(_step(wire_id))).status == "released"


async def test_a_new_likeness_stops_the_approvers_until_it_is_cleared(desk: Desk) -> None:
    wire_id = await desk.awaiting()
    near = ListedEntity(id="AD-8", kind=Kind.ENTITY, name="Globexx Tradingg Ltd")
    await make.sanctions_list(desk.owner, "2026-11-02", more=(near,))
    state = await desk.approval.review(_step(wire_id))
    assert (state.status, state.compliance_status) == ("awaiting_approval", "in_review")
    with pytest.raises(ScreeningOpen):
        await desk.approve(wire_id)
    await desk.ruled(wire_id, Ruling.CLEAR)
    await desk.approve(wire_id)
    assert (await desk.payment.release(_step(wire_id))).status == "released"


@pytest.mark.parametrize("name", [SIMILAR, LISTED])
async def test_officers_the_customer_and_the_clock_in_every_order(desk: Desk, name: str) -> None:
    """Cleared by two, confirmed by two, cancelled, too late: the first that counts decides, and money agrees."""

    async def cleared(wire_id: UUID) -> None:
        await desk.ruled(wire_id, Ruling.CLEAR)

    async def confirmed(wire_id: UUID) -> None:
        await desk.ruled(wire_id, Ruling.CONFIRM)

    async def late(wire_id: UUID) -> None:
        await desk.looks(wire_id, datetime.now(UTC) + timedelta(hours=9))

    acts = {"cleared": cleared, "confirmed": confirmed, "cancel": desk.cancel, "late": late}
    for order in permutations(acts):
        wire_id = await desk.found(name)
        stands = "review" if name == SIMILAR else "blocked"
        for act in order:
            done = await refused_or_done(acts[act](wire_id))
            after = MODEL.get((stands, act))
            if (stands, act, name) == ("blocked", "confirmed", LISTED):
                after = "blocked"  # found by screening, and now by people
            assert done == (after is not None), (order, act, stands)
            stands = after or stands
            state = await desk.looks(wire_id)
            assert state.status == SHOWN.get(stands, (stands, ""))[0], (order, act)
            assert stands not in SHOWN or state.compliance_status == SHOWN[stands][1], (order, act)
        assert (await desk.balances())[1] == (0 if stands in {"cancelled", "expired"} else AMOUNT + FEE), order
        await _end(desk, wire_id, stands)


# What each act makes of a wire that stands so; what is not here is refused. The clock is never refused.
MODEL = {
    ("review", "cleared"): "clear", ("review", "confirmed"): "blocked", ("review", "cancel"): "cancelled",
    ("review", "late"): "expired", ("clear", "cancel"): "cancelled", ("clear", "late"): "clear",
    ("blocked", "cleared"): "clear", ("blocked", "late"): "blocked", ("cancelled", "late"): "cancelled",
    ("expired", "late"): "expired",
}  # fmt: skip
SHOWN = {
    "review": ("pending", "in_review"), "clear": ("pending", "clear"), "blocked": ("blocked", "hit"),
}  # fmt: skip


async def _end(desk: Desk, wire_id: UUID, stands: str) -> None:
    """Ends what is left of a wire, so that the next one starts with nothing held."""
    if stands == "clear":
        await desk.cancel(wire_id)
    elif stands == "blocked":
        await refused_or_done(desk.ruled(wire_id, Ruling.CONFIRM))
        await desk.ruled(wire_id, Ruling.REJECT)


@pytest.mark.parametrize("attempt", range(4))
async def test_everybody_at_once(desk: Desk, attempt: int) -> None:
    wire_id = await desk.found()
    acts = [
        desk.ruled(wire_id, Ruling.CLEAR),
        desk.ruled(wire_id, Ruling.CONFIRM),
        desk.cancel(wire_id),
        desk.looks(wire_id, datetime.now(UTC) + timedelta(hours=9)),
    ]
    await asyncio.gather(
        *(_quietly(act) for act in acts[attempt:] + acts[:attempt]),
    )
    state = await desk.looks(wire_id)
    assert (await desk.balances())[1] == (0 if state.status in {"cancelled", "expired"} else AMOUNT + FEE)


async def _quietly(act: Any) -> None:
    try:
        await act
    except (AurumError, IndexError, DBAPIError) as error:
        refused_by_rule = "AU1" in str(getattr(getattr(error, "orig", None), "sqlstate", "AU1"))
        assert refused_by_rule or "wire_rulings_one_open" in str(error)  # noqa: PT017 # what may be refused is asserted


@pytest.mark.parametrize("attempt", range(6))
async def test_a_new_version_of_a_list_and_a_release_at_once(desk: Desk, attempt: int) -> None:
    """Either the order was written before the version was there, or it is stopped by it. There is nothing between."""
    wire_id = await desk.awaiting()
    await desk.approve(wire_id)
    acts = [
        desk.payment.release(_step(wire_id)),
        make.sanctions_list(desk.owner, f"2026-11-0{attempt + 2}", more=(GLOBEX,)),
    ]
    await asyncio.gather(*(acts if attempt % 2 else acts[::-1]))
    row = await desk.one(
        "SELECT w.status, w.list_version, (SELECT count(*) FROM wire_events e WHERE e.wire_id = w.id"
        " AND e.event = 'released' AND e.at > (SELECT max(loaded_at) FROM sanctions_versions)) AS after"
        " FROM wire_transfers w"
    )
    assert row.status in {"released", "blocked"}
    assert (row.status == "released") == (row.list_version == "AURUM-DEMO/2026-11-01")
    assert row.after == 0


FORGED = {
    "confirmed by its proposer": "UPDATE wire_rulings SET confirmed_by = proposed_by, confirmed_senior = true,"
    " confirmed_at = now()",
    "another reason": "UPDATE wire_rulings SET reason = 'something else'",
    "gone": "DELETE FROM wire_rulings",
    "clear with open hits": "UPDATE wire_transfers SET compliance_status = 'clear'",
    "on to the approvers": "UPDATE wire_transfers SET status = 'pending', compliance_status = 'clear'",
    "rejected without a ruling": "UPDATE wire_transfers SET status = 'rejected'",
    "seized without a ruling": "UPDATE wire_transfers SET compliance_status = 'blocked'",
    "given back without a licence": "UPDATE wire_transfers SET status = 'returned'",
    "two officers, none of them senior": "UPDATE wire_rulings SET confirmed_by = (SELECT id FROM users WHERE"
    " last_name = 'Officer2'), confirmed_senior = false, confirmed_at = now()",
}


@pytest.mark.parametrize("forged", FORGED)
async def test_the_database_refuses_whoever_asks(desk: Desk, forged: str) -> None:
    wire_id = await desk.found(LISTED)
    await desk.propose(wire_id, Ruling.CLEAR)
    with pytest.raises(DBAPIError) as refused:
        async with transaction(desk.owner) as session:
            await session.execute(text(FORGED[forged]))
    # A rule of ours, or the constraint of the four eyes.
    assert str(getattr(refused.value.orig, "sqlstate", "")) in {"AU100", "AU140", "AU143", "AU144", "23514"}


async def test_whoever_ordered_a_wire_sees_and_rules_nothing(desk: Desk) -> None:
    wire_id = await desk.found()
    maker = desk.people.as_customer().model_copy(
        update={"role": "super_admin", "permissions": make.SENIOR_RIGHTS | make.CUSTOMER_RIGHTS}
    )
    async with transaction(desk.api, maker) as session:
        assert await compliance.findings(session, wire_id) == []
        assert not [one for one in await wires.timeline(session, wire_id) if one.event.startswith("compliance")]
        with pytest.raises(FourEyes):
            await compliance.rule(
                session, wire_id, Ruler(desk.people.customer, senior=True), Wish(Ruling.CLEAR, "me", 1)
            )
