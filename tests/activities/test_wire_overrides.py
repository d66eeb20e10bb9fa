"""Emergency overrides: what they pass by and what they never do, who may, races for one wire, and forged rows."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import Principal, transaction
from models.calendars import AlwaysOpen
from models.errors import AlreadyDecided, AurumError, FourEyes, NotFound, WrongState
from models.screening.lists import ListsStale
from models.sla import sla_clock
from models.tables.wires import overrides
from models.tables.wires.overrides import Senior
from models.wires import WireStep
from models.wires.compliance import Ruling, ScreeningOpen
from models.wires.eyes import ApproverLimitExceeded, EvidenceChanged
from models.wires.overrides import Finding, OverrideProposed
from tests.activities.test_wire_compliance import GLOBEX, LISTED, SIMILAR, Desk
from tests.activities.test_wire_races import refused_or_done
from tests.factories import wires as make

REASON = "Both officers are unreachable and the sale closes at noon"
LARGE = 2_000_000_00


class Overrides(Desk):
    """A desk with two senior officers."""

    second: UUID

    def as_person(self, who: UUID, rights: frozenset[str] = make.SENIOR_RIGHTS) -> Principal:
        """Somebody of the staff."""
        return Principal(user_id=who, role="admin", permissions=rights)

    async def large(self) -> UUID:
        """A wire that waits for an officer and a senior one."""
        wire = await make.ordered(self.api, self.people, amount_minor=LARGE)
        for step in (self.approval.screen, self.approval.route):
            await step(_step(wire.id))
        await make.called(self.owner, wire.id)
        return wire.id

    async def propose_override(self, wire_id: UUID, who: UUID | None = None, **seen: bytes) -> None:
        """A senior officer proposes."""
        officer = who or self.people.senior
        async with transaction(self.api, self.as_person(officer)) as session:
            await overrides.propose_override(session, wire_id, Senior(officer, **seen), reason=REASON)

    async def confirm_override(self, wire_id: UUID, who: UUID | None = None) -> None:
        """Another one confirms."""
        officer = who or self.second
        clock = sla_clock(AlwaysOpen(), datetime.now(UTC), timedelta(hours=20))
        async with transaction(self.api, self.as_person(officer)) as session:
            await overrides.confirm_override(session, wire_id, Senior(officer), clock)

    async def override(self, wire_id: UUID) -> None:
        """Both."""
        await self.propose_override(wire_id)
        await self.confirm_override(wire_id)

    async def withdraw_override(self, wire_id: UUID) -> None:
        """The second one takes the proposal back."""
        async with transaction(self.api, self.as_person(self.second)) as session:
            await overrides.withdraw_override(session, wire_id, Senior(self.second))

    async def close(self, who: UUID, rights: frozenset[str] = make.OFFICER_RIGHTS) -> None:
        """Somebody says what they found about the one override that there is."""
        override = (await self.one("SELECT override_id FROM wire_after_reviews")).override_id
        async with transaction(self.api, self.as_person(who, rights)) as session:
            await overrides.close_after_review(
                session, override, who, finding=Finding.JUSTIFIED, note="The contract is on file"
            )

    async def status(self, wire_id: UUID) -> str:
        """Where the wire stands."""
        return str((await self.one("SELECT status FROM wire_transfers WHERE id = :id", id=wire_id)).status)

    async def change(self, statement: str, **values: Any) -> None:
        """Changes rows as their owner."""
        async with transaction(self.owner) as session:
            await session.execute(text(statement), values)

    async def lend(self, one: UUID, other: UUID) -> None:
        """One person lends another their right."""
        await self.change(
            "INSERT INTO approver_delegations (delegator, delegate, roles, ends_at, reason)"
            " VALUES (:one, :other, '{officer}', now() + interval '1 day', 'Away')",
            one=one,
            other=other,
        )


def _step(wire_id: UUID) -> WireStep:
    return WireStep(wire_id=wire_id, at=datetime.now(UTC))


@pytest.fixture
async def desk(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Overrides:
    made = Overrides(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    made.second = await make.person(owner_engine, "Signe Senior2", role="admin", rights=make.SENIOR_RIGHTS)
    return made


async def test_two_seniors_approve_in_place_of_those_who_are_missing(desk: Overrides) -> None:
    wire_id = await desk.large()
    await make.approved(desk.api, desk.people, wire_id)
    await desk.propose_override(wire_id)
    await desk.propose_override(wire_id)  # asked again: nothing changes
    assert await desk.status(wire_id) == "awaiting_approval"
    await desk.confirm_override(wire_id)
    assert await desk.status(wire_id) == "approved"
    made = await desk.one("SELECT o.passed_over, r.stage, r.closed_at FROM wire_overrides o JOIN wire_after_reviews r"
                          " ON r.override_id = o.id")  # fmt: skip
    assert (made.passed_over, made.stage, made.closed_at) == (["senior"], "running", None)
    await desk.release(wire_id)
    assert await desk.status(wire_id) == "released"


async def test_it_takes_two_who_are_not_the_maker_nor_one_pair_of_eyes(desk: Overrides) -> None:
    wire_id = await desk.large()
    for officer in (desk.people.officers[0], desk.people.customer):
        with pytest.raises((DBAPIError, FourEyes)):
            async with transaction(desk.api, desk.as_person(officer, make.OFFICER_RIGHTS)) as session:
                await overrides.propose_override(session, wire_id, Senior(officer), reason=REASON)
    with pytest.raises(NotFound):
        await desk.confirm_override(wire_id)
    await desk.propose_override(wire_id)
    with pytest.raises(FourEyes):
        await desk.confirm_override(wire_id, desk.people.senior)
    with pytest.raises(OverrideProposed):
        await desk.propose_override(wire_id, desk.second)
    await desk.lend(desk.people.senior, desk.second)
    with pytest.raises(FourEyes):
        await desk.confirm_override(wire_id)
    third = await make.person(desk.owner, "Sören Senior3", role="admin", rights=make.SENIOR_RIGHTS)
    await desk.confirm_override(wire_id, third)
    assert await desk.status(wire_id) == "approved"


async def test_it_passes_by_nothing_but_the_matrix(desk: Overrides) -> None:
    similar, blocked = await desk.found(SIMILAR), await desk.found(LISTED)
    asked, late = await desk.large(), await desk.large()
    await desk.ask(asked)
    await desk.change("UPDATE wire_transfers SET sla_hard_stop = now() - interval '1 second' WHERE id = :id", id=late)
    for wire_id in (similar, blocked, asked, late):
        with pytest.raises(AurumError) as refused:
            await desk.override(wire_id)
        assert refused.value.code in {"wrong_state", "deadline_passed"}
    limited = await desk.large()
    await desk.change(
        "INSERT INTO approver_limits (person, base_currency, per_wire_minor) VALUES (:id, 'EUR', 100)", id=desk.second
    )
    await desk.propose_override(limited)
    with pytest.raises(ApproverLimitExceeded):
        await desk.confirm_override(limited)
    await desk.change("DELETE FROM approver_limits WHERE person IS NOT NULL")
    assert await desk.status(limited) == "awaiting_approval"


async def test_what_two_have_overridden_counts_to_what_they_may_approve_in_a_day(desk: Overrides) -> None:
    first, second = await desk.large(), await desk.large()
    await desk.change(
        "INSERT INTO approver_limits (person, base_currency, per_day_minor) VALUES (:id, 'EUR', 300000000)",
        id=desk.people.senior,
    )
    await desk.override(first)
    with pytest.raises(ApproverLimitExceeded):
        await desk.override(second)
    await desk.change("DELETE FROM approver_limits WHERE person IS NOT NULL")


async def test_a_list_that_finds_something_meanwhile_stops_it(desk: Overrides) -> None:
    before, after = await desk.large(), await desk.large()
    await desk.propose_override(before)
    await desk.override(after)
    await make.sanctions_list(desk.owner, "2026-11-02", more=(GLOBEX,))
    await desk.approval.review(_step(before))
    with pytest.raises((ScreeningOpen, WrongState)):
        await desk.confirm_override(before)
    await desk.release(after)
    assert await desk.status(after) == "blocked"
    # Cleared, it waits for its approvers as if there had been no override.
    await desk.ruled(after, Ruling.CLEAR)
    await desk.approval.route(_step(after))
    assert await desk.status(after) == "awaiting_approval"


async def test_nothing_leaves_while_a_list_is_too_old(desk: Overrides) -> None:
    wire_id = await desk.large()
    await desk.override(wire_id)
    await desk.change("UPDATE sanctions_lists SET checked_at = now() - interval '40 hours'")
    with pytest.raises(ListsStale):
        await desk.release(wire_id)
    assert await desk.status(wire_id) == "approved"


async def test_what_is_new_since_it_was_proposed_voids_it(desk: Overrides) -> None:
    wire_id = await desk.large()
    with pytest.raises(EvidenceChanged):
        await desk.propose_override(wire_id, seen=bytes(32))
    await desk.propose_override(wire_id)
    await desk.ask(wire_id)
    await desk.answer(wire_id)
    with pytest.raises(EvidenceChanged):
        await desk.confirm_override(wire_id)
    await desk.withdraw_override(wire_id)
    await desk.override(wire_id)
    assert await desk.status(wire_id) == "approved"


async def test_a_third_person_closes_it_once(desk: Overrides) -> None:
    wire_id = await desk.large()
    await make.approved(desk.api, desk.people, wire_id)
    await desk.override(wire_id)
    first, second = desk.people.officers
    await desk.lend(desk.people.operations, desk.second)
    for officer in (desk.people.customer, desk.people.senior, desk.second, first, desk.people.operations):
        # Whoever ordered it does not even see it.
        with pytest.raises((FourEyes, NotFound)):
            await desk.close(officer)
    await desk.close(second)
    with pytest.raises(AlreadyDecided):
        await desk.close(second)


async def test_everybody_in_every_order(desk: Overrides) -> None:
    outcomes = set()
    for order in permutations(("propose_override", "confirm_override", "reject", "cancel", "withdraw_override")):
        wire_id = await desk.large()
        for act in order:
            await refused_or_done(getattr(desk, act)(wire_id))
        made = await desk.one(
            "SELECT count(confirmed_at) AS confirmed FROM wire_overrides WHERE wire_id = :id", id=wire_id
        )
        confirmed = made.confirmed
        deciding = {"reject", "cancel", *(["confirm_override"] if confirmed else [])}
        decided = next(act for act in order if act in deciding)
        outcomes.add((decided, confirmed, await desk.status(wire_id)))
    assert outcomes == {
        ("reject", 0, "rejected"),
        ("cancel", 0, "cancelled"),
        # Approved by the two, and taken back before it left.
        ("confirm_override", 1, "cancelled"),
    }


@pytest.mark.parametrize("attempt", range(4))
async def test_everybody_at_once(desk: Overrides, attempt: int) -> None:
    wire_id, other = await desk.large(), await desk.large()
    await desk.propose_override(wire_id)
    await desk.propose_override(other, desk.second)
    acts = [
        desk.confirm_override(wire_id),
        desk.reject(wire_id),
        desk.withdraw_override(wire_id),
        desk.confirm_override(other, desk.people.senior),
        desk.approve(wire_id),
    ]
    await asyncio.gather(*(refused_or_done(act) for act in acts[attempt:] + acts[:attempt]))
    made = await desk.one("SELECT confirmed_at FROM wire_overrides WHERE wire_id = :id", id=wire_id)
    assert await desk.status(wire_id) in ({"approved"} if made.confirmed_at else {"rejected", "awaiting_approval"})
    assert await desk.status(other) == "approved"


SECOND = "(SELECT id FROM users WHERE last_name = 'Senior2')"
FORGED = {
    "approved by one": "UPDATE wire_transfers SET status = 'approved'",
    "confirmed by its proposer": "UPDATE wire_overrides SET confirmed_by = proposed_by",
    "confirmed by its maker": "UPDATE wire_overrides SET confirmed_by = maker_id",
    "another reason": f"UPDATE wire_overrides SET reason = 'something else', confirmed_by = {SECOND}",
    "of another content": "INSERT INTO wire_overrides (wire_id, maker_id, content_hash, reason, evidence,"
    " evidence_hash, proposed_by) SELECT id, user_id, sha256('x'), 'no good reason', '', sha256(''),"
    f" {SECOND} FROM wire_transfers",
    "born confirmed": "INSERT INTO wire_overrides (wire_id, maker_id, content_hash, reason, evidence, evidence_hash,"
    " base_minor, passed_over, proposed_by, confirmed_by, confirmed_at) SELECT wire_id, maker_id, content_hash, reason,"
    f" evidence, evidence_hash, base_minor, '{{}}', proposed_by, {SECOND}, now() FROM wire_overrides",
    "gone": "DELETE FROM wire_overrides",
}


@pytest.mark.parametrize("forged", FORGED)
async def test_the_database_refuses_whoever_asks(desk: Overrides, forged: str) -> None:
    wire_id = await desk.large()
    await desk.propose_override(wire_id)
    with pytest.raises(DBAPIError) as refused:
        await desk.change(FORGED[forged])
    assert str(getattr(refused.value.orig, "sqlstate", "")) in {
        "AU100", "AU113", "AU134", "AU150", "AU151", "23514", "23505",
    }, refused.value  # fmt: skip


async def test_an_override_of_yesterday_approves_nothing_today(desk: Overrides) -> None:
    """Not even without its after-review, and not in the name of the process."""
    wire_id = await desk.large()
    await desk.override(wire_id)
    await make.sanctions_list(desk.owner, "2026-11-02", more=(GLOBEX,))
    await desk.release(wire_id)
    await desk.ruled(wire_id, Ruling.CLEAR)
    await desk.approval.route(_step(wire_id))
    with pytest.raises(DBAPIError):
        await desk.change("UPDATE wire_transfers SET status = 'approved'")
    await make.sanctions_list(desk.owner, "2026-11-03")
    other = await desk.large()
    await desk.propose_override(other)
    with pytest.raises(DBAPIError):
        await desk.change(
            f"WITH made AS (UPDATE wire_overrides SET confirmed_by = {SECOND} WHERE wire_id = '{other}')"
            f" UPDATE wire_transfers SET status = 'approved' WHERE id = '{other}'"
        )


REVIEWED: dict[str, Callable[[Overrides], UUID]] = {
    "its maker": lambda desk: desk.people.customer,
    "who proposed it": lambda desk: desk.people.senior,
    "who confirmed it": lambda desk: desk.second,
}


@pytest.mark.parametrize("by", REVIEWED)
async def test_the_database_knows_who_a_third_person_is(desk: Overrides, by: str) -> None:
    await desk.override(await desk.large())
    closing = (
        "UPDATE wire_after_reviews SET finding = 'justified', note = 'all is well here', closed_by = :who,"
        " closed_at = now()"
    )
    with pytest.raises(DBAPIError, match="a third person"):
        await desk.change(closing, who=REVIEWED[by](desk))
    await desk.change(closing, who=desk.people.officers[0])
    with pytest.raises(DBAPIError, match="closed once"):
        await desk.change(closing, who=desk.people.officers[1])
