"""Posting, holds, and the races that other ledgers lost (banking.md §3)."""

import asyncio
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import transaction
from models.accounts import AccountStatus
from models.errors import (
    AccountUnusable,
    CurrencyMismatch,
    Forbidden,
    IdempotencyConflict,
    InsufficientFunds,
    NotFound,
    WrongState,
)
from models.ledger import HoldStatus, InternalPurpose, PostedEntry
from models.tables import ledger
from tests.factories.accounts import set_status
from tests.factories.ledger import entry, with_fee
from tests.models.tables.bank import TEN, Bank, sqlstate


async def test_an_entry_moves_money_once_however_often_it_is_posted(bank: Bank) -> None:
    wanted = with_fee(bank.clara_account, bank.dora_account, bank.fees, 300, 50, description="rent")
    async with transaction(bank.worker) as session:
        assert await ledger.post_one(session, wanted) == PostedEntry(transaction_id=wanted.id, replayed=False)
    again = wanted.model_copy(update={"id": uuid7()})
    async with transaction(bank.worker) as session:
        assert await ledger.post_one(session, again) == PostedEntry(transaction_id=wanted.id, replayed=True)
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN - 350
    assert (await bank.balance(bank.dora_account)).posted_minor == TEN + 300
    assert (await bank.balance(bank.fees)).posted_minor == 50


async def test_what_is_stored_is_what_was_asked(bank: Bank) -> None:
    wanted = with_fee(
        bank.clara_account,
        bank.dora_account,
        bank.fees,
        300,
        50,
        description="Zürich — 'rent' \"for\" {may}, \\N\n",
        category="housing",
        metadata={"invoice": {"number": 7, "lines": ["a", None, True]}},
        key="order/7\t'x'",
    )
    async with transaction(bank.worker) as session:
        await ledger.post_one(session, wanted)
        row = (await session.execute(text("SELECT * FROM transactions WHERE id = :id"), {"id": wanted.id})).one()
        legs = await session.execute(
            text("SELECT account_id, amount_minor FROM postings WHERE transaction_id = :id ORDER BY leg"),
            {"id": wanted.id},
        )
    assert (row.description, row.category, row.metadata) == (wanted.description, "housing", wanted.metadata)
    assert (row.idempotency_key, row.content_hash) == (wanted.key, wanted.content_hash())
    assert (str(row.amount), str(row.fee), row.currency) == ("3.00", "0.50", "EUR")
    assert [tuple(leg) for leg in legs] == [(leg.account_id, leg.amount_minor) for leg in wanted.legs]


async def test_a_key_with_other_content_is_refused(bank: Bank) -> None:
    wanted = entry(bank.clara_account, bank.dora_account, 300)
    other = entry(bank.clara_account, bank.dora_account, 301, key=wanted.key)
    async with transaction(bank.worker) as session:
        await ledger.post_one(session, wanted)
        with pytest.raises(IdempotencyConflict):
            await ledger.post_one(session, other)
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN - 300


async def test_a_refused_entry_leaves_no_trace_and_does_not_disturb_its_batch(bank: Bank) -> None:
    nowhere = uuid7()
    refused = [
        (entry(bank.clara_account, bank.dora_account, TEN + 1), InsufficientFunds),
        (entry(bank.clara_account, nowhere, 1), NotFound),
        (entry(nowhere, uuid7(), 1), NotFound),
        (entry(bank.clara_account, bank.dora_account, 1, "USD"), CurrencyMismatch),
        (entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.dora), Forbidden),
        (entry(bank.fees, bank.clara_account, 1, on_behalf_of=bank.clara), Forbidden),
        (entry(bank.clara_account, bank.dora_account, 1, captures=uuid7()), WrongState),
    ]
    good = [entry(bank.clara_account, bank.dora_account, 1) for _ in range(len(refused) + 1)]
    mixed = [good[0]]
    for (bad, _), fine in zip(refused, good[1:], strict=True):
        mixed += [bad, fine]
    async with transaction(bank.worker) as session:
        results = await ledger.post(session, mixed)
    for (bad, kind), result in zip(refused, results[1::2], strict=True):
        assert type(result) is kind, bad
    assert results[0::2] == [PostedEntry(transaction_id=fine.id, replayed=False) for fine in good]
    async with transaction(bank.worker) as session:
        keys = set((await session.execute(text("SELECT idempotency_key FROM transactions"))).scalars())
    assert keys.isdisjoint(bad.key for bad, _ in refused)
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN - len(good)


async def test_money_that_arrives_earlier_in_a_batch_can_be_spent_later_in_it(bank: Bank) -> None:
    spend = entry(bank.clara_savings, bank.dora_account, 400)
    async with transaction(bank.worker) as session:
        first, second, third = await ledger.post(
            session,
            [
                spend,
                entry(bank.clara_account, bank.clara_savings, 400),
                entry(bank.clara_savings, bank.dora_account, 400),
            ],
        )
    assert isinstance(first, InsufficientFunds)
    assert isinstance(second, PostedEntry)
    assert isinstance(third, PostedEntry)


