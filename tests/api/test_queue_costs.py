"""What the pages of the queue cost: their queries read the index of what is open, and no more when more is closed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.wires import UNDECIDED
from tests.factories.auth import signed_in
from tests.factories.users import Person, add_customer, add_officer

# As the console asks for the tab "to decide".
QUEUE: dict[str, Any] = {"status": sorted(UNDECIDED), "order": "deadline", "limit": 25}
OPEN_INDEX = "wire_transfers_open"
_ACCOUNT = """
    INSERT INTO accounts (user_id, account_number, account_type, currency, exponent, floor_minor)
        VALUES (:user, 'MANY', 'checking', 'USD', 2, 0)
"""
_WIRES = """
    INSERT INTO wire_transfers (user_id, sender_account_id, status, amount_minor, fee_minor, currency, exponent,
            recipient_name, recipient_bank_swift, recipient_account_number, recipient_country, charges, uetr,
            end_to_end_id, content_hash, sla_deadline)
        SELECT a.user_id, a.id, CAST(:status AS text), n, 0, 'USD', 2, 'Supplier ' || n, 'TESTUS33', '000' || n, 'US',
            'SHA', gen_random_uuid(), left(replace(gen_random_uuid()::text, '-', ''), 32), sha256('w'),
            now() + n * interval '1 minute'
        FROM accounts a CROSS JOIN generate_series(1, CAST(:many AS integer)) n WHERE a.account_number = 'MANY'
"""


async def _fill(owner: AsyncEngine, status: str, many: int) -> None:
    async with transaction(owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(_WIRES), {"status": status, "many": many})
        await session.execute(text("ANALYZE wire_transfers"))


@contextmanager
def _asked(app: FastAPI) -> Iterator[list[tuple[str, Any]]]:
    """The statements about wires that the application sends meanwhile."""
    seen: list[tuple[str, Any]] = []
    engine = app.state.parts.engine.sync_engine

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "FROM wire_transfers" in statement:
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", keep)


async def _plans(api: AsyncEngine, officer: Person, asked: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """How the database answers those statements to that officer."""
    plans = []
    async with transaction(api, officer.principal) as session:
        connection = await session.connection()
        for statement, parameters in asked:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            # A connection that asks for the first time reads the catalogue too.
            await connection.exec_driver_sql(explain, parameters)
            told = (await connection.exec_driver_sql(explain, parameters)).scalar_one()
            plans.append((told if isinstance(told, list) else json.loads(told))[0]["Plan"])
    return plans


def _buffers(plans: list[dict[str, Any]]) -> int:
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)


@pytest.mark.parametrize("page", [1, 4])
async def test_the_queue_reads_no_more_when_more_wires_are_closed(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, api_engine: AsyncEngine, page: int
) -> None:
    officer, customer = await add_officer(owner_engine), await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        await session.execute(text(_ACCOUNT), {"user": customer.id})
    await _fill(owner_engine, "awaiting_approval", 100)
    headers = await signed_in(app, owner_engine, officer)
    costs = []
    for closed in (1_000, 20_000):
        await _fill(owner_engine, "completed", closed)
        with _asked(app) as asked:
            answered = await client.get("/api/v1/wires", params=QUEUE | {"page": page}, headers=headers)
        assert (answered.status_code, answered.json()["total"]) == (200, 100)
        assert len(asked) >= 2, "the count and the page"
        plans = await _plans(api_engine, officer, asked)
        for plan in plans:
            written = json.dumps(plan)
            assert OPEN_INDEX in written, written
            assert "Seq Scan" not in written, written
        costs.append(_buffers(plans))
    few, many = costs
    # An index that is a level deeper costs a block more for each statement.
    assert many <= few + 2 * len(plans), costs
