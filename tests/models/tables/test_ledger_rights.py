"""Who may write, debit and see what: the API's role, customers, staff."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from infra.database import Principal, transaction
from models.errors import (
    Forbidden,
    NotFound,
)
from models.ledger import PostedEntry
from models.tables import ledger
from tests.factories.ledger import entry, with_fee
from tests.factories.users import add_officer
from tests.models.tables.bank import Bank, customer, sqlstate


async def test_the_api_s_role_posts_for_the_customer_who_asks_and_for_nobody_else(bank: Bank) -> None:
    mine = entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.clara)
    not_mine = [
        entry(bank.dora_account, bank.clara_account, 1, on_behalf_of=bank.clara),
        entry(bank.dora_account, bank.clara_account, 1, on_behalf_of=bank.dora),
        entry(bank.dora_account, bank.clara_account, 1),
        entry(bank.fees, bank.clara_account, 1, on_behalf_of=bank.clara),
        entry(bank.fees, bank.clara_account, 1),
        entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.clara, reversal_of=mine.id),
        entry(bank.clara_account, bank.dora_account, 1, on_behalf_of=bank.clara, captures=uuid7()),
    ]
    async with transaction(bank.api, customer(bank.clara)) as session:
        results = await ledger.post(session, [mine, *not_mine])
    assert isinstance(results[0], PostedEntry)
    assert {type(result) for result in results[1:]} == {Forbidden}
    async with transaction(bank.api, customer(bank.clara)) as session:
        with pytest.raises(NotFound):
            await ledger.place_hold(session, bank.dora_account, 1, "wire", uuid7(), bank.clara)
        with pytest.raises(NotFound):
            await ledger.place_hold(session, bank.dora_account, 1, "wire", uuid7(), bank.dora)
        with pytest.raises(NotFound):
            await ledger.place_hold(session, bank.dora_account, 1, "wire", uuid7(), None)


@pytest.mark.parametrize("table", ["accounts", "holds", "transactions", "postings"])
@pytest.mark.parametrize(
    "act", ["INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "TRUNCATE {} CASCADE", "DROP TABLE {}"]
)
@pytest.mark.parametrize("role", ["api", "worker"])
async def test_no_role_writes_the_books_directly(bank: Bank, role: str, act: str, table: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with transaction(getattr(bank, role), customer(bank.clara)) as session:
            await session.execute(text(act.format(table)))
    assert sqlstate(refused) == "42501"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET posted_minor = 1000000",
        "UPDATE accounts SET held_minor = 0",
        "UPDATE accounts SET floor_minor = NULL",
        "UPDATE accounts SET version = 0",
        "UPDATE holds SET status = 'released'",
        "UPDATE transactions SET amount_minor = 1",
        "UPDATE postings SET amount_minor = 1",
        "INSERT INTO accounts (user_id, account_number, posted_minor) VALUES (:clara, 'rich', 1000000)",
        "SELECT * FROM ledger_proof()",
        "ALTER TABLE postings DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ],
)
async def test_no_way_around_the_ledger_for_the_api(bank: Bank, change: str) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with transaction(bank.api, customer(bank.clara)) as session:
            await session.execute(text(change), {"clara": bank.clara} if ":clara" in change else {})
    assert sqlstate(refused) == "42501"


async def test_the_api_opens_no_account_for_somebody_else_and_none_without_a_floor(bank: Bank) -> None:
    opening = "INSERT INTO accounts (user_id, account_number, account_type, currency, exponent, floor_minor) VALUES"
    for values in (
        f"('{bank.dora}', 'x1', 'checking', 'EUR', 2, 0)",
        f"('{bank.clara}', 'x2', 'checking', 'EUR', 2, -100000)",
        f"('{bank.clara}', 'x3', 'checking', 'EUR', 2, NULL)",
        "(NULL, 'x4', 'internal', 'EUR', 2, NULL)",
    ):
        with pytest.raises(DBAPIError):
            async with transaction(bank.api, customer(bank.clara)) as session:
                await session.execute(text(f"{opening} {values}"))


async def _count(session: AsyncSession, table: str) -> int:
    return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_a_customer_sees_their_own_books_and_staff_what_their_rights_allow(bank: Bank) -> None:
    async with transaction(bank.worker) as session:
        await ledger.post_one(session, with_fee(bank.clara_account, bank.dora_account, bank.fees, 300, 50))
        await ledger.post_one(session, entry(bank.clara_account, bank.clara_savings, 100))
    officer = await add_officer(bank.owner, "operations")
    seen: dict[str, list[int]] = {}
    people: dict[str, Principal | None] = {
        "clara": customer(bank.clara),
        "dora": customer(bank.dora),
        "nobody": Principal(
            user_id=None, role="customer", permissions=frozenset({"accounts:read", "transactions:read"})
        ),
        "unset": None,
        "officer without rights": Principal(user_id=officer.id, role="admin"),
        "officer": Principal(
            user_id=officer.id, role="admin", permissions=frozenset({"accounts:read", "transactions:read"})
        ),
    }
    for name, principal in people.items():
        async with transaction(bank.api, principal) as session:
            seen[name] = [
                await _count(session, table) for table in ("accounts", "transactions", "postings", "ledger_balances")
            ]
    assert seen == {
        "clara": [2, 3, 4, 2],
        "dora": [1, 2, 2, 1],
        "nobody": [0, 0, 0, 0],
        "unset": [0, 0, 0, 0],
        "officer without rights": [0, 0, 0, 0],
        "officer": [5, 4, 9, 5],
    }


@pytest.mark.usefixtures("holds_need_no_wire")
async def test_a_customer_sees_their_own_holds(bank: Bank) -> None:
    owner = uuid7()
    async with transaction(bank.worker) as session:
        await ledger.place_hold(session, bank.clara_account, 100, "wire", owner, bank.clara)
    async with transaction(bank.api, customer(bank.clara)) as session:
        assert await ledger.hold_of(session, "wire", owner)
        with pytest.raises(NotFound):
            await ledger.balance(session, bank.dora_account)
    async with transaction(bank.api, customer(bank.dora)) as session:
        assert await ledger.hold_of(session, "wire", owner) is None
