"""By HTTP, another customer's thing is not there: every operation of the document that names one, with real ids."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from api.documentation import example
from infra.database import transaction
from tests.factories.auth import signed_in
from tests.factories.belongings import belongings
from tests.factories.users import add_customer

# What an id in an address names. A new one is added here, with a row in tests/factories/belongings.py.
OWNED = {
    "alert_id": "SELECT id FROM price_alerts LIMIT 1",
    "watchlist_id": "SELECT id FROM watchlists LIMIT 1",
    "account_id": "SELECT id FROM accounts WHERE user_id IS NOT NULL LIMIT 1",
    "transaction_id": "SELECT id FROM transactions ORDER BY id DESC LIMIT 1",
    "beneficiary_id": "SELECT id FROM beneficiaries LIMIT 1",
    "case_id": "SELECT id FROM kyc_cases LIMIT 1",
    "wire_id": "SELECT id FROM wire_transfers LIMIT 1",
    "payment_id": "SELECT payment_id FROM payment_rulings LIMIT 1",
    "document_id": "SELECT id FROM kyc_documents LIMIT 1",
    "message_id": "SELECT id FROM bank_messages LIMIT 1",
    "standing_order_id": "SELECT id FROM standing_orders LIMIT 1",
    "session_id": "SELECT id FROM sessions WHERE user_id = (SELECT user_id FROM wire_transfers) LIMIT 1",
    "letter_id": "SELECT id FROM notifications LIMIT 1",
    "suppression_id": "SELECT id FROM mail_suppressions LIMIT 1",
    "notification_id": "SELECT id FROM notifications LIMIT 1",
    "statement_id": "SELECT id FROM statements LIMIT 1",
    "schedule_id": "SELECT 'ledger-proof'",
    "break_id": "SELECT id FROM reconciliation_breaks LIMIT 1",
    "country": "SELECT 'ZZ'",
    "override_id": "SELECT id FROM wire_overrides LIMIT 1",
    "delegation_id": "SELECT id FROM approver_delegations LIMIT 1",
    "user_id": "SELECT user_id FROM wire_transfers LIMIT 1",
}
# What names nothing of anybody: a security is the same for all, and so is a version of the rules of monitoring.
NOBODYS = {"symbol", "version"}


async def _everything(owner: AsyncEngine) -> str:
    """What the victim's things look like, whoever did something to them."""
    async with transaction(owner) as session:
        tables = (
            "accounts",
            "holds",
            "postings",
            "payments",
            "standing_orders",
            "wire_transfers",
            "wire_events",
            "wire_approvals",
            "sessions",
            "users",
            "beneficiaries",
        )
        rows = [(await session.execute(text(f"SELECT * FROM {name} ORDER BY 1"))).all() for name in tables]
    return str(rows)


def _operations(document: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Method, path, query and a body of every operation with an id in its path."""
    found, schemas = [], document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items() if "{" in path else ():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            body = None if content is None else example(content["schema"], schemas)
            query = {
                one["name"]: example(one["schema"], schemas)
                for one in operation.get("parameters", ())
                if one["in"] == "query" and one.get("required")
            }
            found.append((method.upper(), path, query, body))
    return found


async def test_every_operation_answers_for_another_customers_thing_as_for_none(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    await belongings(owner_engine, api_engine)
    async with transaction(owner_engine) as session:
        ids = {name: (await session.execute(text(query))).scalar_one() for name, query in OWNED.items()}
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    before = await _everything(owner_engine)
    operations = _operations(app.openapi())
    assert len(operations) >= 8
    for method, path, query, body in operations:
        name = path.split("{")[1].split("}")[0]
        if name in NOBODYS:
            continue
        if name not in OWNED:
            pytest.fail(f"say in OWNED whose thing {path} names")
        answers = []
        for thing in (ids[name], uuid7()):
            address = path.replace(f"{{{name}}}", str(thing))
            answers.append(await client.request(method, address, params=query, json=body, headers=me))
        told, of_none = [(answer.status_code, answer.json()["code"]) for answer in answers]
        assert told == of_none, (method, path)
        assert told in {(404, "not_found"), (403, "permission_missing")}, (method, path, told)
    assert await _everything(owner_engine) == before


async def test_lists_hold_nothing_of_others(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    await belongings(owner_engine, api_engine)
    async with transaction(owner_engine) as session:
        ids = [str((await session.execute(text(query))).scalar_one()) for query in OWNED.values()]
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    for path, methods in app.openapi()["paths"].items():
        if "get" in methods and "{" not in path and path.startswith("/api/"):
            answer = await client.get(path, headers=me)
            assert not [one for one in ids if one in answer.text], path
