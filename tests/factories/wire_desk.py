"""Wires by HTTP, for tests: people with money who speak with the API, and the steps of the process run by hand."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.wires import ApprovalSteps, PaymentSteps, WireDesk
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import BankHours, Settings
from models.wires import WireStep
from tests.factories import wires as make
from tests.factories.auth import signed_in
from tests.factories.counterparty import NOSTRO
from tests.factories.users import Person, add_customer, add_officer

WIRES = "/api/v1/wires"
# Everything that an order, a decision or a settlement writes, except for the audit log.
STORED = (
    "wire_transfers", "wire_approvals", "wire_events", "wire_hits", "holds", "outbox", "transactions", "postings",
    "notifications", "idempotency_keys", "bank_messages", "limit_uses",
)  # fmt: skip
FEE = 25_00


def written(body: Any) -> bytes:
    """`body` as JSON, in which the text "@1e400@" stands for the number 1e400."""
    return re.sub(r'"@(.*?)@"', r"\1", json.dumps(body)).encode()


def order(account_id: UUID | str, **changes: Any) -> dict[str, Any]:
    """The body of the older specification: a wire of 1000.00 USD to TESTUS33. A change to `...` leaves a field out."""
    body = {
        "from_account_id": str(account_id),
        "amount": "@1000.00@",
        "currency": "USD",
        "recipient_name": "Globex Trading Ltd",
        "recipient_bank_name": "Test Bank",
        "recipient_bank_swift": "TESTUS33",
        "recipient_account_number": "000123456789",
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


@dataclass(frozen=True)
class Customer:
    """Somebody with an account, signed in."""

    person: Person
    headers: dict[str, str]
    account: UUID


@dataclass(frozen=True)
class World:
    """What is stored: how many rows of each table, what is posted and held on all accounts, the lines of the audit."""

    rows: dict[str, int]
    money: tuple[int, int]
    audit: list[tuple[str, str | None]]


class Door:
    """The API as its callers meet it, and behind it the process of a wire, one step at a time."""

    def __init__(
        self, app: FastAPI, client: httpx.AsyncClient, owner: AsyncEngine, worker: AsyncEngine, folder: Path
    ) -> None:
        self.app, self.client, self.owner = app, client, owner
        settings = Settings(_env_file=None, bank_hours=BankHours.ALWAYS, nostro_accounts=NOSTRO)
        desk = WireDesk.of(settings, worker, FolderChannel(folder / "outbox", folder / "inbox"))
        self.approval, self.payment = ApprovalSteps(desk), PaymentSteps(desk)

    async def customer(self, minor: int = 10_000_000_00, currency: str = "USD", **columns: object) -> Customer:
        """A new customer with that much money."""
        person = await add_customer(self.owner, **{"tier": "private", **columns})  # type: ignore[arg-type] # columns of the table, by name
        return Customer(
            person,
            await signed_in(self.app, self.owner, person),
            await make.account(self.owner, person.id, currency, minor),
        )

    async def officer(self, preset: str, **columns: object) -> tuple[Person, dict[str, str]]:
        """Somebody of the staff, signed in."""
        person = await add_officer(self.owner, preset, **columns)
        return person, await signed_in(self.app, self.owner, person)

    async def order(self, customer: Customer, *, key: str | None = None, **changes: Any) -> httpx.Response:
        """The customer orders a wire."""
        headers = customer.headers | ({"Idempotency-Key": key} if key else {})
        return await self.post(order(customer.account, **changes), headers)

    async def post(self, body: Any, headers: dict[str, str]) -> httpx.Response:
        """Somebody sends `body` as an order."""
        return await self.client.post(
            WIRES, content=written(body), headers={"Content-Type": "application/json", **headers}
        )

    async def ordered(self, customer: Customer, **changes: Any) -> str:
        """A wire that the customer has ordered; its id."""
        answered = await self.order(customer, **changes)
        assert answered.status_code == 201, answered.text
        return str(answered.json()["id"])

    async def screened(self, wire_id: str) -> None:
        """The first step of the process. Needs `make.sanctions_list`."""
        await self.approval.screen(_step(wire_id))

    async def routed(self, customer: Customer, **changes: Any) -> str:
        """A wire that was screened and routed to its officers; its id."""
        wire_id = await self.ordered(customer, **changes)
        await self.screened(wire_id)
        await self.approval.route(_step(wire_id))
        return wire_id

    async def awaiting(self, customer: Customer, **changes: Any) -> str:
        """A wire that waits for nothing but officers: its customer is called back where it takes that. Its id."""
        wire_id = await self.routed(customer, **changes)
        await make.called(self.owner, wire_id)
        return wire_id

    async def ruled(
        self, wire_id: str, path: str, body: Any, *officers: dict[str, str]
    ) -> list[tuple[int, dict[str, Any]]]:
        """Officers ask for the same, one after the other; what each is answered."""
        answers = [
            await self.client.put(f"{WIRES}/{wire_id}/screening/{path}", json=body, headers=officer)
            for officer in officers
        ]
        return [(one.status_code, one.json()) for one in answers]

    async def cleared(self, wire_id: str) -> None:
        """Two officers, one of them senior, clear all hits, and the process goes on."""
        officers = [(await self.officer(rank))[1] for rank in ("compliance_officer", "senior_compliance_officer")]
        found = await self.client.get(f"{WIRES}/{wire_id}/screening", headers=officers[0])
        for hit in found.json()["hits"]:
            body = {"reason": "born elsewhere"}
            for status, told in await self.ruled(wire_id, f"{hit['id']}/clear", body, *officers):
                assert status == 200, told
        await self.approval.route(_step(wire_id))

    async def released(self, wire_id: str) -> None:
        """The step that gives an approved wire to the bank."""
        await self.payment.release(_step(wire_id))

    async def approve(self, wire_id: str, headers: dict[str, str], comment: str = "seen") -> httpx.Response:
        """Somebody approves."""
        return await self.client.put(f"{WIRES}/{wire_id}/approve", json={"comment": comment}, headers=headers)

    async def reject(self, wire_id: str, headers: dict[str, str], reason: str = "no contract") -> httpx.Response:
        """Somebody rejects."""
        return await self.client.put(f"{WIRES}/{wire_id}/reject", json={"reason": reason}, headers=headers)

    async def cancel(self, wire_id: str, headers: dict[str, str]) -> httpx.Response:
        """Somebody cancels."""
        return await self.client.delete(f"{WIRES}/{wire_id}", headers=headers)

    async def seen(self, wire_id: str, headers: dict[str, str]) -> dict[str, Any]:
        """The wire as somebody sees it."""
        answered = await self.client.get(f"{WIRES}/{wire_id}", headers=headers)
        assert answered.status_code == 200, answered.text
        shown: dict[str, Any] = answered.json()
        return shown

    async def timeline(self, wire_id: str, headers: dict[str, str]) -> list[dict[str, Any]]:
        """What happened to the wire, as somebody sees it."""
        answered = await self.client.get(f"{WIRES}/{wire_id}/timeline", headers=headers)
        assert answered.status_code == 200, answered.text
        entries: list[dict[str, Any]] = answered.json()["data"]
        return entries

    async def world(self) -> World:
        """What is stored now."""
        counted = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in STORED)
        async with transaction(self.owner) as session:
            rows = (await session.execute(text(f"SELECT {counted}"))).mappings().one()
            money = (
                await session.execute(
                    text("SELECT sum(posted_minor), sum(held_minor) FROM accounts WHERE user_id IS NOT NULL")
                )
            ).one()
            audit = (await session.execute(text("SELECT outcome, code FROM audit_logs ORDER BY id"))).all()
        return World(dict(rows), (int(money[0] or 0), int(money[1] or 0)), [(line[0], line[1]) for line in audit])


def _step(wire_id: str) -> WireStep:
    return WireStep(wire_id=UUID(wire_id), at=datetime.now(UTC))


def is_refusal(answered: httpx.Response, status: int, code: str) -> None:
    """That an answer is a problem as the contract has it, with that status and code."""
    assert (answered.status_code, answered.json().get("code")) == (status, code), answered.text[:800]
    assert answered.headers["Content-Type"] == "application/problem+json"
    told = answered.json()
    assert told["error"]
    assert (told["title"], told["status"]) == (told["error"], status)
    assert told["request_id"] == answered.headers["X-Request-ID"]


async def held(owner: AsyncEngine, account_id: UUID) -> tuple[int, int]:
    """What of an account is set aside: by its own row, and by the holds that are open."""
    async with transaction(owner) as session:
        row = await session.execute(
            text(
                "SELECT a.held_minor, coalesce((SELECT sum(h.amount_minor) FROM holds h WHERE h.account_id = a.id"
                " AND h.status = 'open'), 0)::bigint FROM accounts a WHERE a.id = :id"
            ),
            {"id": account_id},
        )
        by_row, by_holds = row.one()
    return int(by_row), int(by_holds)
