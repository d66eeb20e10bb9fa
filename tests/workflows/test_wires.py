"""The process of a wire, with time skipped: each way it can go, and the books after it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from temporalio.common import SearchAttributeKey

from infra.database import transaction
from models.errors import AlreadyDecided, DeadlinePassed, FourEyes, WrongState
from models.screening import Kind, ListedEntity
from models.search_attributes import ASSIGNEE
from models.tables import wires
from models.wires import Row
from models.wires.compliance import Ruling
from tests.factories import wires as make
from tests.factories.approval import as_shipped, published
from tests.factories.counterparty import CLOSED_ACCOUNT, MONDAY
from tests.factories.damage import damage
from tests.workflows.conftest import Desk, until
from tests.workflows.paths import BUDGET


async def money(desk: Desk) -> tuple[int, int]:
    """What the customer's dollar account has, and what of it is held."""
    async with transaction(desk.engine) as session:
        row = await session.execute(
            text("SELECT posted_minor, held_minor FROM accounts WHERE id = :id"), {"id": desk.people.usd_account}
        )
        posted, held = row.one()
        return posted, held


async def notices(desk: Desk, who: UUID) -> list[str]:
    """The events that a person was told of."""
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT event FROM notifications WHERE user_id = :who ORDER BY id"), {"who": who}
        )
        return list(rows.scalars().all())


async def in_balance(desk: Desk, *entries: str) -> None:
    """The ledger proves itself, and these are its entries of wires."""
    books = await make.books(desk.engine)
    assert books["breaches"] == []
    assert not any(books["totals"].values())
    assert books["wire_entries"] == sorted(entries)


async def awaiting(desk: Desk, **changes: Any) -> UUID:
    """A wire that waits for officers."""
    wire_id = await desk.order(**changes)
    await desk.reaches(wire_id, "awaiting_approval")
    return wire_id


async def at_the_bank(desk: Desk, **changes: Any) -> UUID:
    """A wire whose order is in the bank's folder."""
    wire_id = await awaiting(desk, **changes)
    await desk.approve(wire_id)
    await desk.sent(wire_id)
    return wire_id


