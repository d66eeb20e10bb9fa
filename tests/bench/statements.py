"""Monthly statements of 60 entries made per second on one core, by the worker's own step: read, set as four files,
sealed, stored, proven by the database and kept, one after the other.

The floor is the typesetter alone over the same statements in the same process: nothing that makes a PDF of them is
quicker. The memory is what the second half takes more than the first. `STATEMENTS=10000` for a month's worth.
"""

import os
import resource
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.statements import StatementSteps
from infra import statements as setting
from infra import typeset
from infra.database import connect, transaction
from infra.providers.store import open_statements
from infra.settings import Settings
from models.ledger import InternalPurpose
from models.statements import AccountRun, MonthlyStatement, as_json, moments_of
from models.tables import ledger, monthly_statements
from tests.bench.parts import Aim, Measure, part
from tests.databases import server
from tests.factories import statements as make
from tests.factories.damage import damage
from tests.factories.ledger import entry
from tests.factories.users import add_customer

COUNT: Final = int(os.environ.get("STATEMENTS", "300"))
ENTRIES: Final = 60
PERIOD: Final = "2026-10"
# The typesetter keeps what it has laid out for a while, and grows until then.
_WARM: Final = 30


@part("statements")
async def statements() -> AsyncIterator[Measure]:
    """Statements per second and core against the typesetter alone, and whether memory stays flat."""
    with server() as running, tempfile.TemporaryDirectory() as folder:
        database = running.create()
        owner, worker = connect(database.owner_url), connect(database.worker_url)
        config = Settings(_env_file=None, store_dir=Path(folder))
        steps = StatementSteps(config, worker, open_statements(config))
        try:
            accounts = [await account_with_entries(owner) for _ in range(COUNT + _WARM)]
            said = [await statement_of(worker, config, account) for account in accounts[: _WARM * 2]]
            for one in said[:_WARM]:
                _set(one)
            floor = _alone(said[_WARM:])
            for account in accounts[COUNT:]:
                await steps.made(AccountRun(period=PERIOD, account_id=account))
            first, middle = await _make(steps, accounts[: COUNT // 2]), _peak()
            second, end = await _make(steps, accounts[COUNT // 2 : COUNT]), _peak()
            # The floor is measured on both sides, since others use the machine too.
            floor = (floor + _alone(said[_WARM:])) / 2
            yield Measure("statements.made", COUNT / (first + second), "statements/s", floor=floor, aim=Aim(0.7))
            yield Measure("statements.memory", end - middle, "MiB more", aim=Aim(16, at_least=False))
        finally:
            await owner.dispose()
            await worker.dispose()


async def account_with_entries(owner: AsyncEngine) -> UUID:
    """An account with sixty entries in the month."""
    begins_at = moments_of(PERIOD)[0]
    customer = await add_customer(owner)
    account = await make.opened(owner, customer.id, "EUR", begins_at)
    async with transaction(owner) as session:
        opening = await ledger.internal_account(session, InternalPurpose.OPENING, "EUR")
        entries = [
            entry(*((account, opening) if number % 3 else (opening, account)), 100_00 + number * 7, "EUR").model_copy(
                update={"description": f"Invoice 2026-{number:04d}, second instalment", "value_date": begins_at.date()}
            )
            for number in range(ENTRIES)
        ]
        entries[0] = entry(opening, account, 1_000_000_00, "EUR")
        for result in await ledger.post(session, entries):
            assert not isinstance(result, Exception), result
    await damage(
        owner,
        "UPDATE postings SET created_at = CAST(:at AS timestamptz) + account_version * interval '12 hours'"
        " WHERE account_id = :account",
        at=begins_at + timedelta(minutes=1),
        account=account,
    )
    return account


async def statement_of(worker: AsyncEngine, config: Settings, account: UUID) -> MonthlyStatement:
    """What the account's statement of the month says."""
    async with transaction(worker) as session:
        return await monthly_statements.read(
            session, account, PERIOD, bank_name=config.bank_name, bank_bic=config.bank_bic
        )


def _set(said: MonthlyStatement) -> bytes:
    return typeset.set_now(
        "statement", setting.shown(said), made_at=said.ends_at, attached={setting.ATTACHED: as_json(said)}
    )


def set_alone(one: MonthlyStatement) -> None:
    """Sets a statement, as one that the typesetter has not seen: what it remembers is not measured."""
    assert _set(one.model_copy(update={"account_name": f"Account {perf_counter()}"}))


def _alone(said: list[MonthlyStatement]) -> float:
    began = perf_counter()
    for one in said:
        set_alone(one)
    return len(said) / (perf_counter() - began)


async def _make(steps: StatementSteps, accounts: list[UUID]) -> float:
    began = perf_counter()
    for account in accounts:
        assert await steps.made(AccountRun(period=PERIOD, account_id=account)) is not None
    return perf_counter() - began


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
