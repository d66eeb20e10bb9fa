"""The people of a wire desk at the API of a running stack: customers who order, officers who decide."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from uuid import uuid4

import httpx
import psycopg

PATIENCE_SECONDS: Final = 300


async def in_turns(tasks: Iterable[Callable[[], Awaitable[Any]]], at_once: int) -> list[Any]:
    """Runs all of them, `at_once` at a time."""
    places = asyncio.Semaphore(at_once)

    async def placed(task: Callable[[], Awaitable[Any]]) -> Any:
        async with places:
            return await task()

    return await asyncio.gather(*(placed(task) for task in tasks))


class Desk:
    """Customers with their accounts, and officers, each with a token."""

    def __init__(self, info: dict[str, Any], http: httpx.AsyncClient) -> None:
        self._info = info
        self._http = http
        self._accounts: list[tuple[str, str, str]] = []
        self._officers: list[str] = []
        self._ordered = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, info: dict[str, Any], *, customers: int = 1, officers: int = 1) -> AsyncIterator[Self]:
        """The first of the seeded people, signed in. With one customer all is ordered from one account in dollars, with
        more of them from every account that they have."""
        async with httpx.AsyncClient(base_url=f"{info['api_url']}/api/v1", timeout=60) as http:
            desk = cls(info, http)
            for number, person in enumerate(desk.people("customer")[:customers]):
                await desk._bring_customer(person, only_dollars=customers == 1)
                assert len(desk._accounts) > number, person
            for person in desk.people("admin", "compliance_officer")[:officers]:
                desk._officers.append(await desk._sign_in(person))
            yield desk

    def people(self, role: str, preset: str | None = None) -> list[dict[str, Any]]:
        """The seeded people of one kind."""
        return [one for one in self._info["people"] if one["role"] == role and one.get("preset") == preset]

    def officer(self, which: int = 0) -> dict[str, str]:
        """What an officer sends with each request."""
        return {"Authorization": f"Bearer {self._officers[which]}"}

    async def _sign_in(self, person: dict[str, Any]) -> str:
        said = await self._http.post("/auth/login", json={"email": person["email"], "password": person["password"]})
        assert said.status_code == 200, said.text
        return str(said.json()["data"]["tokens"]["accessToken"])

    async def _bring_customer(self, person: dict[str, Any], *, only_dollars: bool) -> None:
        token = await self._sign_in(person)
        said = await self._http.get("/accounts", headers={"Authorization": f"Bearer {token}"})
        for account in said.json()["data"]:
            if account["currency"] == "USD" or not only_dollars:
                self._accounts.append((token, account["id"], account["currency"]))

    async def order(self) -> str:
        """The next customer orders a wire from their next account; its id."""
        token, account, currency = self._accounts[self._ordered % len(self._accounts)]
        self._ordered += 1
        said = await self._http.post(
            "/wires",
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())},
            json={
                "from_account_id": account,
                "amount": 10,
                "currency": currency,
                "recipient_name": "Globex Trading Ltd",
                "recipient_bank_name": "Test Bank",
                "recipient_bank_swift": "TESTUS33",
                "recipient_account_number": "000123456789",
            },
        )
        assert said.status_code == 201, said.text
        return str(said.json()["id"])

    async def approve(self, wire_id: str, which: int = 0) -> None:
        """An officer approves it, once the automatic checks are through."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            said = await self._http.put(f"/wires/{wire_id}/approve", headers=self.officer(which))
            if said.status_code == 200:
                return
            assert said.status_code == 409, said.text
            assert time.monotonic() < ends, said.text
            await asyncio.sleep(0.05)

    async def queue(self, page: int) -> dict[str, Any]:
        """A page of what officers have to decide, the nearest deadline first."""
        wanted: dict[str, str | int] = {"status": "awaiting_approval", "order": "deadline", "page": page}
        said = await self._http.get("/wires", params=wanted, headers=self.officer())
        assert said.status_code == 200, said.text
        found: dict[str, Any] = said.json()
        return found


async def standing(connection: psycopg.AsyncConnection[Any], status: str) -> int:
    """How many wires stand there."""
    found = await connection.execute("SELECT count(*) FROM wire_transfers WHERE status = %s", (status,))
    row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def reached(connection: psycopg.AsyncConnection[Any], status: str, wanted: int) -> None:
    """Waits until at least `wanted` wires have `status`."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while (seen := await standing(connection, status)) < wanted:
        assert time.monotonic() < ends, f"{seen} of {wanted} are {status}"
        await asyncio.sleep(0.05)