async def test_an_approved_wire_is_sent_acknowledged_settled_and_told(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk)
    assert await money(desk) == (before, 1_025_00)
    await desk.hear_bank()
    outcome = await desk.process(wire_id).result()
    assert outcome.status == "completed"
    assert await money(desk) == (before - 1_025_00, 0)
    assert [order["status"] for order in desk.bank.orders()] == ["accepted"]
    assert await desk.events(wire_id) == [
        "ordered", "screened", "awaiting_approval", "approval_given", "released", "sent", "acknowledged", "completed",
    ]  # fmt: skip
    assert await notices(desk, desk.people.customer) == ["wire.completed"]
    await desk.dispatch()
    await until(lambda: desk.count("notifications WHERE sent_at IS NOT NULL"), bool)
    assert len(list(desk.settings.mail_dir.glob("*.eml"))) == 1
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_a_wire_takes_few_history_events(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    await desk.hear_bank()
    await desk.process(wire_id).result()
    history = await desk.process(wire_id).fetch_history()
    assert len(history.events) <= BUDGET


async def test_the_receiver_bears_the_fee_of_a_ben_wire(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk, charges="BEN")
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    assert await money(desk) == (before - 1_000_00, 0)
    assert [order["amount"] for order in desk.bank.orders()] == [975_00]
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_a_large_wire_needs_two_officers(desk: Desk) -> None:
    wire_id = await awaiting(desk, amount_minor=300_000_00)
    await desk.approve(wire_id, 0)
    assert await desk.status(wire_id) == "awaiting_approval"
    with pytest.raises(AlreadyDecided):
        await desk.approve(wire_id, 0)
    await desk.approve(wire_id, 1)
    await desk.sent(wire_id)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"


async def test_a_very_large_wire_needs_a_senior_officer_among_them(desk: Desk) -> None:
    wire_id = await awaiting(desk, amount_minor=2_000_000_00)
    await make.called(desk.engine, wire_id)
    await desk.approve(wire_id, 0)
    await desk.approve(wire_id, 1)
    assert await desk.status(wire_id) == "awaiting_approval"
    async with transaction(desk.api_engine, desk.people.as_senior()) as session:
        await wires.approve(session, wire_id, desk.people.senior, senior=True)
    assert await desk.status(wire_id) in {"approved", "released"}


async def test_the_maker_is_never_the_checker(desk: Desk) -> None:
    wire_id = await awaiting(desk)
    both = desk.people.as_customer().model_copy(
        update={"role": "super_admin", "permissions": make.SENIOR_RIGHTS | make.CUSTOMER_RIGHTS}
    )
    with pytest.raises(FourEyes):
        async with transaction(desk.api_engine, both) as session:
            await wires.approve(session, wire_id, desk.people.customer, senior=True)
    assert await desk.status(wire_id) == "awaiting_approval"


async def test_a_rejected_wire_gives_the_money_back_and_tells_the_customer(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await awaiting(desk)
    async with transaction(desk.api_engine, desk.people.as_officer()) as session:
        await wires.reject(session, wire_id, desk.people.officers[0], senior=False, reason="no contract")
    assert await money(desk) == (before, 0)
    await desk.dispatch()
    assert (await desk.process(wire_id).result()).status == "rejected"
    assert await notices(desk, desk.people.customer) == ["wire.rejected"]
    assert desk.bank.answer() == 0
    await in_balance(desk)


async def test_a_customer_cancels_before_release_and_not_after(desk: Desk) -> None:
    cancelled = await awaiting(desk)
    async with transaction(desk.api_engine, desk.people.as_customer()) as session:
        await wires.cancel(session, cancelled, desk.people.customer)
    await desk.dispatch()
    assert (await desk.process(cancelled).result()).status == "cancelled"
    released = await at_the_bank(desk)
    with pytest.raises(WrongState):
        async with transaction(desk.api_engine, desk.people.as_customer()) as session:
            await wires.cancel(session, released, desk.people.customer)
    await in_balance(desk)


async def test_nobody_decides_so_it_reminds_escalates_breaches_and_expires(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await awaiting(desk)
    outcome = await desk.passes_until_the_end(wire_id)
    assert outcome.status == "expired"
    assert await money(desk) == (before, 0)
    assert await desk.events(wire_id) == [
        "ordered", "screened", "awaiting_approval", "sla_reminded", "sla_escalated", "sla_breached", "sla_expired",
    ]  # fmt: skip
    assert await notices(desk, desk.people.officers[0]) == ["wire.reminded"]
    assert await notices(desk, desk.people.senior) == ["wire.reminded", "wire.escalated", "wire.breached"]
    assert await notices(desk, desk.people.customer) == ["wire.expired"]
    await in_balance(desk)


async def test_an_approval_after_the_hard_stop_is_refused(desk: Desk) -> None:
    wire_id = await awaiting(desk)
    async with transaction(desk.engine) as session:
        await session.execute(
            text("UPDATE wire_transfers SET sla_hard_stop = now() - interval '1 second' WHERE id = :id"),
            {"id": wire_id},
        )
    with pytest.raises(DeadlinePassed):
        await desk.approve(wire_id)


async def test_the_bank_refuses_and_the_money_is_available_again(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk, recipient_account_number=CLOSED_ACCOUNT)
    await desk.hear_bank()
    outcome = await desk.process(wire_id).result()
    assert (outcome.status, outcome.reason_code) == ("failed", "AC04")
    assert await money(desk) == (before, 0)
    assert await notices(desk, desk.people.customer) == ["wire.failed"]
    await in_balance(desk)


async def ruled(desk: Desk, wire_id: UUID, ruling: Ruling, **wish: Any) -> None:
    """Two officers of the compliance desk rule, and the process is woken."""
    await make.ruled(desk.api_engine, desk.people, wire_id, ruling, **wish)
    await desk.dispatch()


async def test_a_listed_name_blocks_the_wire_and_keeps_its_hold_until_it_is_rejected(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await desk.order(recipient_name="GRIMSHOLM, Víktor")
    await desk.reaches(wire_id, "blocked")
    assert await money(desk) == (before, 1_025_00)
    assert await notices(desk, desk.people.customer) == []
    assert await notices(desk, desk.people.officers[0]) == ["wire.blocked"]
    with pytest.raises(WrongState):
        await desk.approve(wire_id)
    # Half a year later it stands where it stood, and its process has not done anything.
    await desk.passes(wire_id, timedelta(days=180))
    assert await desk.status(wire_id) == "blocked"
    await ruled(desk, wire_id, Ruling.CONFIRM)
    await ruled(desk, wire_id, Ruling.REJECT)
    outcome = await desk.process(wire_id).result()
    assert (outcome.status, outcome.reason_code) == ("rejected", "rejected_by_officer")
    assert await money(desk) == (before, 0)
    assert await notices(desk, desk.people.customer) == ["wire.rejected"]
    assert await desk.count("sanctions_reports WHERE kind = 'rejected'") == 1
    await in_balance(desk)


async def test_blocked_property_is_seized_and_given_back_by_a_licence(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await desk.order(recipient_bank_swift="NOWHNL2AXXX")
    await desk.reaches(wire_id, "blocked")
    await ruled(desk, wire_id, Ruling.CONFIRM)
    await ruled(desk, wire_id, Ruling.SEIZE)
    await until(lambda: desk.count("blocked_property"), bool)
    assert await money(desk) == (before - 1_000_00, 0)
    await desk.passes(wire_id, timedelta(days=8))
    await until(lambda: desk.count("notifications WHERE event = 'wire.report_due'"), bool)
    await ruled(desk, wire_id, Ruling.RELEASE, licence="LIC-7")
    assert (await desk.process(wire_id).result()).status == "returned"
    async with transaction(desk.engine) as session:
        kept = await session.execute(text("SELECT to_day, amount_minor FROM blocked_interest ORDER BY from_day"))
        booked = {str(row.to_day): row.amount_minor for row in kept}
    # Eight days of three per cent, or nine where the last one was over meanwhile.
    assert sum(booked.values()) in {66, 75}
    assert await money(desk) == (before + sum(booked.values()), 0)
    await in_balance(
        desk,
        f"wire/{wire_id}/licence",
        f"wire/{wire_id}/licence-interest",
        f"wire/{wire_id}/seizure",
        *(f"wire/{wire_id}/interest/{to_day}" for to_day in booked),
    )


async def test_a_similar_name_is_cleared_by_two_and_then_takes_two_approvers_one_senior(desk: Desk) -> None:
    wire_id = await desk.order(recipient_name="Viktor Grimsholmm")
    await until(lambda: desk.count("screening_cases"), bool)
    await ruled(desk, wire_id, Ruling.CLEAR)
    await desk.reaches(wire_id, "awaiting_approval")
    await desk.approve(wire_id)
    async with transaction(desk.api_engine, desk.people.as_senior()) as session:
        await wires.approve(session, wire_id, desk.people.senior, senior=True, comment="born elsewhere")
    await desk.dispatch()
    await desk.sent(wire_id)


async def test_nobody_decides_what_screening_found_so_the_wire_expires(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await desk.order(recipient_name="Viktor Grimsholmm")
    await until(lambda: desk.count("screening_cases"), bool)
    outcome = await desk.passes_until_the_end(wire_id)
    assert (outcome.status, outcome.compliance_status) == ("expired", "in_review")
    assert await money(desk) == (before, 0)
    events = [event for event in await desk.events(wire_id) if event.startswith("compliance_")]
    assert events == ["compliance_in_review", "compliance_reminded", "compliance_escalated", "compliance_breached"]
    assert await notices(desk, desk.people.customer) == ["wire.expired"]
    await in_balance(desk)


async def test_a_list_that_changed_after_approval_blocks_at_release(desk: Desk) -> None:
    wire_id = await awaiting(desk, execution_date=datetime.now(UTC).date() + timedelta(days=30))
    await desk.approve(wire_id)
    await desk.reaches(wire_id, "approved")
    globex = ListedEntity(id="AD-9", kind=Kind.ENTITY, name="Globex Trading")
    await make.sanctions_list(desk.engine, "2026-11-02", more=(globex,))
    await desk.passes(wire_id, timedelta(days=31))
    await desk.reaches(wire_id, "blocked")
    assert desk.bank.answer() == 0
    # Two officers find that it is another Globex: it has been approved, and leaves.
    await ruled(desk, wire_id, Ruling.CLEAR)
    await desk.sent(wire_id)
    await in_balance(desk)


async def test_without_a_list_nothing_is_screened_and_nothing_moves(desk: Desk) -> None:
    await damage(
        desk.engine,
        "DELETE FROM sanctions_entries",
        "DELETE FROM sanctions_versions",
        "DELETE FROM sanctions_lists",
    )
    wire_id = await desk.order()
    await until(lambda: desk.count("outbox WHERE dispatched_at IS NULL"), lambda waiting: waiting == 0)
    assert await desk.status(wire_id) == "pending"
    await make.sanctions_list(desk.engine)
    await desk.reaches(wire_id, "awaiting_approval")


async def test_a_silent_bank_is_reported_to_operations_and_nothing_is_sent_again(desk: Desk) -> None:
    desk.bank.behave("USD", "silent")
    wire_id = await at_the_bank(desk)
    await desk.passes(wire_id, timedelta(hours=5))
    await until(lambda: desk.events(wire_id), lambda events: "bank_silent" in events)
    assert await notices(desk, desk.people.operations) == ["wire.bank_silent"]
    # A correspondent whose client we are takes no question of a bank: it is asked by telephone.
    assert list(desk.bank.outbox.glob("SR*")) == []
    assert desk.bank.answer() == 1
    await desk.parts.inbox.read_waiting()
    await desk.dispatch()
    assert (await desk.process(wire_id).result()).status == "completed"
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_money_that_comes_back_days_later_is_posted_to_the_customer(desk: Desk) -> None:
    before, _ = await money(desk)
    desk.bank.behave("USD", "return-later", days=2, reason="AC04")
    wire_id = await at_the_bank(desk)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    desk.bank.until((MONDAY + timedelta(days=3)).date())
    await desk.parts.inbox.read_waiting()
    await desk.dispatch()
    await desk.reaches(wire_id, "returned")
    assert await money(desk) == (before - 25_00, 0)
    await until(lambda: notices(desk, desk.people.customer), lambda told: told == ["wire.completed", "wire.returned"])
    await in_balance(desk, f"wire/{wire_id}/return", f"wire/{wire_id}/settlement")


def so_many(number: int) -> Callable[[list[str]], bool]:
    """Whether somebody was told that often."""
    return lambda told: len(told) == number


async def test_a_customer_who_is_asked_has_until_the_hard_stop_and_the_desk_has_its_time(desk: Desk) -> None:
    wire_id = await awaiting(desk)
    for number in (1, 2):
        async with transaction(desk.api_engine, desk.people.as_officer()) as session:
            await wires.claim(session, wire_id, desk.people.officers[0])
            await wires.request_info(session, wire_id, desk.people.officers[0], question=f"Question {number}")
        await desk.dispatch()
        await until(lambda: notices(desk, desk.people.customer), so_many(number))
        async with transaction(desk.api_engine, desk.people.as_customer()) as session:
            await wires.give_info(session, wire_id, desk.people.customer, answer="Parts")
        await desk.dispatch()
        await until(lambda: notices(desk, desk.people.senior), so_many(number))
    found = await desk.process(wire_id).describe()
    assert found.typed_search_attributes.get(SearchAttributeKey.for_keyword(ASSIGNEE)) == str(desk.people.officers[0])
    await desk.approve(wire_id)
    await desk.sent(wire_id)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    history = await desk.process(wire_id).fetch_history()
    # Five wakes more than a plain wire, each with its look and its timer, and a column of the queue set and cleared.
    assert len(history.events) <= BUDGET + 5 * 9


async def test_a_customer_who_does_not_answer_gets_the_money_back_at_the_hard_stop(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await awaiting(desk)
    async with transaction(desk.api_engine, desk.people.as_officer()) as session:
        await wires.request_info(session, wire_id, desk.people.officers[0], question="Why?")
    await desk.dispatch()
    outcome = await desk.passes_until_the_end(wire_id)
    assert outcome.status == "expired"
    assert await money(desk) == (before, 0)
    assert await notices(desk, desk.people.customer) == ["wire.info_requested", "wire.expired"]


async def test_a_wire_that_the_matrix_asks_nobody_about_goes_straight_through(desk: Desk) -> None:
    async with as_shipped(desk.engine):
        await published(desk.engine, Row(name="harmless", approvers=()))
        wire_id = await desk.order()
        await desk.sent(wire_id)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    assert await desk.events(wire_id) == [
        "ordered", "screened", "approved_by_rule", "released", "sent", "acknowledged", "completed",
    ]  # fmt: skip