async def test_postings_carry_the_balance_after_each_of_them(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        await ledger.post(session, [entry(bank.clara_account, bank.dora_account, minor) for minor in (100, 200, 300)])
        rows = await session.execute(
            text(
                "SELECT amount_minor, balance_after_minor, account_version FROM postings"
                " WHERE account_id = :id ORDER BY account_version"
            ),
            {"id": bank.clara_account},
        )
    assert [tuple(row) for row in rows] == [(1000, 1000, 1), (-100, 900, 2), (-200, 700, 3), (-300, 400, 4)]


async def test_a_frozen_account_takes_money_and_gives_none_but_to_the_bank(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        await set_status(session, bank.clara_account, AccountStatus.FROZEN)
        await ledger.post_one(session, entry(bank.dora_account, bank.clara_account, 1, on_behalf_of=bank.dora))
        with pytest.raises(AccountUnusable):
            await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.clara))
        with pytest.raises(AccountUnusable):
            await ledger.place_hold(session, bank.clara_account, 1, "wire", uuid7(), bank.clara)
        await ledger.post_one(session, entry(bank.clara_account, bank.fees, 1))


async def test_a_closed_account_is_at_zero_and_stays_there(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        with pytest.raises(DBAPIError, match="accounts_well_formed"):
            async with session.begin_nested():
                await set_status(session, bank.clara_account, AccountStatus.CLOSED)
        await set_status(session, bank.clara_savings, AccountStatus.CLOSED)
        with pytest.raises(AccountUnusable):
            await ledger.post_one(session, entry(bank.clara_account, bank.clara_savings, 1))


async def test_a_reversal_is_another_entry(bank: Bank) -> None:
    wanted = entry(bank.clara_account, bank.dora_account, 300)
    back = entry(bank.dora_account, bank.clara_account, 300, kind="reversal", reversal_of=wanted.id)
    async with transaction(bank.worker) as session:
        assert all(isinstance(result, PostedEntry) for result in await ledger.post(session, [wanted, back]))
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN


async def test_the_bank_s_own_account_is_opened_once_for_each_purpose_and_currency(bank: Bank) -> None:
    async def ask(engine: AsyncEngine) -> UUID:
        async with transaction(engine) as session:
            return await ledger.internal_account(session, InternalPurpose.NOSTRO, "JPY")

    opened = await asyncio.gather(*(ask(engine) for engine in [bank.worker, bank.api] * 5))
    assert len(set(opened)) == 1
    with pytest.raises(DBAPIError, match="keeps no account for"):
        async with transaction(bank.api) as session:
            await session.execute(text("SELECT ledger_internal_account('pocket', 'EUR', 2::smallint)"))


# Holds


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_hold_counts_in_what_is_available(bank: Bank) -> None:
    """Six holds of a fifth each on one account: the sixth is refused, and so is a payment."""
    async with transaction(bank.worker) as session:
        for _ in range(5):
            await ledger.place_hold(session, bank.clara_account, TEN // 5, "wire", uuid7(), bank.clara)
        with pytest.raises(InsufficientFunds):
            await ledger.place_hold(session, bank.clara_account, 1, "wire", uuid7(), bank.clara)
        with pytest.raises(InsufficientFunds):
            await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 1))
    balance = await bank.balance(bank.clara_account)
    assert (balance.posted_minor, balance.held_minor, balance.available_minor) == (TEN, TEN, 0)


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_hold_is_spent_once_even_when_two_commits_race(bank: Bank) -> None:
    """Double commit of a pending transaction: two transactions capture one hold under different keys."""
    owner = uuid7()
    async with transaction(bank.worker) as session:
        hold = await ledger.place_hold(session, bank.clara_account, 600, "wire", owner, bank.clara)
        await ledger.place_hold(session, bank.clara_account, 300, "wire", uuid7(), bank.clara)

    async def capture() -> bool:
        async with transaction(bank.worker) as session:
            (result,) = await ledger.post(session, [entry(bank.clara_account, bank.dora_account, 600, captures=hold)])
            return isinstance(result, PostedEntry)

    assert sorted(await asyncio.gather(*(capture() for _ in range(8)))) == [False] * 7 + [True]
    async with transaction(bank.worker) as session:
        held = await ledger.hold_of(session, "wire", owner)
        assert held is not None
        assert held.status is HoldStatus.CAPTURED
        assert not await ledger.release_hold(session, "wire", owner)
    balance = await bank.balance(bank.clara_account)
    assert (balance.posted_minor, balance.held_minor) == (400, 300)


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_hold_is_spent_once_even_in_one_batch(bank: Bank) -> None:
    """By `post`, which puts the second in another batch, and by a call that does not."""
    async with transaction(bank.worker) as session:
        hold = await ledger.place_hold(session, bank.clara_account, 300, "wire", uuid7(), bank.clara)
        await ledger.place_hold(session, bank.clara_account, 300, "wire", uuid7(), bank.clara)
        twice = [entry(bank.clara_account, bank.dora_account, 300, captures=hold) for _ in range(2)]
        answer = await session.execute(
            text(
                "SELECT outcome FROM ledger_post(CAST(:batch AS json), CAST(:accounts AS uuid[]),"
                " CAST(:places AS integer[]), CAST(:amounts AS bigint[])) ORDER BY entry_ord"
            ),
            ledger.encode(twice),
        )
        assert list(answer.scalars()) == ["posted", "hold_not_open"]
        (again,) = await ledger.post(session, [twice[1]])
        assert isinstance(again, WrongState)


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_hold_that_was_given_back_cannot_be_spent(bank: Bank) -> None:
    owner = uuid7()
    async with transaction(bank.worker) as session:
        hold = await ledger.place_hold(session, bank.clara_account, TEN, "wire", owner, bank.clara)
        assert await ledger.release_hold(session, "wire", owner)
        await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 900))
        with pytest.raises(WrongState):
            await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 100, captures=hold))


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_capture_pays_no_more_than_there_is(bank: Bank) -> None:
    """A hold covers its own amount; what a capture takes beyond that has to be available."""
    async with transaction(bank.worker) as session:
        hold = await ledger.place_hold(session, bank.clara_account, 400, "wire", uuid7(), bank.clara)
        await ledger.place_hold(session, bank.clara_account, 500, "wire", uuid7(), bank.clara)
        with pytest.raises(InsufficientFunds):
            await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 501, captures=hold))
        await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 500, captures=hold))
    balance = await bank.balance(bank.clara_account)
    assert (balance.posted_minor, balance.held_minor) == (500, 500)


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_capture_debits_the_account_that_the_hold_lies_on(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        hold = await ledger.place_hold(session, bank.clara_account, 400, "wire", uuid7(), bank.clara)
        with pytest.raises(WrongState):
            await ledger.post_one(session, entry(bank.dora_account, bank.clara_account, 400, captures=hold))
        await set_status(session, bank.clara_savings, AccountStatus.CLOSED)
        with pytest.raises(AccountUnusable):
            await ledger.post_one(session, entry(bank.clara_account, bank.clara_savings, 400, captures=hold))


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_hold_is_placed_once_for_its_owner_when_two_ask_at_once(bank: Bank) -> None:
    owner = uuid7()

    async def place() -> UUID:
        async with transaction(bank.worker) as session:
            return await ledger.place_hold(session, bank.clara_account, 400, "wire", owner, bank.clara)

    assert len(set(await asyncio.gather(*(place() for _ in range(6))))) == 1
    assert (await bank.balance(bank.clara_account)).held_minor == 400


async def test_a_hold_without_a_process_that_owns_it_is_refused(bank: Bank) -> None:
    with pytest.raises(DBAPIError, match="no wire that owns it") as refused:
        async with transaction(bank.worker) as session:
            await ledger.place_hold(session, bank.clara_account, 400, "wire", uuid7(), bank.clara)
    assert sqlstate(refused) == "AU120"


# Races


async def test_what_was_decided_is_what_is_applied(bank: Bank) -> None:
    """Decide, then apply.

    Of 16 payments that each see enough money, only as many go through as there is money for.
    """

    async def pay() -> bool:
        async with transaction(bank.worker) as session:
            assert (await ledger.balance(session, bank.clara_account)).available_minor >= 0
            (result,) = await ledger.post(session, [entry(bank.clara_account, bank.dora_account, 400)])
            return isinstance(result, PostedEntry)

    assert sum(await asyncio.gather(*(pay() for _ in range(16)))) == 2
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN - 800


async def test_opposite_transfers_at_the_same_time_never_deadlock(bank: Bank) -> None:
    """Locks are taken in one order, whatever the direction of the money."""

    async def pay(number: int) -> None:
        ends = [bank.clara_account, bank.dora_account, bank.clara_savings]
        if number % 2:
            ends.reverse()
        batch = [entry(source, target, 1) for source, target in pairwise(ends)]
        async with transaction(bank.worker) as session:
            await ledger.post(session, batch)

    await asyncio.gather(*(pay(number) for number in range(100)))
    async with transaction(bank.owner) as session:
        deadlocks = await session.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
    assert deadlocks.scalar_one() == 0


async def test_the_same_entry_posted_by_many_at_once_moves_money_once(bank: Bank) -> None:
    wanted = entry(bank.clara_account, bank.dora_account, 400)

    async def post() -> bool:
        async with transaction(bank.worker) as session:
            return (await ledger.post_one(session, wanted.model_copy(update={"id": uuid7()}))).replayed

    assert sorted(await asyncio.gather(*(post() for _ in range(8)))) == [False] + [True] * 7
