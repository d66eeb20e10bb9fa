"""What people live through with wires, told over HTTP, with the process, the other bank and the mail at work behind it.

The application, the database, Temporal, the durable side and the counterparty are the real ones, in this process; the
journeys that kill them run them as the embedded stack does.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import WorkflowEnvironment

import worker
from api.main import create_app
from infra.settings import BankHours, Settings
from tests.databases import Database
from tests.factories import wires as make
from tests.factories.auth import bearer, sign_in
from tests.factories.counterparty import CLOSED_ACCOUNT, NOSTRO, Counterparty
from tests.factories.users import PASSWORD, Person, add_customer, add_officer
from tests.factories.wire_desk import WIRES, is_refusal, order, written
from tests.temporal_server import temporal_server as running_temporal

API = "/api/v1"
PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.02


async def until(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], Any]) -> Any:
    """Looks until what it sees is `wanted`; fails when patience ends."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not wanted(seen := await look()):
        assert time.monotonic() < ends, f"still {seen!r}"
        await asyncio.sleep(_LOOK_SECONDS)
    return seen


@dataclass
class Bank:
    """A bank at work, with the bank on the other side, and its mail."""

    client: httpx.AsyncClient
    owner: AsyncEngine
    correspondent: Counterparty
    mail: Path

    async def get(self, path: str, headers: dict[str, str]) -> Any:
        """What somebody reads."""
        answered = await self.client.get(f"{API}{path}", headers=headers)
        assert answered.status_code == 200, answered.text
        return answered.json()

    async def signed_in(self, person: Person) -> dict[str, str]:
        """The rights of somebody who has signed in with their password."""
        return bearer((await sign_in(self.client, person))["tokens"]["accessToken"])

    async def customer(self, minor: int) -> tuple[Person, dict[str, str], UUID]:
        """A customer with that many cents on a dollar account."""
        person = await add_customer(self.owner, first_name="Clara", last_name="Fontaine")
        account = await make.account(self.owner, person.id, "USD", minor)
        return person, await self.signed_in(person), account

    async def officer(self, preset: str = "compliance_officer") -> tuple[Person, dict[str, str]]:
        """Somebody of the staff."""
        person = await add_officer(self.owner, preset)
        return person, await self.signed_in(person)

    async def orders(self, account: UUID | str, headers: dict[str, str], **changes: Any) -> httpx.Response:
        """Somebody orders a wire of 1000.00 USD."""
        return await self.client.post(
            WIRES,
            content=written(order(account, **changes)),
            headers=headers | {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())},
        )

    async def becomes(self, wire_id: str, status: str, headers: dict[str, str]) -> dict[str, Any]:
        """Waits until somebody sees the wire in `status`."""
        wire: dict[str, Any] = await until(
            lambda: self.get(f"/wires/{wire_id}", headers), lambda wire: wire["status"] == status
        )
        return wire

    async def queue(self, headers: dict[str, str]) -> list[str]:
        """The wires that wait for officers."""
        return [wire["id"] for wire in (await self.get("/wires?status=awaiting_approval", headers))["data"]]

    async def answers(self) -> None:
        """The bank on the other side finds the order in its folder, and answers."""

        async def look() -> int:
            return await asyncio.to_thread(self.correspondent.answer)

        await until(look, bool)

    async def balance(self, account: UUID, headers: dict[str, str]) -> tuple[str, str, str]:
        """What is on the account, what of it is available, and what is held."""
        answered = await self.client.get(f"{API}/accounts/{account}/balance", headers=headers)
        found = re.search(r'"balance":([\d.]+),"available_balance":([\d.]+),"held":([\d.]+)', answered.text)
        assert found is not None, answered.text
        return found[1], found[2], found[3]

    async def events(self, wire_id: str, headers: dict[str, str]) -> list[str]:
        """What happened to the wire."""
        return [entry["event"] for entry in (await self.get(f"/wires/{wire_id}/timeline", headers))["data"]]

    async def mailed(self, person: Person | str, subject: str) -> str:
        """Waits for the one mail of that subject to somebody; its text."""
        address = person if isinstance(person, str) else person.email

        async def look() -> list[EmailMessage]:
            return [mail for mail in _mails(self.mail) if (mail["To"], mail["Subject"]) == (address, subject)]

        found: list[EmailMessage] = await until(look, bool)
        assert len(found) == 1
        return _text(found[0])

    async def books_balance(self, *entries: str) -> None:
        """The ledger proves itself, and these are its entries of wires."""
        books = await make.books(self.owner)
        assert books["breaches"] == []
        assert not any(books["totals"].values())
        assert books["wire_entries"] == sorted(entries)


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _mails(folder: Path) -> Iterable[EmailMessage]:
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]


