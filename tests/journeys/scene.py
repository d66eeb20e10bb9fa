"""A whole bank in one folder, whose parts a test kills: the stack, a customer, an officer, and the bank on the other
side.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row
from temporalio.client import Client

from infra.local.bank import next_day
from infra.local.locks import PartLock
from infra.local.parts import Part
from infra.local.processes import Child
from infra.local.running import RunningPart
from infra.local.stack import Stack
from tests.bench.stacks import temporal_client
from tests.factories.payments import ELSEWHERE_IBAN
from tests.journeys.programs import PROGRAMS, SabotagedWorker
from tests.journeys.saboteur import FOLDER

# A mail is tried again a minute after its worker was killed (`workflows.policies`).
PATIENCE_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.03
_SERVERS: Final = frozenset({Part.DB, Part.TEMPORAL})


class Scene:
    """The parts, and what people and the other bank do with them."""

    def __init__(self, root: Path) -> None:
        self._stack = Stack(root / "data")
        self._sabotage = root / "sabotage"
        for folder in ("held", "freed", "gone", "wanted"):
            (self._sabotage / folder).mkdir(parents=True)
        self._running: dict[Part, RunningPart] = {}
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._rights: dict[str, dict[str, str]] = {}
        self._approved: set[str] = set()
        self.ordered: set[str] = set()
        self.paid: set[str] = set()
        self.account_id = self.euro_account_id = ""
        self.opening_minor = 0

    # Parts

    def open(self) -> None:
        """Starts everything, signs the customer and the officer in."""
        self._stack.start(_SERVERS)
        with ThreadPoolExecutor() as threads:
            list(threads.map(self.start, PROGRAMS))
        people = self._stack.info()["people"]
        customer = next(person for person in people if person["role"] == "customer")
        officer = next(person for person in people if person.get("preset") == "compliance_officer")
        for name, person in (("customer", customer), ("officer", officer)):
            signed_in = self.call("POST", "/auth/login", json={key: person[key] for key in ("email", "password")})
            token = signed_in.raise_for_status().json()["data"]["tokens"]["accessToken"]
            self._rights[name] = {"Authorization": f"Bearer {token}"}
        euros, dollars = self.rows(
            "SELECT CAST(a.id AS text), posted_minor FROM accounts a JOIN users u ON u.id = a.user_id"
            " WHERE u.email = %(email)s AND currency IN ('EUR', 'USD') ORDER BY currency",
            email=customer["email"],
        )
        self.euro_account_id = euros["id"]
        self.account_id, self.opening_minor = dollars["id"], dollars["posted_minor"]

    def close(self) -> None:
        """Stops everything."""
        if self._connection is not None:
            self._connection.close()
        for part in (Part.WORKER, Part.API, Part.BANK):
            if running := self._running.pop(part, None):
                running.ask_to_stop()
                running.finish_stop()
        self._stack.stop()

    def start(self, part: Part) -> None:
        """Starts a part, and waits until it does its work."""
        if part in _SERVERS:
            self._stack.start([part], migrate=False)
            return
        program = PROGRAMS[part](self._stack.site, self._settings())
        running = RunningPart(program, PartLock.take(self._stack.folder, part))
        self._running[part] = running
        running.start(lambda: False)

    def kill(self, part: Part) -> None:
        """SIGKILL."""
        if self._connection is not None and part is Part.DB:
            self._connection.close()
        if part in _SERVERS:
            self._stack.kill(part)
        else:
            self._running.pop(part).kill()

    @contextmanager
    def without(self, *parts: Part) -> Iterator[None]:
        """Kills parts, and starts them again at the end of the block."""
        for part in parts:
            self.kill(part)
        try:
            yield
        finally:
            for part in parts:
                self.start(part)

    def second_worker(self) -> Child:
        """One more worker on the same stack, beside the one that is supervised."""
        ready = self._sabotage / "second.ready"
        launch = SabotagedWorker(self._stack.site, self._settings()).prepare()
        environment = {**launch.environment, "AURUM_WORKER_READY_FILE": str(ready)}
        child = Child(replace(launch, environment=environment), self._sabotage / "second.log")
        assert self.until(ready.exists), "the second worker does not start"
        return child

    def _settings(self) -> dict[str, str]:
        return {FOLDER: str(self._sabotage), "AURUM_BANK_POLL_SECONDS": "0.1", "AURUM_RELAY_SECONDS": "0.2"}

    # What is there

    @property
    def temporal_address(self) -> str:
        """Where Temporal listens."""
        return self._stack.site.temporal_address

    async def temporal(self) -> Client:
        """A client of Temporal that opens what the bank's processes seal."""
        return await temporal_client(self._stack)

    @property
    def owner_url(self) -> str:
        """The database, as its owner."""
        return self._stack.site.owner_url

    @property
    def bank_folder(self) -> Path:
        """Everything that lies between us and the other bank."""
        return self._stack.folder.bank_outbox.parent

    @property
    def mails(self) -> list[Path]:
        """The mail that was sent."""
        return list((self._stack.folder.root / "mail").glob("*.eml"))

    def get(self, path: str) -> httpx.Response:
        """What the API says of itself at `path`."""
        return httpx.get(f"{self._stack.site.api_url}{path}", trust_env=False, timeout=10)

    def rows(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """What the database says."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._stack.site.owner_url, autocommit=True, row_factory=dict_row)
        return self._connection.execute(query, values).fetchall()

    def statuses(self, orders: Collection[str]) -> dict[str, str]:
        """Where these wires and payments stand."""
        found = self.rows(
            "SELECT CAST(id AS text), status FROM wire_transfers WHERE id = ANY (CAST(%(ids)s AS uuid[]))"
            " UNION ALL SELECT CAST(id AS text), status FROM payments WHERE id = ANY (CAST(%(ids)s AS uuid[]))",
            ids=list(orders),
        )
        return {row["id"]: row["status"] for row in found}

    def bank(self, path: str, **parameters: Any) -> Any:
        """What the other bank says on its control plane."""
        with httpx.Client(base_url=self._stack.site.bank_url, trust_env=False, timeout=10) as http:
            return http.get(path, params=parameters).raise_for_status().json()

    def want(self, process: str, point: str) -> str:
        """Lets a process stop at `point`, and gives the name by which it is held and freed."""
        name = process.replace("/", "~")
        (self._sabotage / "wanted" / name).write_text(point)
        return name

    def held(self, names: Iterable[str]) -> bool:
        """Whether everything of these names has stopped, now or before."""
        return all((self._sabotage / "held" / name).exists() for name in names)

    def mark(self, name: str) -> dict[str, Any]:
        """Where something stopped: at which `point`, in which `program`, in the process `pid`."""
        told: dict[str, Any] = json.loads((self._sabotage / "held" / name).read_text())
        return told

    def runs(self) -> list[dict[str, Any]]:
        """Every step that began to run: of which process, which step, in which program."""
        return [json.loads(line) for line in (self._sabotage / "runs").read_text().splitlines()]

    # What people and the other bank do

    def call(self, method: str, path: str, who: str | None = None, **options: Any) -> httpx.Response:
        """A request to the API."""
        headers = {**(self._rights[who] if who else {}), **options.pop("headers", {})}
        url = f"{self._stack.site.api_url}/api/v1{path}"
        return httpx.request(method, url, headers=headers, trust_env=False, timeout=30, **options)

    def order(self, point: str = "", **headers: str) -> str:
        """The customer orders a wire that stops at `point`. Its id."""
        answer = self.call(
            "POST",
            "/wires",
            "customer",
            headers=headers,
            json={
                "from_account_id": self.account_id,
                "amount": "100.00",
                "currency": "USD",
                "recipient_name": "Globex Trading Ltd",
                "recipient_bank_swift": "TESTUS33",
                "recipient_account_number": "000123456789",
                "reference": point,
            },
        )
        assert answer.status_code == httpx.codes.CREATED, answer.text
        wire_id = str(answer.json()["id"])
        self.ordered.add(wire_id)
        return wire_id

    def pay(self, point: str = "") -> str:
        """The customer orders a payment in euros that stops at `point`. Its id."""
        answer = self.call(
            "POST",
            "/transactions/payment",
            "customer",
            json={
                "from_account_id": self.euro_account_id,
                "amount": "100.00",
                "recipient_name": "Nina Landlady",
                "recipient_account_number": ELSEWHERE_IBAN,
                "reference": point,
            },
        )
        assert answer.status_code == httpx.codes.CREATED, answer.text
        payment_id = str(answer.json()["id"])
        self.paid.add(payment_id)
        return payment_id

    def approve(self, wire_id: str, **headers: str) -> httpx.Response:
        """The officer approves a wire."""
        self._approved.add(wire_id)
        return self.call("PUT", f"/wires/{wire_id}/approve", "officer", headers=headers)

    def book(self) -> None:
        """The other bank books what it has accepted, on the next day that it settles."""
        queue = self.bank("/_mock/queue")
        day = next_day(queue, self.bank("/_mock/state")["clock"], always=True) if queue else None
        if day is not None:
            httpx.post(f"{self._stack.site.bank_url}/_mock/advance", params={"to": day}, trust_env=False, timeout=10)

    def stands(self, names: Iterable[str]) -> bool:
        """Whether everything of these names stands where it stopped."""
        return self.held(names) and not any((self._sabotage / "gone" / name).exists() for name in names)

    def free(self, names: Iterable[str], *, dead: Collection[Part] = ()) -> None:
        """Lets go what has stopped under these names, and waits until it is gone, but for what dead parts held."""
        for name in names:
            (self._sabotage / "freed" / name).touch()
        alive = [name for name in names if self.held([name]) and self.mark(name)["program"] not in dead]
        assert self.until(lambda: all((self._sabotage / "gone" / name).exists() for name in alive), seconds=10)

    # Time passing

    def until(self, done: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """Waits until it is so. False when patience ends."""
        ends = time.monotonic() + seconds
        while not done():
            if time.monotonic() > ends:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def drive(self, orders: Collection[str], done: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """The officer approves and the other bank books whatever of `orders` waits for it, until it is `done`.

        False when patience ends.
        """

        def moved_on() -> bool:
            freed = self._sabotage / "freed"
            moving = {
                order: status
                for order, status in self.statuses(orders).items()
                if not self.held([order]) or (freed / order).exists()
            }
            for order, status in moving.items():
                if status == "awaiting_approval" and order not in self._approved and Part.API in self._running:
                    self.approve(order).raise_for_status()
            # All that can go at once: the other bank says in one message what it has booked.
            if "acknowledged" in moving.values() and not {"approved", "funded", "released"} & set(moving.values()):
                self.book()
            return done()

        return self.until(moved_on, seconds)

    def ended(self, orders: Collection[str]) -> bool:
        """Whether these wires and payments have ended, and their customer has the mail that says how."""
        told = self.rows(
            "SELECT count(*) AS orders FROM (SELECT 'wire' AS kind, id, status, user_id FROM wire_transfers"
            "   UNION ALL SELECT 'payment', id, status, user_id FROM payments) o"
            " JOIN notifications n ON n.key = o.kind || '/' || o.id || '/' || o.status AND n.user_id = o.user_id"
            " WHERE o.id = ANY (CAST(%(ids)s AS uuid[])) AND n.sent_at IS NOT NULL",
            ids=list(orders),
        )
        return bool(told[0]["orders"] == len(orders))

    def end(self, orders: Collection[str]) -> None:
        """Lets these wires and payments come to their end, or runs out of patience."""
        self.drive(orders, lambda: self.ended(orders))
