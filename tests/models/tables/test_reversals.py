"""A reversal: another entry, made once, refused where the money is gone."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.accounts import AccountStatus
from models.errors import AccountUnusable, InsufficientFunds, NotFound, WrongState
from models.tables import ledger, transactions
from models.tables.transactions import Transaction
from models.transactions import TransferOrder
from tests.factories import accounts as make
from tests.factories.users import Person, add_customer


async def _paid(owner: AsyncEngine, api: AsyncEngine) -> tuple[Person, UUID, UUID, Transaction]:
    """Somebody who has paid 60.00 of 100.00 to an account of their own."""
    person = await add_customer(owner)
    async with transaction(owner) as session:
        source, target = await make.account(session, person.id, 100_00), await make.account(session, person.id)
    order = TransferOrder(from_account_id=source, to_account_id=target, amount=Decimal(60))
    async with transaction(api, person.principal) as session:
        return person, source, target, await transactions.transfer(session, person.id, order)


async def _reverse(worker: AsyncEngine, wrong: UUID, reason: str = "booked twice") -> Transaction:
    async with transaction(worker) as session:
        return await transactions.reverse(session, wrong, reason=reason, operator="otis")


async def _balances(owner: AsyncEngine, *accounts: UUID) -> list[int]:
    async with transaction(owner) as session:
        assert await ledger.proof(session) == []
        return [(await ledger.balance(session, account)).posted_minor for account in accounts]


async def test_a_reversal_gives_the_money_and_the_room_under_the_limit_back(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    _, source, target, wrong = await _paid(owner_engine, api_engine)
    made = await _reverse(worker_engine, wrong.id)
    assert (made.transaction_type, made.reversal_of, made.amount_minor) == ("reversal", wrong.id, 60_00)
    assert (made.from_account_id, made.to_account_id) == (target, source)
    assert await _balances(owner_engine, source, target) == [100_00, 0]
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT count(*) FROM limit_uses"))).scalar_one() == 0
        lines = await session.execute(text("SELECT action, resource_id, new_values ->> 'reason' FROM audit_logs"))
        assert [tuple(line) for line in lines] == [("transactions.reverse", str(made.id), "booked twice")]
        # Every movement can say who asked for it. The transfer above was made without a request, and cannot.
        later = datetime.now(UTC) + timedelta(minutes=1)
        proofs = await session.execute(text("SELECT subject FROM ledger_process_proof(:later)"), {"later": later})
        assert [row.subject for row in proofs] == [str(wrong.id)]


async def test_ten_reversals_at_once_are_one(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    _, source, target, wrong = await _paid(owner_engine, api_engine)
    made = await asyncio.gather(*(_reverse(worker_engine, wrong.id, f"reason {n}") for n in range(10)))
    assert len({one.id for one in made}) == 1
    assert await _balances(owner_engine, source, target) == [100_00, 0]


async def test_what_is_gone_closed_or_no_transfer_is_not_reversed(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    person, source, target, wrong = await _paid(owner_engine, api_engine)
    back = TransferOrder(from_account_id=target, to_account_id=source, amount=Decimal("0.01"))
    async with transaction(api_engine, person.principal) as session:
        await transactions.transfer(session, person.id, back)
    with pytest.raises(InsufficientFunds):
        await _reverse(worker_engine, wrong.id)
    assert await _balances(owner_engine, source, target) == [40_01, 59_99]
    rest = TransferOrder(from_account_id=target, to_account_id=source, amount=Decimal("59.99"))
    async with transaction(api_engine, person.principal) as session:
        last = await transactions.transfer(session, person.id, rest)
    async with transaction(owner_engine) as session:
        await make.set_status(session, target, AccountStatus.CLOSED)
    with pytest.raises(AccountUnusable):
        await _reverse(worker_engine, last.id)
    with pytest.raises(NotFound):
        await _reverse(worker_engine, UUID(int=7))
    async with transaction(owner_engine) as session:
        opening = (
            await session.execute(text("SELECT id FROM transactions WHERE transaction_type = 'opening'"))
        ).scalar_one()
    with pytest.raises(WrongState):
        await _reverse(worker_engine, opening)


async def test_a_frozen_account_pays_back(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    _, source, target, wrong = await _paid(owner_engine, api_engine)
    async with transaction(owner_engine) as session:
        await make.set_status(session, target, AccountStatus.FROZEN)
    made = await _reverse(worker_engine, wrong.id)
    assert await _balances(owner_engine, source, target) == [100_00, 0]
    with pytest.raises(WrongState):
        await _reverse(worker_engine, made.id)


async def test_the_api_cannot_reverse(owner_engine: AsyncEngine, api_engine: AsyncEngine) -> None:
    person, source, target, wrong = await _paid(owner_engine, api_engine)
    with pytest.raises(Exception, match=r"permission denied|may not be debited"):
        async with transaction(api_engine, person.principal) as session:
            await transactions.reverse(session, wrong.id, reason="mine", operator="me")
    assert await _balances(owner_engine, source, target) == [40_00, 60_00]
