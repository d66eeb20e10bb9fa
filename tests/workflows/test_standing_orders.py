"""The process of a standing order, with time skipped: its dates, its end, what is cancelled, what banks correct."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from infra.database import transaction
from infra.settings import BankHours
from models.errors import WrongState
from models.payments import PaymentOrder, Rhythm
from models.tables import calendars, payments
from models.tables.payments import Payment, StandingOrder
from tests.factories import payments as make
from tests.factories.bank_answers import answered_payment
from tests.workflows.conftest import Desk, until
from tests.workflows.payment_desk import in_balance, process, reaches, standing_process, told

DESK_SETTINGS = {"bank_hours": BankHours.CALENDAR}


async def repeat(desk: Desk, order: PaymentOrder, rhythm: Rhythm) -> tuple[UUID, UUID]:
    """The customer gives a standing order by the bank's calendar; its id and that of its first payment."""
    async with transaction(desk.engine) as session:
        await calendars.top_up(session, datetime.now(UTC).date())
        hours = await calendars.local_rail_hours(session, order.currency)
    standing, first = await make.standing(desk.api_engine, desk.people, order, rhythm, hours=hours)
    await desk.dispatch()
    return standing.id, first.id


async def made(desk: Desk, standing_order_id: UUID) -> list[Payment]:
    """The payments of a standing order, in order."""
    async with transaction(desk.engine) as session:
        found = await session.execute(
            select(Payment).where(col(Payment.standing_order_id) == standing_order_id).order_by(col(Payment.number))
        )
        return list(found.scalars())


def next_month(day: int) -> date:
    """That day of the month after this one."""
    today = datetime.now(UTC).date()
    return date(today.year + today.month // 12, today.month % 12 + 1, day)


async def test_an_order_ends_on_its_last_day(desk: Desk) -> None:
    start = datetime.now(UTC).date() + timedelta(days=7)
    order_id, _ = await repeat(
        desk,
        make.ach_order(desk.people),
        make.rhythm(start, frequency="biweekly", last_on=start + timedelta(days=30), non_banking_day="next"),
    )
    await desk.time.fast_forward(standing_process(desk, order_id))
    assert (await standing_process(desk, order_id).result()).status == "ended"
    assert [row.number for row in await made(desk, order_id)] == [1, 2, 3]


async def test_an_order_that_was_looked_at_often_continues_as_a_new_run(desk: Desk) -> None:
    order_id, _ = await repeat(desk, make.sepa_order(desk.people), make.rhythm(next_month(1)))
    first_run = (await standing_process(desk, order_id).describe()).run_id

    async def woken() -> str:
        await standing_process(desk, order_id).signal("wake")
        return (await standing_process(desk, order_id).describe()).run_id

    await until(woken, lambda run: run != first_run)
    assert len(await made(desk, order_id)) == 1


async def test_one_payment_is_cancelled_and_the_order_goes_on(desk: Desk) -> None:
    start = datetime.now(UTC).date() + timedelta(days=7)
    order_id, first = await repeat(
        desk, make.sepa_order(desk.people), make.rhythm(start, frequency="weekly", occurrences=2)
    )
    await make.cancelled(desk.api_engine, desk.people, first)
    await desk.dispatch()
    assert (await process(desk, first).result()).status == "cancelled"
    await desk.time.fast_forward(standing_process(desk, order_id))
    assert (await standing_process(desk, order_id).result()).status == "ended"
    assert [row.status for row in await made(desk, order_id)] == ["cancelled", "scheduled"]


async def test_a_cancelled_order_makes_no_payment_and_takes_the_waiting_one_along(desk: Desk) -> None:
    start = datetime.now(UTC).date() + timedelta(days=7)
    order_id, first = await repeat(desk, make.sepa_order(desk.people), make.rhythm(start))
    for _ in range(2):
        async with transaction(desk.api_engine, desk.people.as_customer()) as session:
            if _ == 0:
                await payments.cancel_standing(session, order_id, desk.people.customer)
            else:
                with pytest.raises(WrongState):
                    await payments.cancel_standing(session, order_id, desk.people.customer)
    await desk.dispatch()
    assert (await standing_process(desk, order_id).result()).status == "cancelled"
    assert (await process(desk, first).result()).status == "cancelled"
    assert await told(desk, desk.people.customer) == ["payment.cancelled"]
    await in_balance(desk)


async def test_a_notification_of_change_mends_the_order_and_its_waiting_payment(desk: Desk) -> None:
    start = datetime.now(UTC).date() + timedelta(days=7)
    order_id, first = await repeat(desk, make.ach_order(desk.people), make.rhythm(start, frequency="weekly"))
    await desk.time.fast_forward(process(desk, first), timedelta(days=9))
    await reaches(desk, first, "released")
    await answered_payment(desk.engine, first, "booked", amount_minor=100_00, currency="USD")
    await process(desk, first).signal("wake")
    assert (await process(desk, first).result()).status == "completed"
    booked = await desk.count(f"transactions WHERE id = '{first}' AND metadata ->> 'standing_order_id' = '{order_id}'")
    assert booked == 1
    await desk.time.fast_forward(standing_process(desk, order_id), timedelta(days=9))
    await until(lambda: desk.count("payments"), lambda count: count == 2)
    await answered_payment(
        desk.engine, first, "corrected", currency="USD", reason="C03", words="026009593 0009998887776"
    )
    await _heard(desk, first)
    waiting = (await made(desk, order_id))[1]
    assert (waiting.recipient_routing_number, waiting.recipient_account_number) == ("026009593", "0009998887776")
    async with transaction(desk.engine) as session:
        order = await session.get_one(StandingOrder, order_id)
    assert (order.recipient_routing_number, order.recipient_account_number) == ("026009593", "0009998887776")
    assert await told(desk, desk.people.customer) == ["payment.completed", "payment.corrected"]
    await in_balance(desk, f"payment/{first}/settlement")


async def _heard(desk: Desk, payment_id: UUID) -> None:
    """The bank's word about a payment that has ended gets a process of its own, as the inbox asks for it."""
    async with transaction(desk.engine) as session:
        payment = await session.get_one(Payment, payment_id)
        await session.execute(
            text(
                "INSERT INTO outbox (workflow, workflow_id, argument) VALUES ('payment-late-answer', :id,"
                " CAST(:argument AS jsonb))"
            ),
            {"id": f"payment-late-answer/{payment_id}/test", "argument": payment.start.model_dump_json()},
        )
    await desk.dispatch()
    await desk.client.get_workflow_handle(f"payment-late-answer/{payment_id}/test").result()


async def test_a_payment_waits_for_the_rail_to_open(desk: Desk) -> None:
    async with transaction(desk.engine) as session:
        await calendars.top_up(session, datetime.now(UTC).date())
        hours = await calendars.local_rail_hours(session, "EUR")
    saturday = datetime.now(UTC).date() + timedelta(days=(5 - datetime.now(UTC).weekday()) % 7 + 7)
    payment = await make.ordered(
        desk.api_engine, desk.people, make.sepa_order(desk.people, due_on=saturday), hours=hours
    )
    await desk.dispatch()
    handle = process(desk, payment.id)
    await desk.time.fast_forward(handle, datetime.combine(saturday, datetime.max.time(), UTC) - datetime.now(UTC))
    assert await desk.count("holds") == 0
    await desk.time.fast_forward(handle, timedelta(days=1, hours=9))
    await until(lambda: desk.count("bank_messages WHERE status = 'sent'"), bool)
    async with transaction(desk.engine) as session:
        released = await session.get_one(Payment, payment.id)
    assert released.value_date == saturday + timedelta(days=2)
