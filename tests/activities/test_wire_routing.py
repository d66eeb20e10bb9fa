"""To whom a wire goes, and why: each thing that the matrix is asked about, as the tables have it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import Approver, Row, ToRoute, WireState, WireStep
from tests.activities.test_wire_races import Bench
from tests.factories import wires as make
from tests.factories.approval import as_shipped, published

K = 1_000_00


class Routes(Bench):
    """A desk that routes."""

    async def routed(self, **changes: Any) -> WireState:
        """A wire after screening and routing."""
        wire = await make.ordered(self.api, self.people, **changes)
        return await self.route(wire.id)

    async def route(self, wire_id: UUID) -> WireState:
        """The two steps up to the officers."""
        step = WireStep(wire_id=wire_id, at=datetime.now(UTC))
        await self.approval.screen(step)
        return await self.approval.route(step)

    async def kept(self, wire_id: UUID) -> Any:
        """What is kept with the wire."""
        async with transaction(self.owner) as session:
            return await wires.routing_of(session, wire_id)

    async def sql(self, statement: str, **values: Any) -> None:
        """Something that the owner of the tables changes, past their guards."""
        async with transaction(self.owner) as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(text(statement), values)


@pytest.fixture
async def desk(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[Routes]:
    """A desk without processes."""
    made = Routes(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine, eur=10_000_000_00)
    async with as_shipped(owner_engine):
        yield made


def in_euros(desk: Routes, minor: int, **changes: Any) -> dict[str, Any]:
    """An order in the base currency."""
    return {"sender_account_id": desk.people.eur_account, "currency": "EUR", "amount_minor": minor, **changes}


async def test_why_is_kept_with_the_wire_and_never_changes(desk: Routes) -> None:
    state = await desk.routed(amount_minor=300_000_00)
    assert (state.approvals_required, state.senior_required) == (2, False)
    assert state.matrix_row == "row over_250k of matrix 2"
    kept = await desk.kept(state.wire_id)
    assert (kept.matrix_version, kept.matrix_row, kept.approvers) == (2, "over_250k", ["officer", "officer"])
    # 300,000 / 1.08, rounded up.
    assert (kept.base_currency, kept.amount_base_minor, kept.summed_base_minor) == ("EUR", 27_777_778, 27_777_778)
    assert kept.explanation == (
        "Row over_250k of matrix 2 (over 250,000 EUR): officer, officer. 277,777.78 EUR; country US: low risk;"
        " beneficiary: new; customer: low risk."
    )
    (rate,) = kept.inputs["rates"]
    assert (rate["base"], rate["target"], rate["rate"], rate["provider"]) == ("EUR", "USD", "1.08", "simulated")
    assert kept.inputs["row"]["over"] == 250_000
    for statement in ("UPDATE wire_routings SET approvers = '{}'", "DELETE FROM wire_routings"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with transaction(desk.owner) as session:
                await session.execute(text(statement))
    await desk.route(state.wire_id)
    assert await desk.kept(state.wire_id) == kept


@pytest.mark.parametrize(("minor", "row"), [(10 * K, "new_beneficiary"), (250 * K, "new_beneficiary"),
                                            (250 * K + 1, "over_250k"), (1000 * K + 1, "over_1m")])  # fmt: skip
async def test_the_amount_to_the_cent(desk: Routes, minor: int, row: str) -> None:
    state = await desk.routed(**in_euros(desk, minor))
    assert (await desk.kept(state.wire_id)).matrix_row == row


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM fx_rates WHERE target_currency = 'USD'",
        "UPDATE fx_rates SET effective_to = now() - interval '1 second'",
        "UPDATE fx_rates SET effective_from = now() + interval '1 hour'",
    ],
)
async def test_without_a_current_rate_a_small_wire_takes_the_strictest_row(desk: Routes, statement: str) -> None:
    await desk.sql(statement)
    state = await desk.routed()
    kept = await desk.kept(state.wire_id)
    assert (kept.matrix_row, kept.approvers) == ("over_1m", ["officer", "senior"])
    assert (kept.amount_base_minor, kept.inputs["rates"]) == (None, [])
    assert "is not known" in kept.explanation
    # One in the base currency needs none.
    other = await desk.routed(**in_euros(desk, K, recipient_account_number="999"))
    assert other.approvals_required == 1


async def test_the_newest_rate_counts_and_either_way_round(desk: Routes) -> None:
    await desk.sql(
        "INSERT INTO fx_rates (base_currency, target_currency, rate, effective_from, effective_to, provider)"
        " VALUES ('EUR', 'USD', 2, now() - interval '1 minute', now() + interval '1 day', 'other')"
    )
    state = await desk.routed()
    assert (await desk.kept(state.wire_id)).amount_base_minor == 500_00
    await desk.sql("UPDATE fx_rates SET base_currency = 'USD', target_currency = 'EUR' WHERE provider = 'other'")
    await desk.sql("DELETE FROM fx_rates WHERE base_currency = 'EUR' AND target_currency = 'USD'")
    state = await desk.routed(recipient_account_number="999")
    assert (await desk.kept(state.wire_id)).amount_base_minor == 2_000_00


async def test_a_rate_of_a_real_source_says_when_it_is_over(desk: Routes) -> None:
    with pytest.raises(DBAPIError, match="fx_rates_end"):
        await desk.sql(
            "INSERT INTO fx_rates (base_currency, target_currency, rate, provider) VALUES ('EUR', 'JPY', 1, 'x')"
        )


@pytest.mark.parametrize(
    ("bic", "account", "row"),
    [
        ("COBADEFF", "DE89370400440532013000", "new_beneficiary"),
        ("MELIIRTH", "1", "high_risk_country"),
        ("BSMXMXMM", "2", "medium_risk_country"),
    ],
)
async def test_the_country_of_the_recipient(desk: Routes, bic: str, account: str, row: str) -> None:
    country = bic[4:6]
    state = await desk.routed(recipient_bank_swift=bic, recipient_account_number=account, recipient_country=country)
    assert (await desk.kept(state.wire_id)).matrix_row == row


@pytest.mark.parametrize(("risk", "row"), [("medium", "new_beneficiary"), ("high", "high_risk_customer")])
async def test_the_customers_own_risk(desk: Routes, risk: str, row: str) -> None:
    await desk.sql("UPDATE users SET risk_level = :risk", risk=risk)
    assert (await desk.kept((await desk.routed()).wire_id)).matrix_row == row


async def test_amounts_to_one_account_within_a_day_are_added_up(desk: Routes) -> None:
    first = await desk.routed(**in_euros(desk, 150 * K))
    assert first.approvals_required == 1
    second = await desk.routed(**in_euros(desk, 150 * K, recipient_account_number="00000000123456789"))
    kept = await desk.kept(second.wire_id)
    assert (kept.matrix_row, kept.amount_base_minor, kept.summed_base_minor) == ("over_250k", 150 * K, 300 * K)
    assert "in 2 wires to the same account within a day" in kept.explanation
    elsewhere = await desk.routed(**in_euros(desk, 150 * K, recipient_account_number="777"))
    assert elsewhere.approvals_required == 1


async def test_whoever_orders_to_the_account_and_in_whichever_currency(desk: Routes) -> None:
    await desk.routed(amount_minor=540 * K)
    friend = await make.people(desk.owner, listed=False)
    desk.people = friend
    state = await desk.routed(amount_minor=541 * K)
    kept = await desk.kept(state.wire_id)
    assert (kept.matrix_row, kept.inputs["summed_wires"]) == ("over_1m", 2)


@pytest.mark.parametrize("gone", ["cancelled", "rejected", "expired", "failed", "blocked"])
async def test_what_will_not_be_paid_is_not_added(desk: Routes, gone: str) -> None:
    first = await desk.routed(**in_euros(desk, 200 * K))
    await desk.sql("UPDATE wire_transfers SET status = :gone WHERE id = :id", gone=gone, id=first.wire_id)
    assert (await desk.routed(**in_euros(desk, 200 * K))).approvals_required == 1


async def test_what_was_ordered_more_than_a_day_before_is_not_added(desk: Routes) -> None:
    first = await desk.routed(**in_euros(desk, 200 * K))
    moved = "UPDATE wire_transfers SET created_at = created_at - interval '24 hours 1 second' WHERE id = :id"
    await desk.sql(moved, id=first.wire_id)
    assert (await desk.routed(**in_euros(desk, 200 * K))).approvals_required == 1


async def test_a_beneficiary_that_was_paid_is_known(desk: Routes) -> None:
    first = await desk.routed()
    await desk.sql(
        "UPDATE wire_transfers SET status = 'completed', created_at = now() - interval '9 days' WHERE id = :id",
        id=first.wire_id,
    )
    kept = await desk.kept((await desk.routed()).wire_id)
    assert (kept.matrix_row, kept.inputs["standing"]) == ("small_and_known", "known")


async def test_a_sleeping_account_that_wakes_goes_to_two(desk: Routes) -> None:
    await desk.sql("UPDATE postings SET created_at = now() - interval '200 days'")
    kept = await desk.kept((await desk.routed(amount_minor=20 * K)).wire_id)
    assert (kept.matrix_row, kept.inputs["signs"]) == ("unusual", ["nothing was booked on the account for 200 days"])


async def test_far_more_than_usual_goes_to_two(desk: Routes) -> None:
    for number in range(5):
        state = await desk.routed(amount_minor=2 * K, recipient_account_number=f"81{number}")
        await desk.sql(
            "UPDATE wire_transfers SET status = 'completed', created_at = now() - interval '9 days' WHERE id = :id",
            id=state.wire_id,
        )
    kept = await desk.kept((await desk.routed(amount_minor=20 * K)).wire_id)
    assert kept.matrix_row == "new_beneficiary"
    kept = await desk.kept((await desk.routed(amount_minor=21 * K, recipient_account_number="82")).wire_id)
    assert kept.matrix_row == "unusual"
    assert kept.inputs["signs"] == ["more than 10 times what the customer usually wires"]


async def test_many_new_accounts_within_a_day_go_to_two(desk: Routes) -> None:
    rows = []
    for number in range(5):
        state = await desk.routed(amount_minor=20 * K, recipient_account_number=f"81{number}")
        rows.append((await desk.kept(state.wire_id)).matrix_row)
    assert rows == ["new_beneficiary"] * 4 + ["unusual"]


async def test_a_dry_run_says_the_same_and_keeps_nothing(desk: Routes) -> None:
    order = make.order(desk.people, **in_euros(desk, 600 * K))
    subject = ToRoute.of(order, desk.people.customer)
    async with transaction(desk.api, desk.people.as_customer()) as session:
        tried = await wires.approvals_needed(
            session, subject, base_currency="EUR", fingerprint_key=b"k", at=datetime.now(UTC)
        )
    state = await desk.routed(**in_euros(desk, 600 * K))
    kept = await desk.kept(state.wire_id)
    assert (tried.row.name, tried.explanation) == (kept.matrix_row, kept.explanation)
    async with transaction(desk.owner) as session:
        assert (await session.execute(text("SELECT count(*) FROM wire_routings"))).scalar_one() == 1


async def test_a_dry_run_does_not_tell_what_others_have_ordered(desk: Routes) -> None:
    await desk.routed(**in_euros(desk, 900 * K))
    stranger = await make.person(desk.owner, "Sam Stranger")
    account = await make.account(desk.owner, stranger, "EUR", 500 * K)
    subject = ToRoute(
        user_id=stranger, sender_account_id=account, amount_minor=200 * K, currency="EUR",
        recipient_account_number="000123456789", recipient_bank="TESTUS33", recipient_country="US",
    )  # fmt: skip
    rights = desk.people.as_customer().model_copy(update={"user_id": stranger})
    async with transaction(desk.api, rights) as session:
        tried = await wires.approvals_needed(
            session, subject, base_currency="EUR", fingerprint_key=b"k", at=datetime.now(UTC)
        )
    assert (tried.summed_base_minor, tried.row.name) == (200 * K, "new_beneficiary")


HARMLESS = (
    Row(name="similar", similar_name=True, approvers=(Approver.OFFICER,)),
    Row(name="over_10k", over=10_000, approvers=(Approver.OFFICER,)),
    Row(name="harmless", approvers=()),
)


async def test_a_matrix_that_asks_for_nobody_approves_at_once_and_says_why(desk: Routes) -> None:
    version = await published(desk.owner, *HARMLESS)
    state = await desk.routed()
    assert (state.status, state.approvals_required) == ("approved", 0)
    assert (await desk.kept(state.wire_id)).matrix_version == version
    async with transaction(desk.owner) as session:
        events = [event.event for event in await wires.timeline(session, state.wire_id)]
    assert events == ["ordered", "screened", "approved_by_rule"]
    await desk.release(state.wire_id)
    assert (await desk.approval.review(WireStep(wire_id=state.wire_id, at=datetime.now(UTC)))).status == "released"


async def test_a_wire_that_was_routed_keeps_its_matrix(desk: Routes) -> None:
    before = await desk.routed()
    await published(desk.owner, *HARMLESS)
    again = await desk.route(before.wire_id)
    assert (again.status, again.approvals_required) == ("awaiting_approval", 1)


async def test_the_database_approves_nothing_without_a_routing_that_says_so(desk: Routes) -> None:
    wire = await make.ordered(desk.api, desk.people)
    step = WireStep(wire_id=wire.id, at=datetime.now(UTC))
    await desk.approval.screen(step)
    for change in (
        "status = 'approved', approvals_required = 0",
        "status = 'awaiting_approval', approvals_required = 0",
        "status = 'awaiting_approval'",
    ):
        with pytest.raises(DBAPIError, match="does not say what its routing says"):
            async with transaction(desk.owner) as session:
                await session.execute(text(f"UPDATE wire_transfers SET {change} WHERE id = :id"), {"id": wire.id})
    await desk.approval.route(step)
    with pytest.raises(DBAPIError, match="does not say what its routing says"):
        async with transaction(desk.owner) as session:
            await session.execute(
                text("UPDATE wire_transfers SET status = 'approved', approvals_required = 0 WHERE id = :id"),
                {"id": wire.id},
            )
    with pytest.raises(DBAPIError, match="not approved by enough officers"):
        async with transaction(desk.owner) as session:
            await session.execute(text("UPDATE wire_transfers SET status = 'approved' WHERE id = :id"), {"id": wire.id})
