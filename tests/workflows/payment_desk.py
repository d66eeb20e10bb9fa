"""What the tests of payments ask of the desk: orders, processes, money."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from temporalio.client import WorkflowHandle

from infra.database import transaction
from models.ledger import Breach
from models.payments import PaymentOrder, PaymentState, Rhythm, StandingOrderState
from models.tables import ledger
from models.tables.payments import Payment
from tests.factories import payments as make
from tests.workflows.conftest import Desk, at_rest, until


async def pay(desk: Desk, order: PaymentOrder) -> UUID:
    """The customer orders a payment and its process is started."""
    payment = await make.ordered(desk.api_engine, desk.people, order)
    await desk.dispatch()
    return payment.id


async def repeat(desk: Desk, order: PaymentOrder, rhythm: Rhythm) -> tuple[UUID, UUID]:
    """The customer gives a standing order; its id and that of its first payment."""
    standing, first = await make.standing(desk.api_engine, desk.people, order, rhythm)
    await desk.dispatch()
    return standing.id, first.id


def process(desk: Desk, payment_id: UUID) -> WorkflowHandle[Any, PaymentState]:
    """The process of a payment."""
    return desk.client.get_workflow_handle(f"payment/{payment_id}", result_type=PaymentState)


def standing_process(desk: Desk, standing_order_id: UUID) -> WorkflowHandle[Any, StandingOrderState]:
    """The process of a standing order."""
    return desk.client.get_workflow_handle(f"standing-order/{standing_order_id}", result_type=StandingOrderState)


async def passes(desk: Desk, handle: WorkflowHandle[Any, Any], span: timedelta) -> None:
    """Lets time pass for one process, and for nothing else."""
    await desk.time.fast_forward(await at_rest(handle), span)


async def row(desk: Desk, payment_id: UUID) -> Payment:
    """The payment as it is now."""
    async with transaction(desk.engine) as session:
        return await session.get_one(Payment, payment_id)


async def reaches(desk: Desk, payment_id: UUID, *statuses: str) -> str:
    """Waits until the payment has one of `statuses`."""

    async def status() -> str:
        return (await row(desk, payment_id)).status

    reached: str = await until(status, lambda seen: seen in statuses)
    return reached


async def sent(desk: Desk, payment_id: UUID) -> None:
    """Waits until the order is in the bank's folder."""
    await until(lambda: desk.count(f"bank_messages WHERE status = 'sent' AND payment_id = '{payment_id}'"), bool)


async def hear_bank_until(desk: Desk, days: int) -> None:
    """The bank reads its orders, lets so many days pass, and we hear of it."""
    desk.bank.answer()
    desk.bank.until(desk.bank.today + timedelta(days=days))
    await desk.parts.inbox.read_waiting()
    await desk.dispatch()


async def money(desk: Desk, currency: str) -> tuple[int, int]:
    """What the customer's account in that currency has, and what of it is held."""
    account = desk.people.eur_account if currency == "EUR" else desk.people.usd_account
    async with transaction(desk.engine) as session:
        found = await session.execute(
            text("SELECT posted_minor, held_minor FROM accounts WHERE id = :id"), {"id": account}
        )
        posted, held = found.one()
        return posted, held


async def events(desk: Desk, payment_id: UUID) -> list[str]:
    """The timeline of the payment."""
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT event FROM payment_events WHERE payment_id = :id ORDER BY id"), {"id": payment_id}
        )
        return list(rows.scalars().all())


async def told(desk: Desk, who: UUID) -> list[str]:
    """The events that a person was told of."""
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT event FROM notifications WHERE user_id = :who ORDER BY id"), {"who": who}
        )
        return list(rows.scalars().all())


async def in_balance(desk: Desk, *keys: str) -> None:
    """The ledger proves itself and agrees with the processes, and these are its entries of payments."""
    async with transaction(desk.engine) as session:
        assert await ledger.proof(session) == []
        assert not any((await ledger.totals(session)).values())
        beside = await session.execute(
            text("SELECT rule, subject, expected, found FROM ledger_process_proof(clock_timestamp())")
        )
        assert [Breach.model_validate(dict(one)) for one in beside.mappings()] == []
        booked = await session.execute(
            text("SELECT idempotency_key FROM transactions WHERE transaction_type LIKE 'payment%' ORDER BY 1")
        )
        assert booked.scalars().all() == sorted(keys)
