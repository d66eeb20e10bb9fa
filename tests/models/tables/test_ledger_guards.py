"""What the database refuses to everybody, its owner included, and what the proof then still finds."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from infra.database import transaction
from models.tables import ledger
from tests.factories.ledger import entry
from tests.models.tables.bank import TEN, Bank, sqlstate


@pytest.mark.parametrize("table", ["transactions", "postings"])
@pytest.mark.parametrize("act", ["UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_the_journal_is_append_only(bank: Bank, act: str, table: str) -> None:
    with pytest.raises(DBAPIError, match="append-only") as refused:
        async with transaction(bank.owner) as session:
            await session.execute(text(act.format(table)))
    assert sqlstate(refused) == "AU100"


HEADER = (
    "INSERT INTO transactions (id, transaction_type, amount_minor, currency, exponent, idempotency_key, content_hash)"
    " VALUES ('00000000-0000-7000-8000-000000000001', 'direct', 5, 'EUR', 2, 'direct', repeat('x', 32)::bytea)"
)
LEGS = "INSERT INTO postings (transaction_id, leg, account_id, currency, amount_minor) VALUES "
LEG = "('00000000-0000-7000-8000-00000000000{}', {}, '{}', '{}', {})"


async def _write_directly(bank: Bank, postings: str) -> None:
    async with transaction(bank.owner) as session:
        await session.execute(text(HEADER))
        await session.execute(text(postings))


@pytest.mark.parametrize(
    ("legs", "code"),
    [
        ([(1, 1, "EUR", -5), (1, 2, "EUR", 4)], "AU101"),
        ([(1, 1, "EUR", 5)], "AU101"),
        ([(1, 1, "EUR", -5), (1, 2, "USD", 5)], "AU101"),
        ([(1, 1, "EUR", -5), (2, 1, "EUR", 5)], "AU101"),
        ([(2, 1, "EUR", -5), (2, 2, "EUR", 5)], "AU103"),
        ([(1, 1, "EUR", 0), (1, 2, "EUR", 0)], "23514"),
        ([(1, 0, "EUR", -5), (1, 1, "EUR", 5)], "23514"),
        ([(1, 1, "EUR", -5), (1, 1, "EUR", 5)], "23505"),
    ],
)
async def test_legs_that_do_not_sum_to_zero_are_refused_to_the_owner_too(
    bank: Bank, legs: list[tuple[int, int, str, int]], code: str
) -> None:
    rows = ", ".join(LEG.format(tx, leg, bank.fees, currency, minor) for tx, leg, currency, minor in legs)
    with pytest.raises(DBAPIError) as refused:
        await _write_directly(bank, LEGS + rows)
    assert sqlstate(refused) == code


async def test_a_second_posting_of_one_version_of_an_account_is_refused(bank: Bank) -> None:
    """What a lost update would look like."""
    rows = ", ".join(
        f"('00000000-0000-7000-8000-000000000001', {leg}, '{bank.clara_account}', 'EUR', {minor}, 1000, 1)"
        for leg, minor in ((1, -5), (2, 5))
    )
    columns = "(transaction_id, leg, account_id, currency, amount_minor, balance_after_minor, account_version)"
    with pytest.raises(DBAPIError, match="postings_no_lost_update"):
        await _write_directly(bank, f"INSERT INTO postings {columns} VALUES {rows}")


@pytest.mark.parametrize(
    "change", ["posted_minor = -1", "held_minor = 1001", "held_minor = -1", "floor_minor = 1001", "currency = 'eur'"]
)
async def test_no_account_goes_below_its_floor_even_for_the_owner(bank: Bank, change: str) -> None:
    with pytest.raises(DBAPIError, match=r"accounts_never_overdrawn|accounts_well_formed"):
        async with transaction(bank.owner) as session:
            await session.execute(text(f"UPDATE accounts SET {change} WHERE id = :id"), {"id": bank.clara_account})


CALL = (
    "SELECT outcome FROM ledger_post(CAST(:b AS json), CAST(:a AS uuid[]), CAST(:p AS integer[]), CAST(:m AS bigint[]))"
)


@pytest.mark.parametrize(
    "changes",
    [
        {"p": "{1,0}"},
        {"p": "{1,-1}"},
        {"p": "{1,3}"},
        {"p": "{1,NULL}"},
        {"p": "{1}"},
        {"p": "{1,2,2}"},
        {"p": "[0:1]={1,2}"},
        {"p": "{{1},{2}}"},
        {"p": None},
        {"m": "{-5,NULL}"},
        {"m": "{-5}"},
        {"m": "[0:1]={-5,5}"},
        {"m": "[2:3]={-5,5}"},
        {"m": None},
        {"a": "twice"},
        {"a": "backwards"},
        {"a": "null"},
        {"a": None},
        {"a": "{}"},
        {"legs": [0]},
        {"legs": [1]},
        {"legs": [-2]},
        {"legs": [None]},
        {"legs": [3]},
        {"legs": [2, -1]},
        {"legs": [2, 0]},
        {"legs": [3, -1]},
        {"legs": [1, 1]},
    ],
    ids=str,
)
async def test_a_batch_that_contradicts_itself_is_refused_as_a_whole(bank: Bank, changes: dict[str, Any]) -> None:
    """The API's role may call the function with anything; positions that point elsewhere would move wrong balances."""
    first, second = sorted([bank.clara_account, bank.dora_account])
    written = ledger.encode(
        [entry(first, second, 5, on_behalf_of=bank.clara if first == bank.clara_account else bank.dora)]
    )
    accounts = {
        "twice": f"{{{first},{first}}}",
        "backwards": f"{{{second},{first}}}",
        "null": f"{{NULL,{second}}}",
    }
    batch = written["batch"]
    if "legs" in changes:
        one = batch[1:-1]
        batch = ",".join(
            one.replace('"legs":2', f'"legs":{"null" if legs is None else legs}').replace("test/", f"test/{number}/")
            for number, legs in enumerate(changes["legs"])
        )
        batch = f"[{batch}]"
    chosen = changes.get("a", written["accounts"])
    call = {
        "b": batch,
        "a": accounts.get(chosen, chosen) if chosen else chosen,
        "p": changes.get("p", written["places"]),
        "m": changes.get("m", written["amounts"]),
    }
    with pytest.raises(DBAPIError) as refused:
        async with transaction(bank.api) as session:
            await session.execute(text(CALL), call)
    assert sqlstate(refused) == "AU102"
    assert (await bank.balance(bank.clara_account)).posted_minor == TEN


