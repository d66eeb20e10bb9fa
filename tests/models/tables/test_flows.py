"""The roll-up of what came in and went out: at any moment the answer is what the postings say, however far it is."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from infra.database import transaction
from models.ledger import Entry, Leg, credit, debit
from models.tables import ledger, transactions
from models.tables.transactions import insights
from tests.factories.damage import damage
from tests.factories.ledger import entry
from tests.models.tables.bank import Bank, customer, sqlstate

FIRST = datetime(2026, 9, 27, 22, 30, tzinfo=UTC)
CATEGORIES = (None, "housing", "food", "transfer")

_DIRECT = text("""
    SELECT p.account_id, a.currency, p.amount_minor, p.created_at, p.transaction_id, p.leg, t.category,
           t.from_account_id, t.to_account_id
    FROM postings p JOIN transactions t ON t.id = p.transaction_id JOIN accounts a ON a.id = p.account_id
    WHERE p.account_id = ANY (:accounts) ORDER BY p.transaction_id, p.leg
""")


class Direct:
    """What the postings say, without any roll-up: the answer in Python."""

    def __init__(self, rows: Sequence[Any], accounts: Sequence[UUID]) -> None:
        self.moves: list[tuple[datetime, str, str, int, UUID, bool]] = []
        seen: set[tuple[UUID, UUID]] = set()
        for row in rows:
            further = (row.transaction_id, row.account_id) in seen and row.leg > 2
            seen.add((row.transaction_id, row.account_id))
            if row.from_account_id in accounts and row.to_account_id in accounts:
                continue
            category = "fees" if further else row.category or "other"
            self.moves.append((row.created_at, row.currency, category, row.amount_minor, row.transaction_id, further))

    def moved(self, since: datetime, until: datetime) -> dict[tuple[str, bool, date, str], list[int]]:
        found: dict[tuple[str, bool, date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for at, currency, category, amount, _, _ in self.moves:
            if since - (until - since) <= at < until:
                sums = found[currency, at < since, at.date().replace(day=1), category]
                sums[0] += max(amount, 0)
                sums[1] += max(-amount, 0)
                sums[2] += 1
        return found

    def largest(self, since: datetime, until: datetime) -> dict[str, list[UUID]]:
        found: dict[str, list[tuple[int, UUID]]] = defaultdict(list)
        for at, currency, _, amount, entry_id, further in self.moves:
            if since <= at < until and amount < 0 and not further:
                found[currency].append((amount, entry_id))
        return {currency: [one for _, one in sorted(debits)[:5]] for currency, debits in found.items()}


def _random_entry(rng: random.Random, bank: Bank) -> Entry:
    source, target = rng.sample([bank.clara_account, bank.clara_savings, bank.dora_account], 2)
    amount, fee = rng.randint(1, 9), rng.choice([0, 0, 1, 2])
    made = entry(source, target, amount)
    legs = (debit(source, amount), credit(target, amount))
    charged: tuple[Leg, ...] = (debit(source, fee), credit(bank.fees, fee)) if fee else ()
    changes = {"legs": legs + charged, "fee_minor": fee, "category": rng.choice(CATEGORIES)}
    return Entry.model_validate(made.model_dump() | changes)


async def _book(bank: Bank, rng: random.Random, count: int, begin: datetime) -> datetime:
    """Books `count` entries at moments of their own, and returns the last."""
    async with transaction(bank.worker) as session:
        results = await ledger.post(session, [_random_entry(rng, bank) for _ in range(count)])
    moments = {}
    for result in results:
        if isinstance(result, Exception):
            continue
        begin += timedelta(microseconds=rng.choice([1, 10**9, 4 * 10**9, 9 * 10**9]))
        if rng.random() < 0.1:
            begin = begin.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        moments[str(result.transaction_id)] = begin
    pairs = ", ".join(f"('{one}'::uuid, '{at.isoformat()}'::timestamptz)" for one, at in moments.items())
    await damage(
        bank.owner,
        f"UPDATE postings p SET created_at = m.at FROM (VALUES {pairs}) m(id, at) WHERE p.transaction_id = m.id",
    )
    return begin


async def _agree(bank: Bank, accounts: list[UUID], rng: random.Random, end: datetime) -> None:
    span = end - FIRST + timedelta(days=3)
    async with transaction(bank.api, customer(bank.clara)) as session:
        direct = Direct((await session.execute(_DIRECT, {"accounts": accounts})).all(), accounts)
        edges = [at for at, *_ in direct.moves] or [FIRST]
        for _ in range(12):
            since = rng.choice([FIRST + span * rng.random(), rng.choice(edges), datetime(2026, 10, 1, tzinfo=UTC)])
            until = since + rng.choice([timedelta(hours=1), timedelta(days=1), timedelta(days=31), span * rng.random()])
            until += timedelta(microseconds=1)
            said = await transactions.moved(session, accounts, since, until)
            told = {
                (one.currency, one.previous, one.month, one.category): [one.in_minor, one.out_minor, one.times]
                for one in said
            }
            assert told == direct.moved(since, until), (since, until)
            assert await transactions.largest(session, accounts, since, until) == direct.largest(since, until)


async def _proof(bank: Bank) -> list[Any]:
    async with transaction(bank.worker) as session:
        return list((await session.execute(text("SELECT rule, subject FROM account_flows_proof()"))).all())


@pytest.mark.parametrize("seed", range(6))
async def test_the_answer_is_what_the_postings_say_however_far_the_roll_up_is(bank: Bank, seed: int) -> None:
    rng = random.Random(seed)
    # What funded the accounts is older than all that follows.
    await damage(bank.owner, f"UPDATE postings SET created_at = '{FIRST.isoformat()}'")
    end = FIRST
    for _ in range(4):
        end = await _book(bank, rng, rng.randint(5, 60), end)
        for accounts in ([bank.clara_account], [bank.clara_savings], [bank.clara_account, bank.clara_savings]):
            await _agree(bank, accounts, rng, end)
        async with transaction(bank.worker) as session:
            await insights.roll_up(session, rng.choice([3, 17, 1000]))
        assert await _proof(bank) == []
    await _agree(bank, [bank.clara_account, bank.clara_savings], rng, end)


async def test_a_roll_up_takes_what_there_is_in_parts_and_then_nothing(bank: Bank) -> None:
    await _book(bank, random.Random(1), 40, FIRST)
    taken: list[int] = []
    while not taken or taken[-1]:
        async with transaction(bank.worker) as session:
            taken.append(await insights.roll_up(session, 10))
    async with transaction(bank.owner) as session:
        wanted = await session.execute(text("SELECT sum(version) FROM accounts WHERE user_id IS NOT NULL"))
        assert sum(taken) == wanted.scalar_one()
    assert len(taken) > 4


async def test_of_two_roll_ups_at_once_one_works(bank: Bank) -> None:
    async with transaction(bank.worker) as first, transaction(bank.worker) as second:
        assert await insights.roll_up(first, 100) == 2
        assert await insights.roll_up(second, 100) == 0


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        ("UPDATE account_flows SET in_minor = in_minor + 1", "flow_in_is_sum_of_postings"),
        ("UPDATE account_flows SET out_minor = out_minor + 1", "flow_out_is_sum_of_postings"),
        ("UPDATE account_flows SET category = 'food'", "flow_counts_postings"),
        ("DELETE FROM account_flows", "flow_counts_postings"),
        ("UPDATE account_flow_horizons SET version = version + 1", "flows_reach_no_further_than_postings"),
        ("DELETE FROM account_flow_peaks", "flow_peaks_are_largest_debits"),
    ],
)
async def test_a_roll_up_that_is_wrong_is_noticed_and_forgotten(bank: Bank, harm: str, rule: str) -> None:
    async with transaction(bank.worker) as session:
        await ledger.post_one(session, entry(bank.clara_account, bank.dora_account, 5))
        await insights.roll_up(session, 100)
    assert await _proof(bank) == []
    await damage(bank.owner, harm)
    assert rule in {found.rule for found in await _proof(bank)}
    async with transaction(bank.worker) as session:
        wrong = (await session.execute(text("SELECT DISTINCT account_id FROM account_flows_proof()"))).scalars().all()
        await session.execute(text("SELECT account_flows_forget(:wanted)"), {"wanted": wrong})
    assert await _proof(bank) == []
    async with transaction(bank.worker) as session:
        assert await insights.roll_up(session, 100) > 0
    assert await _proof(bank) == []


async def test_others_see_no_roll_up_and_the_api_writes_none(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        await insights.roll_up(session, 100)
    async with transaction(bank.api, customer(bank.clara)) as session:
        seen = await session.execute(text("SELECT DISTINCT account_id FROM account_flows"))
        assert set(seen.scalars()) == {bank.clara_account}
    for statement in (
        "SELECT account_flows_roll_up(1)",
        "SELECT account_flows_forget('{}')",
        "DELETE FROM account_flow_peaks",
    ):
        with pytest.raises(DBAPIError) as refused:
            async with transaction(bank.api, customer(bank.clara)) as session:
                await session.execute(text(statement))
        assert sqlstate(refused) == "42501"
