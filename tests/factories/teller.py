"""Transfers by HTTP, for tests: people with accounts who speak with the API."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables.ledger import proof
from tests.factories import accounts as make
from tests.factories.auth import signed_in
from tests.factories.users import Person, add_customer

TRANSFER: Final = "/api/v1/transactions/transfer"
# Everything that a transfer writes, except for the audit log.
STORED: Final = ("transactions", "postings", "limit_uses", "idempotency_keys", "outbox", "notifications")


@dataclass(frozen=True)
class Teller:
    """The API, and people at its counter."""

    app: FastAPI
    client: AsyncClient
    owner: AsyncEngine

    async def customer(self, **columns: Any) -> tuple[Person, dict[str, str]]:
        """Somebody signed in."""
        person = await add_customer(self.owner, **columns)
        return person, await signed_in(self.app, self.owner, person)

    async def account(self, person: Person, minor: int = 0, currency: str = "EUR") -> UUID:
        """An account of theirs with that much on it."""
        async with transaction(self.owner) as session:
            return await make.account(session, person.id, minor, currency)

    async def number(self, account: UUID) -> str:
        """The number of an account."""
        async with transaction(self.owner) as session:
            found = await session.execute(text("SELECT account_number FROM accounts WHERE id = :id"), {"id": account})
            return str(found.scalar_one())

    async def balance(self, account: UUID) -> int:
        """What is posted on an account."""
        async with transaction(self.owner) as session:
            found = await session.execute(text("SELECT posted_minor FROM accounts WHERE id = :id"), {"id": account})
            return int(found.scalar_one())

    async def transfer(
        self, headers: dict[str, str], source: object, *, key: str | None = None, **fields: Any
    ) -> httpx.Response:
        """Somebody asks for a transfer."""
        body = {"from_account_id": str(source), "amount": 10} | fields
        extra = {"Idempotency-Key": key} if key else {}
        return await self.client.post(TRANSFER, json=body, headers={**headers, **extra})

    async def stored(self) -> tuple[dict[str, int], list[tuple[str, str | None]]]:
        """How many rows there are, and the audit's lines."""
        counted = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in STORED)
        async with transaction(self.owner) as session:
            rows = (await session.execute(text(f"SELECT {counted}"))).mappings().one()
            lines = (await session.execute(text("SELECT outcome, code FROM audit_logs ORDER BY id"))).all()
        return dict(rows), [(line[0], line[1]) for line in lines]

    async def breaches(self) -> list[Any]:
        """What the ledger's own proof finds."""
        async with transaction(self.owner) as session:
            return list(await proof(session))
