"""The proof names every rule that is broken, posting is suspended, and nobody but an operator lets it go on."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from infra.database import Principal, transaction
from models.errors import LedgerFrozen, WrongState
from models.ledger import Breach
from models.ledger_proof import Explanation, Proof, told
from models.tables import ledger, ledger_evidence, ledger_proofs
from tests.factories import wires as make
from tests.factories.damage import damage
from tests.factories.ledger import entry
from tests.models.tables.bank import TEN, Bank, customer, sqlstate

LATER = timedelta(hours=1)


async def proved(bank: Bank, run: str | None = None) -> Proof:
    """A proof by the worker, an hour from now: what is booked by then has its line in the audit log."""
    async with transaction(bank.worker) as session:
        return await ledger_proofs.prove(session, datetime.now(UTC) + LATER, run=run)


async def explained(bank: Bank) -> list[Explanation]:
    """What an operator is told."""
    async with transaction(bank.owner) as session:
        return await ledger_evidence.explain(session, datetime.now(UTC) + LATER)


async def posts(bank: Bank) -> bool:
    """Whether Clara can pay Dora."""
    async with transaction(bank.api, customer(bank.clara)) as session:
        paying = entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.clara)
        (result,) = await ledger.post(session, [paying])
    assert not isinstance(result, Exception) or isinstance(result, LedgerFrozen)
    return not isinstance(result, LedgerFrozen)


NEW = "00000000-0000-7000-8000-00000000000a"
HEADER = (
    "INSERT INTO transactions (id, transaction_type, amount_minor, currency, exponent, idempotency_key, content_hash)"
    f" VALUES ('{NEW}', 'adjustment', 5, 'EUR', 2, 'by hand', repeat('x', 32)::bytea)"
)
LEGS = (
    "INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor)"
    f" VALUES ('{NEW}', 1, :fees, 'EUR', 5), ('{NEW}', 2, :fees, 'EUR', -5)"
)
OF_CLARA = "account_id = :clara"
BROKEN = {
    "balance_is_sum_of_postings": ["UPDATE accounts SET posted_minor = posted_minor + 7 WHERE id = :clara"],
    "version_counts_postings": ["UPDATE accounts SET version = version + 1 WHERE id = :clara"],
    "versions_have_no_gap": [f"UPDATE postings SET account_version = 9 WHERE {OF_CLARA}"],
    "balance_after_follows": [f"UPDATE postings SET balance_after_minor = 3 WHERE {OF_CLARA}"],
    "postings_sum_to_zero": [f"UPDATE postings SET amount_minor = amount_minor + 1 WHERE {OF_CLARA}"],
    "entry_sums_to_zero": [
        # One entry makes what the other loses: the sum over the currency does not see it.
        "UPDATE postings SET amount_minor = amount_minor + 1 WHERE account_id = :clara",
        "UPDATE postings SET amount_minor = amount_minor - 1 WHERE account_id = :dora",
    ],
    "posting_has_account": [f"UPDATE postings SET account_id = '{uuid4()}' WHERE {OF_CLARA}"],
    "posting_has_entry": [f"UPDATE postings SET transaction_id = '{uuid4()}' WHERE {OF_CLARA}"],
    "held_is_sum_of_open_holds": ["UPDATE accounts SET held_minor = 5 WHERE id = :clara"],
    "entry_has_legs": [HEADER],
    "open_hold_has_live_process": [
        f"INSERT INTO holds (account_id, amount_minor, owner_kind, owner_id) VALUES (:clara, 5, 'wire', '{uuid4()}')",
        "UPDATE accounts SET held_minor = 5 WHERE id = :clara",
    ],
    "movement_has_origin": [HEADER, LEGS],
}


@pytest.mark.parametrize("rule", BROKEN)
async def test_each_broken_rule_is_named_explained_and_suspends_posting(bank: Bank, rule: str) -> None:
    assert (await proved(bank)).holds
    keep = [f"CREATE TABLE kept_{table} AS SELECT * FROM {table}" for table in ("accounts", "postings")]
    await damage(bank.owner, *keep)
    try:
        await damage(bank.owner, *BROKEN[rule], clara=bank.clara_account, dora=bank.dora_account, fees=bank.fees)
        proof = await proved(bank)
        assert rule in {breach.rule for breach in proof.breaches}
        assert not proof.holds
        assert rule in told(proof)
        (explanation, *_) = [each for each in await explained(bank) if each.breach.rule == rule]
        assert explanation.evidence
        assert explanation.breach.subject in explanation.told()
        assert explanation.difference != 0
        assert not await posts(bank)
    finally:
        await damage(
            bank.owner,
            "UPDATE accounts a SET posted_minor = k.posted_minor, held_minor = k.held_minor, version = k.version"
            " FROM kept_accounts k WHERE a.id = k.id",
            "DELETE FROM postings",
            "INSERT INTO postings SELECT * FROM kept_postings",
            f"DELETE FROM transactions WHERE id = '{NEW}'",
            "DELETE FROM holds",
            "DROP TABLE kept_accounts, kept_postings",
        )
    assert (await proved(bank)).holds
    assert not await posts(bank)  # the books are right again, and an operator has not said so yet
    async with transaction(bank.owner) as session:
        await ledger_proofs.unfreeze(session, "taken back from the copy", "olga")
    assert await posts(bank)


async def _rows(bank: Bank, statement: str) -> list[object]:
    async with transaction(bank.owner) as session:
        return list((await session.execute(text(statement))).scalars())


# Wires and their holds, both ways

WIRE_BROKEN = {
    "live_wire_has_hold": "UPDATE holds SET amount_minor = amount_minor - 1",
    "open_hold_has_live_process": "UPDATE wire_transfers SET status = 'rejected'",
    "ended_wire_agrees_with_its_hold": "UPDATE wire_transfers SET status = 'expired'",
    "settled_wire_has_its_entry": "UPDATE wire_transfers SET status = 'completed'",
}


@pytest.mark.parametrize("rule", WIRE_BROKEN)
async def test_a_wire_and_its_hold_are_proven_both_ways(bank: Bank, rule: str) -> None:
    people = await make.people(bank.owner)
    await make.ordered(bank.api, people)
    assert (await proved(bank)).holds
    async with bank.owner.connect() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(WIRE_BROKEN[rule]))
        rules = {row[0] for row in await connection.execute(text("SELECT rule FROM ledger_process_proof(now())"))}
        await connection.rollback()
    assert rule in rules


async def test_a_movement_with_a_line_in_the_audit_log_has_an_origin(bank: Bank) -> None:
    paying = entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.clara)
    async with transaction(bank.api, customer(bank.clara)) as session:
        await ledger.post_one(session, paying)
    async with transaction(bank.worker) as session:
        early = await ledger_proofs.breaches(session, datetime.now(UTC))
        late = await ledger_proofs.breaches(session, datetime.now(UTC) + LATER)
    assert early == []
    assert late == [Breach(rule="movement_has_origin", subject=str(paying.id), expected=1, found=0)]
    async with transaction(bank.owner) as session:
        await session.execute(
            text(
                "INSERT INTO audit_logs (action, resource_type, resource_id, outcome)"
                " VALUES ('transactions.transfer', 'transaction', :id, 'done')"
            ),
            {"id": str(paying.id)},
        )
    assert (await proved(bank)).holds


# The freeze


async def test_a_frozen_ledger_tells_what_is_booked_and_books_nothing(bank: Bank) -> None:
    booked = entry(bank.clara_account, bank.dora_account, 5, on_behalf_of=bank.clara)
    async with transaction(bank.api, customer(bank.clara)) as session:
        await ledger.post_one(session, booked)
    await _freeze(bank)
    async with transaction(bank.api, customer(bank.clara)) as session:
        new = entry(bank.clara_account, bank.dora_account, 5, on_behalf_of=bank.clara)
        replayed, refused = await ledger.post(session, [booked, new])
        assert not isinstance(replayed, Exception)
        assert replayed.replayed
        assert isinstance(refused, LedgerFrozen)
        assert refused.extra["retry_after"] > 0
        with pytest.raises(LedgerFrozen):
            await ledger.place_hold(session, bank.clara_account, 1, "wire", uuid4(), bank.clara)
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN - 5


async def test_a_freeze_is_written_down_once_and_ended_by_the_owner_alone(bank: Bank) -> None:
    await damage(bank.owner, "UPDATE accounts SET held_minor = 5 WHERE id = :clara", clara=bank.clara_account)
    first, again = await proved(bank, "run"), await proved(bank, "run")
    assert again == first
    assert not (await proved(bank)).holds
    await damage(bank.owner, "UPDATE accounts SET held_minor = 0 WHERE id = :clara", clara=bank.clara_account)
    async with transaction(bank.worker) as session:
        freeze = await ledger_proofs.frozen(session)
    assert freeze is not None
    assert freeze.proof_id == first.id
    assert "held_is_sum_of_open_holds" in freeze.reason
    for engine, act in (
        (bank.worker, "UPDATE ledger_freezes SET ended_at = now(), ended_reason = 'me'"),
        (bank.worker, "DELETE FROM ledger_freezes"),
        (bank.api, "INSERT INTO ledger_freezes (reason) VALUES ('me')"),
        (bank.worker, "UPDATE ledger_proofs SET breach_count = 0"),
        (bank.api, "INSERT INTO ledger_proofs (took_ms, entries, breach_count, breaches) VALUES (1, 1, 0, '[]')"),
    ):
        with pytest.raises(DBAPIError) as refused:
            async with transaction(engine) as session:
                await session.execute(text(act))
        assert sqlstate(refused) == "42501"
    async with transaction(bank.owner) as session:
        await ledger_proofs.unfreeze(session, "counted by hand", "olga")
    for act, code in (
        ("UPDATE ledger_freezes SET ended_reason = 'another'", "AU130"),
        ("DELETE FROM ledger_freezes", "AU130"),
        ("DELETE FROM ledger_proofs", "AU100"),
    ):
        with pytest.raises(DBAPIError) as refused:
            async with transaction(bank.owner) as session:
                await session.execute(text(act))
        assert sqlstate(refused) == code
    with pytest.raises(WrongState):
        async with transaction(bank.owner) as session:
            await ledger_proofs.unfreeze(session, "again", "olga")
    lines = await _rows(bank, "SELECT new_values FROM audit_logs WHERE resource_type = 'ledger' ORDER BY id")
    assert [isinstance(line, dict) and line["reason"] for line in lines] == [freeze.reason, "counted by hand"]


@pytest.mark.parametrize(
    ("role", "permissions", "seen"),
    [
        ("admin", {"admin:system"}, 1),
        ("admin", {"admin:reports"}, 1),
        ("admin", {"admin:compliance"}, 0),
        ("customer", {"admin:system"}, 0),
    ],
)
async def test_proofs_are_for_those_who_watch(bank: Bank, role: str, permissions: set[str], seen: int) -> None:
    await proved(bank)
    watcher = Principal(user_id=bank.clara, role=role, permissions=frozenset(permissions))
    async with transaction(bank.api, watcher) as session:
        assert len(await ledger_proofs.history(session, 10)) == seen


async def _freeze(bank: Bank) -> None:
    async with transaction(bank.owner) as session:
        await session.execute(text("INSERT INTO ledger_freezes (reason) VALUES ('a test')"))