@pytest.fixture(scope="module")
async def temporal_of_the_stories() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server for these stories alone: the durable side keeps its schedules there."""
    async with running_temporal() as environment:
        yield environment


@pytest.fixture
async def opens(
    temporal_of_the_stories: WorkflowEnvironment, database: Database, owner_engine: AsyncEngine, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Bank]]]:
    """Opens a bank; what it is told differs from the usual settings."""
    async with AsyncExitStack() as open_parts:

        async def open_bank(**changes: Any) -> Bank:
            correspondent = Counterparty(tmp_path / "bank")
            open_parts.callback(correspondent.close)
            config = _settings(database, temporal_of_the_stories, correspondent, tmp_path, **changes)
            app = create_app(config)
            await open_parts.enter_async_context(app.router.lifespan_context(app))
            closing = asyncio.Event()

            async def until_closing() -> None:
                await closing.wait()

            durable_side = asyncio.create_task(worker.run(config, until=until_closing))

            async def close() -> None:
                closing.set()
                await durable_side

            open_parts.push_async_callback(close)
            await make.sanctions_list(owner_engine)
            client = await open_parts.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://aurum.test")
            )
            return Bank(client, owner_engine, correspondent, tmp_path / "mail")

        yield open_bank


def _settings(
    database: Database, temporal: WorkflowEnvironment, bank: Counterparty, folder: Path, **changes: Any
) -> Settings:
    return Settings(
        _env_file=None,
        database_api_url=SecretStr(database.api_url),
        database_worker_url=SecretStr(database.worker_url),
        temporal_address=temporal.client.service_client.config.target_host,
        task_queue=f"story-{uuid4()}",
        bank_hours=BankHours.ALWAYS,
        bank_outbox=bank.outbox,
        bank_inbox=bank.inbox,
        bank_poll_seconds=0.05,
        relay_seconds=0.05,
        nostro_accounts=NOSTRO,
        mail_dir=folder / "mail",
        **changes,
    )


async def test_a_newcomer_registers_confirms_signs_in_and_is_asked_who_they_are(
    opens: Callable[..., Awaitable[Bank]],
) -> None:
    bank = await opens()
    address = "nora.newcomer@people.example"
    newcomer = {"email": address, "password": PASSWORD, "first_name": "Nora", "last_name": "Newcomer"}
    assert (await bank.client.post(f"{API}/auth/register", json=newcomer)).status_code == 201
    login = {"email": address, "password": PASSWORD}
    is_refusal(await bank.client.post(f"{API}/auth/login", json=login), 403, "email_not_verified")

    mail = await bank.mailed(address, "Confirm your e-mail address")
    token = re.search(r"token=([\w-]+)", mail)
    assert token is not None, mail
    confirmed = await bank.client.post(f"{API}/auth/verify-email", json={"token": token[1]})
    assert confirmed.status_code == 200, confirmed.text

    signed_in = await bank.client.post(f"{API}/auth/login", json=login)
    assert signed_in.status_code == 200, signed_in.text
    headers = bearer(signed_in.json()["data"]["tokens"]["accessToken"])
    me = await bank.get("/users/me", headers)
    assert (me["email"], me["kyc_status"]) == (address, "not_started")

    refused = await bank.orders(uuid4(), headers)
    is_refusal(refused, 403, "kyc_required")
    assert "/kyc/status" in refused.json()["detail"]
    account = {"account_type": "checking", "currency": "USD"}
    is_refusal(await bank.client.post(f"{API}/accounts", json=account, headers=headers), 403, "kyc_required")
    assert (await bank.get("/wires", headers))["data"] == []


async def test_a_customer_orders_an_officer_approves_and_the_bank_pays(opens: Callable[..., Awaitable[Bank]]) -> None:
    bank = await opens()
    customer, mine, account = await bank.customer(5_000_00)
    officer, theirs = await bank.officer()

    answered = await bank.orders(account, mine, reference="Invoice 7")
    assert answered.status_code == 201, answered.text
    wire_id = answered.json()["id"]
    assert await bank.balance(account, mine) == ("5000.00", "3975.00", "1025.00")

    waiting = await bank.becomes(wire_id, "awaiting_approval", mine)
    assert waiting["approvals"] == {"required": 1, "given": 0, "senior_required": False}
    assert await bank.queue(theirs) == [wire_id]
    approved = await bank.client.put(f"{WIRES}/{wire_id}/approve", json={"comment": "known supplier"}, headers=theirs)
    assert approved.json()["status"] == "approved"
    assert approved.json()["approved_by"] == str(officer.id)
    assert await bank.queue(theirs) == []

    await bank.answers()
    paid = await bank.becomes(wire_id, "completed", mine)
    assert (paid["reason_code"], paid["reason"]) == (None, None)
    assert await bank.balance(account, mine) == ("3975.00", "3975.00", "0.00")
    assert await bank.events(wire_id, mine) == [
        "ordered", "screened", "awaiting_approval", "approval_given", "released", "sent", "acknowledged", "completed",
    ]  # fmt: skip
    assert [payment["amount"] for payment in bank.correspondent.orders()] == [1_000_00]
    mail = await bank.mailed(customer, "Your wire has been paid")
    assert paid["end_to_end_id"] in mail
    is_refusal(await bank.client.delete(f"{WIRES}/{wire_id}", headers=mine), 409, "wrong_state")
    await bank.books_balance(f"wire/{wire_id}/settlement")


async def test_a_wire_that_the_bank_refuses_gives_its_money_back(opens: Callable[..., Awaitable[Bank]]) -> None:
    bank = await opens()
    customer, mine, account = await bank.customer(5_000_00)
    _, theirs = await bank.officer()
    answered = await bank.orders(account, mine, recipient_account_number=CLOSED_ACCOUNT)
    wire_id = answered.json()["id"]
    await bank.becomes(wire_id, "awaiting_approval", theirs)
    assert (await bank.client.put(f"{WIRES}/{wire_id}/approve", headers=theirs)).status_code == 200
    await bank.answers()
    refused = await bank.becomes(wire_id, "failed", mine)
    assert refused["reason_code"] == "AC04"
    assert await bank.balance(account, mine) == ("5000.00", "5000.00", "0.00")
    mail = await bank.mailed(customer, "Your wire was refused by the bank")
    assert "available to you again" in mail
    await bank.books_balance()


async def test_a_wire_that_nobody_decides_expires_and_can_be_ordered_anew(
    opens: Callable[..., Awaitable[Bank]],
) -> None:
    bank = await opens(wire_sla_seconds=1, wire_hard_stop_seconds=2)
    customer, mine, account = await bank.customer(1_500_00)
    _, theirs = await bank.officer()
    wire_id = (await bank.orders(account, mine)).json()["id"]
    expired = await bank.becomes(wire_id, "expired", mine)
    assert (expired["reason_code"], expired["sla_stage"]) == ("approval_deadline", "expired")
    assert await bank.balance(account, mine) == ("1500.00", "1500.00", "0.00")
    assert await bank.events(wire_id, mine) == [
        "ordered", "screened", "awaiting_approval", "sla_reminded", "sla_escalated", "sla_breached", "sla_expired",
    ]  # fmt: skip
    late = await bank.client.put(f"{WIRES}/{wire_id}/approve", headers=theirs)
    is_refusal(late, 409, "wrong_state")
    mail = await bank.mailed(customer, "Your wire could not be approved in time")
    assert "you can order the wire anew" in mail
    again = await bank.orders(account, mine)
    assert (again.status_code, again.json()["status"]) == (201, "pending")
    await bank.books_balance()


async def test_a_listed_name_is_blocked_its_money_is_kept_and_no_mail_is_sent(
    opens: Callable[..., Awaitable[Bank]],
) -> None:
    bank = await opens()
    customer, mine, account = await bank.customer(5_000_00)
    _, theirs = await bank.officer()
    wire_id = (await bank.orders(account, mine, recipient_name="GRIMSHOLM, Víktor")).json()["id"]
    blocked = await bank.becomes(wire_id, "blocked", theirs)
    assert (blocked["compliance_status"], blocked["reason_code"]) == ("hit", "sanctions_hit")
    assert await bank.balance(account, mine) == ("5000.00", "3975.00", "1025.00")
    assert await bank.queue(theirs) == []
    is_refusal(await bank.client.delete(f"{WIRES}/{wire_id}", headers=mine), 409, "wrong_state")
    assert [mail["Subject"] for mail in _mails(bank.mail) if mail["To"] == customer.email] == []
    assert bank.correspondent.answer() == 0
    await bank.books_balance()
