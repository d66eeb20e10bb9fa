"""A reversal as a process: started by what officers wrote, done once however often its step runs."""

from decimal import Decimal
from typing import Any

from sqlalchemy import text

from infra.database import transaction
from models.tables import transactions
from models.tables.transactions import reversals
from models.transactions import TransferOrder
from tests.factories import accounts as make
from tests.factories.users import add_officer
from tests.workflows.conftest import Desk, until


async def test_a_transfer_is_taken_back(desk: Desk) -> None:
    officer = await add_officer(desk.engine, "super_admin")
    async with transaction(desk.engine) as session:
        target = await make.account(session, desk.people.customer, currency="USD")
    order = TransferOrder(from_account_id=desk.people.usd_account, to_account_id=target, amount=Decimal(60))
    async with transaction(desk.api_engine, desk.people.as_customer()) as session:
        wrong = await transactions.transfer(session, desk.people.customer, order)
    async with transaction(desk.api_engine, officer.principal) as session:
        asked = await reversals.ask(session, wrong.id, officer.id, "paid twice", None)
    await desk.dispatch()

    async def status() -> Any:
        async with transaction(desk.engine) as session:
            return (await reversals.newest_of(session, wrong.id)).status

    await until(status, lambda seen: seen == "done")
    assert await desk.count("transactions WHERE transaction_type = 'reversal'") == 1
    process = desk.client.get_workflow_handle(f"reversal/{asked.reversal.id}")
    assert (await process.result())["status"] == "done"
    async with transaction(desk.engine) as session:
        left = await session.execute(text("SELECT posted_minor FROM accounts WHERE id = :id"), {"id": target})
        assert left.scalar_one() == 0
