"""A wire, or a payment, that nobody could match to its notification, until two people said whose it is."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from infra.database import Principal, transaction
from models.tables import bank_rulings
from models.tables.bank_rulings import Assignment
from tests.factories import payments as make
from tests.factories.wires import person
from tests.workflows import payment_desk
from tests.workflows.conftest import Desk
from tests.workflows.test_wires import at_the_bank, in_balance, money

RIGHTS = frozenset({"admin:system", "wires:read", "transactions:read"})


async def operators(desk: Desk) -> tuple[Principal, Principal]:
    """Two of operations."""
    both = [
        await person(desk.engine, f"Olga Operations{number}", role="admin", rights=RIGHTS) for number in ("One", "Two")
    ]
    first, second = (Principal(user_id=one, role="admin", permissions=RIGHTS) for one in both)
    return first, second


async def assigned(desk: Desk, named: Assignment) -> None:
    """Two people say what the file in quarantine is about."""
    maker, checker = await operators(desk)
    async with transaction(desk.engine) as session:
        found = await session.execute(text("SELECT id FROM bank_messages WHERE status = 'quarantined' ORDER BY id"))
        (file,) = found.scalars().all()
    assert maker.user_id is not None
    assert checker.user_id is not None
    async with transaction(desk.api_engine, maker) as session:
        ruling = await bank_rulings.propose_assignment(session, file, maker.user_id, named, "amount and day agree")
    async with transaction(desk.api_engine, checker) as session:
        await bank_rulings.confirm(session, file, ruling.id, checker.user_id, datetime.now(UTC))
    assert await desk.parts.inbox.read_waiting() == 1
    await desk.dispatch()


async def test_a_wire_whose_notification_lost_its_reference_is_settled_by_two_people(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk)
    desk.bank.answer()
    for file in desk.bank.inbox.glob("camt.054*"):
        async with transaction(desk.engine) as session:
            wire = (
                await session.execute(
                    text("SELECT end_to_end_id, uetr::text FROM wire_transfers WHERE id = :id"), {"id": wire_id}
                )
            ).one()
        content = file.read_text().replace(wire.end_to_end_id, "LOST").replace(wire.uetr, "")
        file.write_text(content.replace("<UETR></UETR>", ""))
    await desk.parts.inbox.read_waiting()
    await desk.dispatch()
    await desk.reaches(wire_id, "acknowledged")
    await assigned(desk, Assignment(0, wire_id))
    assert (await desk.process(wire_id).result()).status == "completed"
    assert await money(desk) == (before - 1_025_00, 0)
    assert await desk.events(wire_id) == [
        "ordered", "screened", "awaiting_approval", "approval_given", "released", "sent", "acknowledged",
        "bank_answer_assigned", "completed",
    ]  # fmt: skip
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_a_credit_that_names_nothing_is_the_money_of_a_wire_that_comes_back(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    desk.bank.credit("USD", 985_00)
    await desk.parts.inbox.read_waiting()
    await assigned(desk, Assignment(0, wire_id))
    await desk.reaches(wire_id, "returned")
    assert await money(desk) == (before - 25_00 - 15_00, 0)
    await in_balance(desk, f"wire/{wire_id}/return", f"wire/{wire_id}/settlement")


async def test_a_payment_that_lost_its_reference_is_settled_and_returned_by_two_people(desk: Desk) -> None:
    before, _ = await payment_desk.money(desk, "EUR")
    payment_id = await payment_desk.pay(desk, make.sepa_order(desk.people))
    await payment_desk.sent(desk, payment_id)
    desk.bank.answer()
    desk.bank.until(desk.bank.today + timedelta(days=2))
    paid = await payment_desk.row(desk, payment_id)
    for file in desk.bank.inbox.glob("camt.054*"):
        content = file.read_text().replace(paid.end_to_end_id, "LOST").replace(str(paid.uetr), "")
        file.write_text(content.replace("<UETR></UETR>", ""))
    await desk.parts.inbox.read_waiting()
    await desk.dispatch()
    await payment_desk.reaches(desk, payment_id, "acknowledged")
    await assigned(desk, Assignment(0, payment_id=payment_id))
    assert (await payment_desk.process(desk, payment_id).result()).status == "completed"
    fee = make.fee("EUR")
    assert await payment_desk.money(desk, "EUR") == (before - 100_00 - fee, 0)
    desk.bank.credit("EUR", 100_00)
    await desk.parts.inbox.read_waiting()
    await assigned(desk, Assignment(0, payment_id=payment_id))
    await payment_desk.reaches(desk, payment_id, "returned")
    assert await payment_desk.money(desk, "EUR") == (before - fee, 0)
    assert (await payment_desk.events(desk, payment_id))[-4:] == [
        "bank_answer_assigned", "completed", "bank_answer_assigned", "returned",
    ]  # fmt: skip
    await payment_desk.in_balance(desk, f"payment/{payment_id}/settlement", f"payment/{payment_id}/return")
