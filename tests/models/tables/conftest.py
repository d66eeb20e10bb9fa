"""A small bank for tests of the ledger, which has to be in balance when a test ends."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import InternalPurpose
from models.tables import ledger
from tests.factories.accounts import account
from tests.factories.users import add_customer
from tests.models.tables.bank import TEN, Bank


@pytest.fixture
async def bank(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine) -> AsyncIterator[Bank]:
    """Clara has 10.00 EUR, Dora has 10.00 EUR. It ends in balance, whatever a test did."""
    clara, dora = (await add_customer(owner_engine)).id, (await add_customer(owner_engine)).id
    async with transaction(owner_engine) as session:
        made = Bank(
            owner=owner_engine,
            api=api_engine,
            worker=worker_engine,
            clara=clara,
            dora=dora,
            clara_account=await account(session, clara, TEN),
            clara_savings=await account(session, clara),
            dora_account=await account(session, dora, TEN),
            fees=await ledger.internal_account(session, InternalPurpose.FEES, "EUR"),
        )
    yield made
    assert await made.proves_itself()


@pytest.fixture
async def holds_need_no_wire(owner_engine: AsyncEngine) -> AsyncIterator[None]:
    """Holds by themselves. That a wire and its hold agree is tested with wires."""
    async with transaction(owner_engine) as session:
        await session.execute(text("ALTER TABLE holds DISABLE TRIGGER holds_wire_agrees"))
    yield
    async with transaction(owner_engine) as session:
        await session.execute(text("ALTER TABLE holds ENABLE TRIGGER holds_wire_agrees"))
