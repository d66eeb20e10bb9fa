"""Balances of the bank's own accounts are exact at every moment, while entries commit in any order and are moved."""

import asyncio
import random
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from infra.database import transaction
from models.ledger import InternalPurpose
from models.tables import ledger
from tests.factories.damage import damage
from tests.factories.ledger import entry, with_fee
from tests.models.tables.bank import TEN, Bank, sqlstate

WRITERS = 5
ENTRIES = 30
# What the view says of each unchecked account beside the sum of its postings, in one snapshot.
COMPARED = text(
    "SELECT b.account_number, b.posted_minor, coalesce((SELECT sum(p.amount_minor) FROM postings p"
    " WHERE p.account_id = b.account_id), 0)::bigint FROM ledger_balances b WHERE b.user_id IS NULL"
)


class Undone(Exception):
    """Ends a transaction that is not to be committed."""


async def rolled(bank: Bank, lines: int = 1000) -> int:
    """One roll-up by the worker."""
    async with transaction(bank.worker) as session:
        return await ledger.roll_up(session, lines)


async def count(bank: Bank, table: str) -> int:
    """How many rows a table has."""
    async with transaction(bank.owner) as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_a_balance_is_the_same_before_and_after_a_roll_up(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        await ledger.post(
            session, [with_fee(bank.clara_account, bank.dora_account, bank.fees, 10, 2) for _ in range(3)]
        )
    before = await bank.balance(bank.fees)
    assert before.posted_minor == 6
    assert await rolled(bank) == await count(bank, "ledger_checkpoints") + 1  # the opening account has two lines
    assert await count(bank, "ledger_unrolled") == 0
    assert await bank.balance(bank.fees) == before
    assert await rolled(bank) == 0
    async with transaction(bank.worker) as session:
        await ledger.post_one(session, with_fee(bank.clara_account, bank.dora_account, bank.fees, 10, 2))
    assert (await bank.balance(bank.fees)).posted_minor == 8


async def test_one_rolls_up_at_a_time(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        assert await ledger.roll_up(session, 1) == 1
        assert await rolled(bank) == 0
    assert await rolled(bank) > 0


async def _write(bank: Bank, chance: random.Random) -> None:
    for _ in range(ENTRIES):
        fee = chance.randint(1, 9)
        batch = [
            with_fee(bank.clara_account, bank.dora_account, bank.fees, 1, fee)
            if chance.random() < 0.5
            else entry(bank.fees, bank.dora_account, fee)
            for _ in range(chance.randint(1, 3))
        ]
        with suppress(Undone):
            async with transaction(bank.worker) as session:
                await ledger.post(session, batch)
                # Commits in another order than it was booked, or never.
                for _ in range(chance.randint(0, 4)):
                    await session.execute(text("SELECT 1"))
                _perhaps_undone(chance)


def _perhaps_undone(chance: random.Random) -> None:
    if chance.random() < 0.2:
        raise Undone


@pytest.mark.parametrize("seed", range(3))
async def test_balances_are_exact_while_entries_commit_and_are_rolled_up(bank: Bank, seed: int) -> None:
    chance = random.Random(seed)
    async with transaction(bank.worker) as session:
        opening = await ledger.internal_account(session, InternalPurpose.OPENING, "EUR")
        await ledger.post_one(session, entry(opening, bank.clara_account, 100 * TEN))
    writers = [asyncio.create_task(_write(bank, random.Random(seed * 100 + n))) for n in range(WRITERS)]
    writing = asyncio.gather(*writers)
    looks = lines = 0

    async def roll() -> None:
        nonlocal lines
        while not writing.done():
            lines += await rolled(bank, chance.randint(1, 7))

    async def look() -> None:
        nonlocal looks
        while not writing.done():
            async with transaction(bank.worker) as session:
                for number, told, summed in await session.execute(COMPARED):
                    assert told == summed, number
            looks += 1

    await asyncio.gather(writing, roll(), roll(), look(), look())
    assert looks > 20
    assert lines > 20
    while await rolled(bank, 50):
        pass
    assert await count(bank, "ledger_unrolled") == 0
    assert await bank.proves_itself()


async def test_a_checkpoint_that_is_wrong_is_a_breach(bank: Bank) -> None:
    await rolled(bank)
    await damage(bank.owner, "UPDATE ledger_checkpoints SET posted_minor = posted_minor + 1")
    async with transaction(bank.worker) as session:
        (breach,) = await ledger.proof(session)
    assert (breach.rule, breach.subject) == ("checkpoint_is_sum_of_postings", "AURUM-OPENING-EUR")
    assert breach.found == breach.expected + 1
    await damage(bank.owner, "UPDATE ledger_checkpoints SET posted_minor = posted_minor - 1")


@pytest.mark.parametrize("act", ["UPDATE ledger_checkpoints SET posted_minor = 0", "DELETE FROM ledger_unrolled"])
async def test_no_role_changes_a_checkpoint(bank: Bank, act: str) -> None:
    for engine in (bank.api, bank.worker):
        with pytest.raises(DBAPIError) as refused:
            async with transaction(engine) as session:
                await session.execute(text(act))
        assert sqlstate(refused) == "42501"
    with pytest.raises(DBAPIError) as refused:
        async with transaction(bank.api) as session:
            await ledger.roll_up(session, 1)
    assert sqlstate(refused) == "42501"
