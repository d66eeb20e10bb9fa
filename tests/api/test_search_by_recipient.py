"""A wire's transaction is found by whom it went to: by its customer, and by nobody else."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.ledger import InternalPurpose
from models.tables import ledger
from tests.factories import wires as make
from tests.factories.damage import damage
from tests.factories.ledger import entry
from tests.factories.wire_desk import Customer, Door

SEARCH = "/api/v1/transactions/search"


@pytest.fixture
async def door(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _settled(door: Door, customer: Customer, **changes: Any) -> tuple[str, str]:
    """A wire that was paid and came back: the entries of both."""
    wire = await door.ordered(customer, **changes)
    async with transaction(door.owner) as session:
        nostro = await ledger.internal_account(session, InternalPurpose.NOSTRO, "USD")
        paid = await ledger.post_one(session, entry(customer.account, nostro, 5_00, "USD", kind="wire"))
        back = await ledger.post_one(
            session, entry(nostro, customer.account, 5_00, "USD", kind="wire_return", key=f"wire/{wire}/return")
        )
    await damage(
        door.owner,
        "UPDATE wire_transfers SET transaction_id = :paid WHERE id = :wire",
        paid=paid.transaction_id,
        wire=wire,
    )
    return str(paid.transaction_id), str(back.transaction_id)


async def _found(door: Door, headers: dict[str, str], **params: str) -> list[str]:
    told = await door.client.get(SEARCH, params=params, headers=headers)
    assert told.status_code == 200, told.text
    return [one["id"] for one in told.json()["data"]]


async def test_a_wire_is_found_by_its_recipient(door: Door) -> None:
    customer, other = await door.customer(), await door.customer()
    paid, back = await _settled(door, customer, recipient_name="Zephyrine Imports SA", reference="Invoice 1177")
    await _settled(door, other, recipient_name="Zephyrine Imports SA")
    await door.ordered(customer, recipient_name="Zephyrine Exports SA")  # nothing is booked of it
    for words in ("zephyrine", "Zephyrine imp", "zephyrine invoice", "zephyrin imports", "wire zephyrine"):
        assert await _found(door, customer.headers, q=words) == [back, paid], words
        assert await _found(door, customer.headers, q=words, account=str(customer.account)) == [back, paid], words
    assert await _found(door, customer.headers, q="zephyrine", limit="1") == [back]
    assert await _found(door, customer.headers, q="zephyrine", limit="1", page="2") == [paid]
    assert await _found(door, customer.headers, q="nobody so named") == []


async def test_staff_finds_no_recipients_through_transactions(door: Door) -> None:
    customer = await door.customer()
    await _settled(door, customer, recipient_name="Zephyrine Imports SA")
    _, auditor = await door.officer("auditor")
    for words in ("zephyrine", "zephyrin imports"):
        assert await _found(door, auditor, q=words, account=str(customer.account)) == []


async def test_names_are_looked_up_in_an_index(door: Door) -> None:
    customer = await door.customer()
    await _settled(door, customer)
    async with transaction(door.owner) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.execute(
            text(
                "EXPLAIN SELECT FROM wire_transfers WHERE app.recipient_words(recipient_name || ' ' ||"
                " recipient_bank_name || ' ' || reference || ' wire', sender_account_id) @@ 'x'::tsquery"
            )
        )
        assert "wire_transfers_words" in str(plan.scalars().all())
