"""The commands about the ledger, as an operator runs them: prove, explain, and let it book again."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger_proof import Proof
from tests.databases import Database
from tests.factories import wires as make
from tests.factories.damage import damage

ROOT = Path(__file__).parents[2]


class Operator:
    """Somebody at a shell of the bank."""

    def __init__(self, database: Database) -> None:
        self._environment = {**os.environ, "AURUM_DATABASE_URL": database.owner_url}

    async def runs(self, *words: str) -> tuple[int, str, str]:
        """Exit status, output and errors of `python -m infra.admin` with these words."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "infra.admin", *words),
            cwd=ROOT,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
def operator(database: Database) -> Operator:
    """An operator of the database of this test."""
    return Operator(database)


async def test_a_breach_is_found_explained_repaired_and_over(operator: Operator, owner_engine: AsyncEngine) -> None:
    people = await make.people(owner_engine)
    status, out, _ = await operator.runs("ledger-prove", "--json")
    assert (status, Proof.model_validate_json(out).breach_count) == (0, 0)
    assert await operator.runs("ledger-explain") == (0, "Every rule of the ledger holds.\n", "")
    status, _, err = await operator.runs("ledger-unfreeze", "--reason", "nothing")
    assert (status, err) == (1, "The ledger is not frozen\n")

    await damage(
        owner_engine, "UPDATE accounts SET posted_minor = posted_minor + 7 WHERE id = :id", id=people.eur_account
    )
    status, out, _ = await operator.runs("ledger-prove")
    assert status == 1
    assert "balance_is_sum_of_postings" in out
    status, out, _ = await operator.runs("ledger-explain")
    assert status == 1
    assert "Posting is suspended since" in out
    assert "should be 50000000, is 50000007: a difference of +7, since " in out
    assert "leaves 50000000 at version 1; the account says 50000007 at version 1" in out

    status, _, err = await operator.runs("ledger-unfreeze", "--reason", "I believe it is fine")
    assert status == 1
    assert "BREACH" in err
    await damage(
        owner_engine, "UPDATE accounts SET posted_minor = posted_minor - 7 WHERE id = :id", id=people.eur_account
    )
    assert (await operator.runs("ledger-unfreeze", "--reason", " "))[0] == 2
    status, out, _ = await operator.runs("ledger-unfreeze", "--reason", "row taken back from the backup")
    assert status == 0
    assert "books again" in out
    async with transaction(owner_engine) as session:
        rows = await session.execute(
            text("SELECT action, new_values ->> 'reason' FROM audit_logs WHERE resource_type = 'ledger' ORDER BY id")
        )
        assert [row[0] for row in rows][-1] == "ledger.unfreeze"
        open_freezes = await session.execute(text("SELECT count(*) FROM ledger_freezes WHERE ended_at IS NULL"))
        assert open_freezes.scalar_one() == 0


async def test_an_operator_may_let_it_book_despite_a_breach(operator: Operator, owner_engine: AsyncEngine) -> None:
    people = await make.people(owner_engine)
    await damage(owner_engine, "UPDATE accounts SET held_minor = 5 WHERE id = :id", id=people.eur_account)
    assert (await operator.runs("ledger-prove"))[0] == 1
    status, _, _ = await operator.runs("ledger-unfreeze", "--reason", "known, ticket 12", "--despite-breaches")
    assert status == 0
