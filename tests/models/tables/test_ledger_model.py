"""The ledger of the database against the ledger of plain Python, through everything that can be asked of both."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from uuid_utils.compat import uuid7

from infra.database import connect, transaction
from models.accounts import AccountStatus
from models.errors import AccountUnusable, AurumError, IdempotencyConflict, InsufficientFunds
from models.ledger import Entry, InternalPurpose, Outcome, PostedEntry, credit, debit, refusal, rounds
from models.tables import ledger
from tests.databases import Server
from tests.factories.accounts import account, set_status
from tests.factories.ledger import entry, opening, with_fee
from tests.factories.users import add_customer
from tests.models.tables.books import Books, Kept

T = TypeVar("T")
CURRENCIES = ("EUR", "JPY", "BHD")
INTERNAL = (InternalPurpose.OPENING, InternalPurpose.FEES)
INDEX = st.integers(0, 1_000)
# Small, so that balances run out often.
MINOR = st.integers(1, 300)
PLANS = st.fixed_dictionaries(
    {
        "source": INDEX,
        "target": INDEX,
        "minor": MINOR,
        "fee": st.sampled_from([0, 0, 5]),
        "who": st.sampled_from(["owner", "owner", "owner", "bank", "stranger"]),
        "key": st.sampled_from(["new", "new", "new", "replay", "conflict", "same"]),
        "oddity": st.sampled_from([None, None, None, None, "missing", "currency", "both_ways"]),
        "capture": st.none() | INDEX,
    }
)


class World:
    """A database, an event loop for its sessions, and the bank's own accounts."""

    def __init__(self, runner: asyncio.Runner, worker: AsyncEngine, owner: AsyncEngine) -> None:
        self._runner = runner
        self._worker = worker
        self._owner = owner
        self.internal = {
            (purpose, currency): self.run(
                partial(ledger.internal_account, purpose=purpose, currency=currency)  # opened on first use
            )
            for purpose in INTERNAL
            for currency in CURRENCIES
        }

    def run(self, act: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Does `act` in a transaction of the worker."""
        return self._runner.run(_inside(self._worker, act))

    def customer(self) -> UUID:
        """A new customer."""
        return self._runner.run(add_customer(self._owner)).id

    def account(self, customer: UUID, currency: str) -> UUID:
        """A new account, empty."""
        return self._runner.run(_inside(self._owner, partial(account, customer=customer, currency=currency)))


async def _inside(engine: AsyncEngine, act: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async with transaction(engine) as session:
        return await act(session)


@pytest.fixture(scope="module")
def world(postgres: Server) -> Iterator[World]:
    """A database of its own, in which a hold needs no wire.

    That wires and holds agree has tests elsewhere.
    """
    database = postgres.create()
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE holds DISABLE TRIGGER holds_wire_agrees")
    with asyncio.Runner() as runner:
        worker, owner = connect(database.worker_url, pool_size=1), connect(database.owner_url, pool_size=1)
        yield World(runner, worker, owner)
        runner.run(worker.dispose())
        runner.run(owner.dispose())
    postgres.drop(database)


class LedgerMachine(RuleBasedStateMachine):
    """Two customers, a few accounts, and whatever may happen to them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.books = Books()
        self.accounts: list[UUID] = []
        self.holds: list[tuple[UUID, UUID]] = []  # hold, owner
        self.booked: list[Entry] = []
        self.customers = [world.customer(), world.customer()]
        for (_, currency), account_id in world.internal.items():
            before = world.run(partial(ledger.balance, account_id=account_id))
            self.books.accounts[account_id] = Kept(None, currency, before.posted_minor)

    @initialize()
    def people_have_accounts(self) -> None:
        for customer in range(2):
            self.account_is_opened(customer, "EUR")
            self.account_is_funded(customer, 500)

    @rule(customer=INDEX, currency=st.sampled_from(CURRENCIES))
    def account_is_opened(self, customer: int, currency: str) -> None:
        owner = self.customers[customer % 2]
        opened = self.world.account(owner, currency)
        self.accounts.append(opened)
        self.books.accounts[opened] = Kept(owner, currency)

    @rule(index=INDEX, minor=MINOR)
    def account_is_funded(self, index: int, minor: int) -> None:
        target = self._account(index)
        currency = self.books.accounts[target].currency
        source = self.world.internal[InternalPurpose.OPENING, currency]
        self._post([opening(source, target, minor, currency).model_copy(update={"key": f"fund/{uuid7()}"})])

    @rule(plans=st.lists(PLANS, min_size=1, max_size=8))
    def entries_are_posted(self, plans: list[dict[str, Any]]) -> None:
        entries: list[Entry] = []
        for plan in plans:
            entries.append(self._planned(plan, entries))
        self._post(entries)

    @precondition(lambda self: self.booked)
    @rule(index=INDEX)
    def an_entry_is_reversed(self, index: int) -> None:
        wrong = self.booked[index % len(self.booked)]
        legs = tuple(
            debit(leg.account_id, leg.amount_minor)
            if leg.amount_minor > 0
            else credit(leg.account_id, -leg.amount_minor)
            for leg in wrong.legs
        )
        source, target = wrong.to_account_id, wrong.from_account_id
        assert source is not None
        assert target is not None
        back = entry(
            source, target, wrong.amount_minor, wrong.currency, kind="reversal", legs=legs, reversal_of=wrong.id
        )
        self._post([back])

    @rule(index=INDEX, minor=MINOR)
    def a_hold_is_placed(self, index: int, minor: int) -> None:
        target, owner = self._account(index), uuid7()
        kept = self.books.accounts[target]
        hold = uuid7()
        place = partial(
            ledger.place_hold,
            account_id=target,
            amount_minor=minor,
            owner_kind="wire",
            owner_id=owner,
            on_behalf_of=kept.customer,
        )
        if not self.books.place(target, minor, hold):
            with pytest.raises(InsufficientFunds if kept.status == "active" else AccountUnusable):
                self.world.run(place)
            return
        placed = self.world.run(place)
        self.books.holds[placed] = self.books.holds.pop(hold)
        self.holds.append((placed, owner))

    @precondition(lambda self: self.holds)
    @rule(index=INDEX, more=st.sampled_from([0, 1]))
    def a_hold_is_placed_again(self, index: int, more: int) -> None:
        hold, owner = self.holds[index % len(self.holds)]
        held = self.books.holds[hold]
        act = partial(
            ledger.place_hold,
            account_id=held.account,
            amount_minor=held.minor + more,
            owner_kind="wire",
            owner_id=owner,
            on_behalf_of=None,
        )
        if more:
            with pytest.raises(IdempotencyConflict):
                self.world.run(act)
        else:
            assert self.world.run(act) == hold

    @precondition(lambda self: self.holds)
    @rule(index=INDEX)
    def a_hold_is_released(self, index: int) -> None:
        hold, owner = self.holds[index % len(self.holds)]
        release = partial(ledger.release_hold, owner_kind="wire", owner_id=owner)
        assert self.world.run(release) is self.books.release(hold)

    @rule(index=INDEX, status=st.sampled_from(list(AccountStatus)))
    def an_account_changes_its_status(self, index: int, status: AccountStatus) -> None:
        target = self._account(index)
        kept = self.books.accounts[target]
        if status is AccountStatus.CLOSED and (kept.posted or self.books.held(target)):
            return
        self.world.run(partial(set_status, account_id=target, status=status))
        kept.status = status

    @invariant()
    def both_say_the_same(self) -> None:
        async def look(session: AsyncSession) -> tuple[dict[UUID, tuple[int, int]], dict[UUID, str]]:
            balances = await session.execute(
                text("SELECT account_id, posted_minor, held_minor FROM ledger_balances WHERE account_id = ANY(:ids)"),
                {"ids": list(self.books.accounts)},
            )
            holds = await session.execute(
                text("SELECT id, status FROM holds WHERE id = ANY(:ids)"), {"ids": list(self.books.holds)}
            )
            return {row[0]: (row[1], row[2]) for row in balances}, {row[0]: row[1] for row in holds}

        balances, holds = self.world.run(look)
        assert balances == {key: (kept.posted, self.books.held(key)) for key, kept in self.books.accounts.items()}
        assert holds == {key: held.status for key, held in self.books.holds.items()}

    def teardown(self) -> None:
        """After each story: no money was made or lost, and every rule of the ledger holds."""
        assert set(self.world.run(ledger.totals).values()) <= {0}
        assert self.world.run(ledger.proof) == []

    def _account(self, index: int) -> UUID:
        return self.accounts[index % len(self.accounts)]

    def _planned(self, plan: dict[str, Any], before: list[Entry]) -> Entry:
        source, target = self._account(plan["source"]), self._account(plan["target"] + 1)
        kept = self.books.accounts[source]
        currency = kept.currency
        changes: dict[str, Any] = {}
        if plan["who"] != "bank":
            strangers = [other for other in self.customers if other != kept.customer]
            changes["on_behalf_of"] = kept.customer if plan["who"] == "owner" else strangers[0]
        if plan["oddity"] == "missing":
            target = uuid7()
        elif plan["oddity"] == "currency":
            currency = next(other for other in CURRENCIES if other != currency)
        elif plan["oddity"] == "both_ways":
            target = source
        if plan["capture"] is not None and self.holds:
            hold = self.holds[plan["capture"] % len(self.holds)][0]
            source = self.books.holds[hold].account if plan["oddity"] is None else source
            changes["captures"] = hold
        earlier = [*before, *self.booked]
        if plan["key"] in ("replay", "conflict") and earlier:
            known = earlier[plan["source"] % len(earlier)]
            if plan["key"] == "replay":
                return Entry.model_validate({**dict(known), "id": uuid7()})
            changes["key"] = known.key
        elif plan["key"] == "same" and before:
            changes["key"] = before[-1].key
        fees = self.world.internal[InternalPurpose.FEES, kept.currency]
        if plan["fee"]:
            return with_fee(source, target, fees, plan["minor"], plan["fee"], currency=currency, **changes)
        return entry(source, target, plan["minor"], currency, **changes)

    def _post(self, entries: list[Entry]) -> None:
        expected: dict[int, Outcome] = {}
        for positions in rounds(entries):
            for position in positions:
                expected[position] = self.books.post(entries[position])
        results = self.world.run(partial(ledger.post, entries=entries))
        for position, (made, result) in enumerate(zip(entries, results, strict=True)):
            match expected[position]:
                case Outcome.POSTED:
                    assert result == PostedEntry(transaction_id=made.id, replayed=False)
                    self.booked.append(made)
                case Outcome.REPLAYED:
                    first = self.books.entries[made.key]
                    assert result == PostedEntry(transaction_id=first.id, replayed=True)
                case refused:
                    assert isinstance(result, AurumError), f"{refused} was expected"
                    assert result.code == refusal(refused, made).code


def test_the_ledger_of_the_database_is_the_ledger_of_the_model(world: World) -> None:
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
