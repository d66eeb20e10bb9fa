"""The process of a payment, with time skipped: each way it can go, and the books after it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from infra.database import transaction
from models.errors import InsufficientFunds, WrongState
from models.payments import PaymentState, PaymentStatus, PaymentStep
from tests.factories import payments as make
from tests.factories import wires as people_make
from tests.factories.bank_answers import answered_payment
from tests.factories.counterparty import ACH_ODFI, CLOSED_ACCOUNT
from tests.workflows.conftest import Desk, until
from tests.workflows.payment_desk import (
    events,
    hear_bank_until,
    in_balance,
    money,
    passes,
    pay,
    process,
    reaches,
    row,
    sent,
    told,
)

EVENTS_A_PAYMENT_MAY_TAKE = 40
# A day in which nothing closes has three looks for money, not twelve.
DESK_SETTINGS = {"payment_retry_seconds": 8 * 3600}
RAILS = pytest.mark.parametrize("currency", ["EUR", "USD"])


def in_days(days: int) -> datetime:
    """The day so many days from now, as a customer would name it."""
    return datetime.now(UTC) + timedelta(days=days)


@RAILS
async def test_a_payment_is_sent_acknowledged_settled_and_told(desk: Desk, currency: str) -> None:
    before, _ = await money(desk, currency)
    fee = make.fee(currency)
    payment_id = await pay(desk, make.order_in(currency, desk.people))
    assert await money(desk, currency) == (before, 100_00 + fee)
    await sent(desk, payment_id)
    await hear_bank_until(desk, days=2)
    assert (await process(desk, payment_id).result()).status == "completed"
    assert await money(desk, currency) == (before - 100_00 - fee, 0)
    assert [(order["status"], order["amount"]) for order in desk.bank.orders()] == [("accepted", 100_00)]
    assert await events(desk, payment_id) == [
        "ordered", "released", "sent", "acknowledged", "completed",
    ]  # fmt: skip
    assert await told(desk, desk.people.customer) == ["payment.completed"]
    assert (await row(desk, payment_id)).transaction_id == payment_id
    async with transaction(desk.engine) as session:
        fees = await session.execute(
            text(
                "SELECT sum(p.amount_minor)::bigint FROM postings p JOIN accounts a ON a.id = p.account_id"
                " WHERE a.purpose = 'fees'"
            )
        )
        assert fees.scalar_one() == fee
    await in_balance(desk, f"payment/{payment_id}/settlement")


async def test_a_payment_takes_few_history_events(desk: Desk) -> None:
    payment_id = await pay(desk, make.sepa_order(desk.people))
    await sent(desk, payment_id)
    await hear_bank_until(desk, days=2)
    await process(desk, payment_id).result()
    history = await process(desk, payment_id).fetch_history()
    assert len(history.events) <= EVENTS_A_PAYMENT_MAY_TAKE


@RAILS
async def test_a_scheduled_payment_sets_its_money_aside_on_its_day_and_not_before(desk: Desk, currency: str) -> None:
    before, _ = await money(desk, currency)
    due = in_days(3).date()
    payment_id = await pay(desk, make.order_in(currency, desk.people, due_on=due))
    await passes(desk, process(desk, payment_id), timedelta(days=1))
    assert ((await row(desk, payment_id)).status, await money(desk, currency)) == ("scheduled", (before, 0))
    # Into its first hour, whatever the hour is now: after four the bank would be late.
    await passes(desk, process(desk, payment_id), datetime.combine(due, time(1), UTC) - in_days(1))
    await sent(desk, payment_id)
    assert await money(desk, currency) == (before, 100_00 + make.fee(currency))
    await hear_bank_until(desk, days=10)
    assert (await process(desk, payment_id).result()).status == "completed"
    assert await events(desk, payment_id) == [
        "ordered", "funded", "released", "sent", "acknowledged", "completed",
    ]  # fmt: skip
    await in_balance(desk, f"payment/{payment_id}/settlement")


async def test_missing_money_is_looked_for_again_the_same_day(desk: Desk) -> None:
    poor = await people_make.account(desk.engine, desk.people.customer, "EUR", 50_00)
    payment_id = await pay(desk, make.sepa_order(desk.people, sender_account_id=poor, due_on=in_days(1).date()))
    await passes(desk, process(desk, payment_id), timedelta(days=1))
    await until(lambda: told(desk, desk.people.customer), lambda seen: seen == ["payment.money_missing"])
    assert (await row(desk, payment_id)).status == "scheduled"
    await make.paid_in(desk.engine, poor, 100_00)
    await passes(desk, process(desk, payment_id), timedelta(hours=9))
    await sent(desk, payment_id)
    await hear_bank_until(desk, days=10)
    assert (await process(desk, payment_id).result()).status == "completed"
    assert await told(desk, desk.people.customer) == ["payment.money_missing", "payment.completed"]
    await in_balance(desk, f"payment/{payment_id}/settlement")


async def test_money_that_never_comes_fails_the_payment_at_the_end_of_its_day(desk: Desk) -> None:
    poor = await people_make.account(desk.engine, desk.people.customer, "EUR", 50_00)
    payment_id = await pay(desk, make.sepa_order(desk.people, sender_account_id=poor, due_on=in_days(1).date()))
    await desk.time.fast_forward(process(desk, payment_id))
    outcome = await process(desk, payment_id).result()
    assert (outcome.status, outcome.reason_code) == ("failed", "insufficient_funds")
    assert await told(desk, desk.people.customer) == ["payment.money_missing", "payment.failed"]
    assert desk.bank.answer() == 0
    assert await desk.count("limit_uses") == 0
    await in_balance(desk)


async def test_without_money_a_payment_for_now_is_refused_at_once(desk: Desk) -> None:
    poor = await people_make.account(desk.engine, desk.people.customer, "EUR", 100_00)
    with pytest.raises(InsufficientFunds):
        await pay(desk, make.sepa_order(desk.people, sender_account_id=poor))
    assert await desk.count("payments") == 0


async def test_a_scheduled_payment_is_cancelled_before_its_day(desk: Desk) -> None:
    payment_id = await pay(desk, make.sepa_order(desk.people, due_on=in_days(3).date()))
    await make.cancelled(desk.api_engine, desk.people, payment_id)
    await desk.dispatch()
    assert (await process(desk, payment_id).result()).status == "cancelled"
    assert await told(desk, desk.people.customer) == ["payment.cancelled"]
    with pytest.raises(WrongState):
        await make.cancelled(desk.api_engine, desk.people, payment_id)
    await in_balance(desk)


async def test_what_is_at_the_bank_cannot_be_cancelled(desk: Desk) -> None:
    payment_id = await pay(desk, make.sepa_order(desk.people))
    await sent(desk, payment_id)
    with pytest.raises(WrongState, match="given to the bank"):
        await make.cancelled(desk.api_engine, desk.people, payment_id)
    assert (await row(desk, payment_id)).status == "released"


async def test_the_bank_refuses_a_payment_and_its_money_is_available_again(desk: Desk) -> None:
    before = await money(desk, "EUR")
    payment_id = await pay(desk, make.sepa_order(desk.people, recipient_account_number=CLOSED_ACCOUNT))
    await sent(desk, payment_id)
    await hear_bank_until(desk, days=0)
    outcome = await process(desk, payment_id).result()
    assert (outcome.status, outcome.reason_code) == ("failed", "AC04")
    assert await money(desk, "EUR") == before
    assert await told(desk, desk.people.customer) == ["payment.failed"]
    assert await desk.count("limit_uses") == 0
    await in_balance(desk)


async def test_an_entry_that_the_bank_refuses_comes_back_too_and_moves_nothing_more(desk: Desk) -> None:
    before = await money(desk, "USD")
    order = make.ach_order(desk.people, recipient_account_number="0000000003", recipient_routing_number=ACH_ODFI)
    payment_id = await pay(desk, order)
    await sent(desk, payment_id)
    await hear_bank_until(desk, days=3)
    outcome = await process(desk, payment_id).result()
    assert (outcome.status, outcome.reason_code) == ("failed", "R02")
    await until(lambda: desk.count("bank_answers WHERE kind = 'returned' AND applied_at IS NOT NULL"), bool)
    assert await money(desk, "USD") == before
    assert "bank_answer_disputed" not in await events(desk, payment_id)
    await in_balance(desk)


@RAILS
async def test_money_that_comes_back_days_later_is_posted_with_its_reason(desk: Desk, currency: str) -> None:
    before, _ = await money(desk, currency)
    account, reason = ("EUR", "AC04") if currency == "EUR" else ("ACH", "R03")
    desk.bank.behave(account, "return-later", days=3, reason=reason)
    payment_id = await pay(desk, make.order_in(currency, desk.people))
    await sent(desk, payment_id)
    await hear_bank_until(desk, days=2)
    assert (await process(desk, payment_id).result()).status == "completed"
    await hear_bank_until(desk, days=5)
    await reaches(desk, payment_id, "returned")
    assert await money(desk, currency) == (before - make.fee(currency), 0)
    await until(
        lambda: told(desk, desk.people.customer), lambda seen: seen == ["payment.completed", "payment.returned"]
    )
    assert (await row(desk, payment_id)).reason_code == reason
    await in_balance(desk, f"payment/{payment_id}/return", f"payment/{payment_id}/settlement")


async def test_a_return_that_is_read_before_the_debit_waits_for_it(desk: Desk) -> None:
    before, _ = await money(desk, "EUR")
    payment_id = await pay(desk, make.sepa_order(desk.people))
    await sent(desk, payment_id)
    await answered_payment(desk.engine, payment_id, "returned", amount_minor=90_00, currency="EUR", reason="FOCR")
    await process(desk, payment_id).signal("wake")
    await answered_payment(desk.engine, payment_id, "booked", amount_minor=100_00, currency="EUR")
    await process(desk, payment_id).signal("wake")
    assert (await process(desk, payment_id).result()).status == "returned"
    assert await money(desk, "EUR") == (before - 10_00 - make.EUR_FEE, 0)
    await in_balance(desk, f"payment/{payment_id}/return", f"payment/{payment_id}/settlement")


async def test_an_amount_that_is_not_ours_is_disputed_and_moves_nothing(desk: Desk) -> None:
    payment_id = await pay(desk, make.sepa_order(desk.people))
    await sent(desk, payment_id)
    await answered_payment(desk.engine, payment_id, "booked", amount_minor=99_00, currency="EUR")
    await process(desk, payment_id).signal("wake")
    await until(lambda: events(desk, payment_id), lambda seen: "bank_answer_disputed" in seen)
    assert (await row(desk, payment_id)).status == "released"
    assert len(await told(desk, desk.people.operations)) == 1
    await in_balance(desk)


async def test_a_silent_bank_is_reported_and_nothing_is_sent_again(desk: Desk) -> None:
    desk.bank.behave("EUR", "silent")
    payment_id = await pay(desk, make.sepa_order(desk.people))
    await sent(desk, payment_id)
    await passes(desk, process(desk, payment_id), timedelta(hours=5))
    await until(lambda: events(desk, payment_id), lambda seen: "bank_silent" in seen)
    assert await told(desk, desk.people.operations) == ["payment.bank_silent/released"]
    await hear_bank_until(desk, days=3)
    assert (await process(desk, payment_id).result()).status == "completed"
    assert [order["status"] for order in desk.bank.orders()] == ["accepted"]
    await in_balance(desk, f"payment/{payment_id}/settlement")


async def test_a_listed_name_blocks_the_payment_and_its_customer_is_not_told(desk: Desk) -> None:
    before, _ = await money(desk, "EUR")
    payment_id = await pay(desk, make.sepa_order(desk.people, recipient_name="Viktor Grimsholm"))
    assert (await process(desk, payment_id).result()).status == PaymentStatus.BLOCKED
    assert await money(desk, "EUR") == (before, 100_00 + make.EUR_FEE)
    assert await told(desk, desk.people.customer) == []
    assert await told(desk, desk.people.officers[0]) == ["payment.blocked"]
    assert desk.bank.answer() == 0
    await in_balance(desk)


async def test_a_payment_that_two_officers_clear_gives_its_money_back_and_tells_its_customer(desk: Desk) -> None:
    before = await money(desk, "EUR")
    payment_id = await pay(desk, make.sepa_order(desk.people, recipient_name="Viktor Grimsholm"))
    await process(desk, payment_id).result()
    await make.cleared(desk.api_engine, desk.people, payment_id)
    assert await desk.count(f"limit_uses WHERE transaction_id = '{payment_id}'") == 1
    await desk.dispatch()
    ruled = desk.client.get_workflow_handle(f"payment-ruling/{payment_id}", result_type=PaymentState)
    outcome = await ruled.result()
    assert (outcome.status, outcome.reason_code) == ("failed", "not_on_this_rail")
    assert await money(desk, "EUR") == before
    assert await told(desk, desk.people.customer) == ["payment.failed"]
    assert await desk.count(f"limit_uses WHERE transaction_id = '{payment_id}'") == 0
    assert desk.bank.answer() == 0
    await in_balance(desk)


async def test_a_similar_name_is_not_for_this_rail(desk: Desk) -> None:
    before = await money(desk, "EUR")
    payment_id = await pay(desk, make.sepa_order(desk.people, recipient_name="Victor Grimsholm"))
    outcome = await process(desk, payment_id).result()
    assert (outcome.status, outcome.reason_code) == ("failed", "not_on_this_rail")
    assert await money(desk, "EUR") == before
    await in_balance(desk)


async def test_who_may_not_send_money_any_more_does_not(desk: Desk) -> None:
    payment_id = await pay(desk, make.sepa_order(desk.people, due_on=in_days(1).date()))
    async with transaction(desk.engine) as session:
        await session.execute(text("UPDATE users SET status = 'frozen' WHERE id = :id"), {"id": desk.people.customer})
    await desk.time.fast_forward(process(desk, payment_id))
    outcome = await process(desk, payment_id).result()
    assert (outcome.status, outcome.reason_code) == ("failed", "customer_frozen")
    await in_balance(desk)


async def unheard(desk: Desk, payment_id: UUID, *names: str) -> None:
    """Runs steps of a payment that its process never hears of, as when its worker dies before it can say so."""
    steps: dict[str, Callable[[PaymentStep], Awaitable[Any]]] = {
        f"{step.__module__}.{step.__name__}": step for step in desk.parts.activities
    }
    for name in names:
        await steps[f"activities.payments.{name}"](PaymentStep(payment_id=payment_id, at=datetime.now(UTC)))


@RAILS
@pytest.mark.parametrize("done", [("release.release",), ("release.release", "release.send")])
async def test_a_payment_that_was_released_unheard_leaves_once(
    desk: Desk, currency: str, done: tuple[str, ...]
) -> None:
    payment = await make.ordered(desk.api_engine, desk.people, make.order_in(currency, desk.people))
    await unheard(desk, payment.id, *done)
    await desk.dispatch()
    await sent(desk, payment.id)
    await hear_bank_until(desk, days=2)
    assert (await process(desk, payment.id).result()).status == "completed"
    assert [order["status"] for order in desk.bank.orders()] == ["accepted"]
    await in_balance(desk, f"payment/{payment.id}/settlement")


async def test_a_payment_that_was_settled_unheard_is_told_of_once(desk: Desk) -> None:
    payment_id = await pay(desk, make.sepa_order(desk.people))
    await sent(desk, payment_id)
    desk.bank.answer()
    desk.bank.until(desk.bank.today + timedelta(days=2))
    await desk.parts.inbox.read_waiting()
    await unheard(desk, payment_id, "settlement.apply_answers", "funding.conclude")
    await desk.dispatch()
    assert (await process(desk, payment_id).result()).status == "completed"
    assert await told(desk, desk.people.customer) == ["payment.completed"]
    await in_balance(desk, f"payment/{payment_id}/settlement")