async def test_an_empty_batch_is_no_work(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        assert await ledger.post(session, []) == []


# The proof finds what no trigger could have refused


async def test_the_proof_names_each_breach(bank: Bank) -> None:
    async def rules(damage: str) -> set[str]:
        async with bank.owner.connect() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await connection.execute(text(damage))
            found = {rule for (rule,) in await connection.execute(text("SELECT rule FROM ledger_proof()"))}
            await connection.rollback()
            return found

    clara = f"WHERE id = '{bank.clara_account}'"
    assert await rules("SELECT 1") == set()
    assert await rules(f"UPDATE accounts SET posted_minor = posted_minor + 1 {clara}") == {"balance_is_sum_of_postings"}
    assert await rules(f"UPDATE accounts SET held_minor = 1 {clara}") == {"held_is_sum_of_open_holds"}
    assert await rules(f"UPDATE accounts SET version = 7 {clara}") == {"version_counts_postings"}
    assert await rules(HEADER) == {"entry_has_legs"}
    assert "postings_sum_to_zero" in await rules("UPDATE postings SET amount_minor = 1 WHERE amount_minor = 1000")
    assert await rules(f"DELETE FROM accounts WHERE id = '{bank.fees}'") == set()
    gone = f"DELETE FROM accounts {clara}"
    assert await rules(gone) == {"posting_has_account"}
