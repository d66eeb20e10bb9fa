"""A running bank, and Debian's chromium to look at it with."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from tests.factories.uploads import jpeg

ROOT: Final = Path(__file__).parents[2]
CHROMIUM: Final = os.environ.get("AURUM_CHROMIUM") or shutil.which("chromium")
_PATIENCE_SECONDS: Final = 90
_AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# What stands in the way of somebody; the lesser ones are advice.
_SERIOUS: Final = {"serious", "critical"}


@dataclass
class Bank:
    """The stack, as its people meet it."""

    info: dict[str, Any]

    @property
    def url(self) -> str:
        """Where the API and the console are."""
        return str(self.info["api_url"])

    def person(self, name: str) -> dict[str, Any]:
        """A seeded person, by their first name."""
        found: dict[str, Any] = next(one for one in self.info["people"] if one["email"].startswith(f"{name}."))
        return found

    @contextmanager
    def at_the_door(self, name: str) -> Iterator[httpx.Client]:
        """The API, spoken to by somebody who is signed in."""
        credentials = {key: self.person(name)[key] for key in ("email", "password")}
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=60) as api:
            signed_in = api.post("/auth/login", json=credentials).raise_for_status().json()
            api.headers["Authorization"] = f"Bearer {signed_in['data']['tokens']['accessToken']}"
            yield api

    def wire(
        self, amount: str = "1200.00", recipient: str = "Globex Trading Ltd", compliance_status: str = "clear"
    ) -> str:
        """The customer orders a wire, which then waits for officers, of one desk or the other; its id."""
        with self.at_the_door("ada") as api:
            accounts = api.get("/accounts").raise_for_status().json()["data"]
            order = {
                "from_account_id": next(one["id"] for one in accounts if one["currency"] == "USD"),
                "amount": amount,
                "currency": "USD",
                "recipient_name": recipient,
                "recipient_bank_name": "Test Bank",
                "recipient_bank_swift": "TESTUS33",
                "recipient_account_number": "000123456789",
                "reference": "Invoice 77",
            }
            wire_id = str(api.post("/wires", json=order).raise_for_status().json()["id"])
        with self.at_the_door("oona") as desk:
            # One that is clear has been given to its approvers too.
            stands = ("in_review", "pending") if compliance_status == "in_review" else ("clear", "awaiting_approval")
            self.until(
                lambda: (
                    tuple(desk.get(f"/wires/{wire_id}").json()[name] for name in ("compliance_status", "status"))
                    == stands
                )
            )
        return wire_id

    def transfer(self, amount: str, description: str, payer: str = "ada", payee: str = "tomas") -> None:
        """One customer transfers dollars to another."""
        with self.at_the_door(payee) as api:
            accounts = api.get("/accounts").raise_for_status().json()["data"]
            number = next(one["account_number"] for one in accounts if one["currency"] == "USD")
        with self.at_the_door(payer) as api:
            accounts = api.get("/accounts").raise_for_status().json()["data"]
            order = {
                "from_account_id": next(one["id"] for one in accounts if one["currency"] == "USD"),
                "to_account_number": number,
                "amount": amount,
                "description": description,
            }
            api.post("/transactions/transfer", json=order).raise_for_status()

    def differ(self, detail: str) -> None:
        """The bank's books and ours differ by an amount that two people look at."""
        self.change(
            "INSERT INTO reconciliation_breaks (subject, kind, account, currency, day, theirs_minor, detail,"
            " two_people) VALUES (%s, 'not_in_ours', 'NL87MOCK0000009001', 'USD', '2026-01-05', -12300000, %s, true)",
            f"entry/{detail}",
            detail,
        )

    def apply(self, name: str) -> None:
        """Somebody sends their documents and submits; an officer has to look."""
        with self.at_the_door(name) as api:
            for seed, wanted in enumerate(api.get("/kyc/status").raise_for_status().json()["required"]):
                said = {"document_type": wanted["any_of"][0], "country": "NL", "expires_at": "2031-01-01"}
                file = {"file": (f"{wanted['name']}.jpg", jpeg(seed), "image/jpeg")}
                api.post("/kyc/upload", data=said, files=file).raise_for_status()
            declared = {"occupation": "employed", "source_of_funds": "salary", "expected_monthly_volume": 2500}
            api.post("/kyc/submit", json={"declaration": declared}).raise_for_status()
            self.until(lambda: api.get("/kyc/status").json()["status"] == "in_review")

    def change(self, statement: str, *values: object) -> None:
        """Changes the database by hand, as its owner."""
        with psycopg.connect(self.info["database_url"]) as connection:
            connection.execute(statement.encode(), values)

    def rows(self, query: str) -> list[Any]:
        """What the database answers to its owner."""
        with psycopg.connect(self.info["database_url"]) as connection:
            return connection.execute(query.encode()).fetchall()

    def until(self, reached: Callable[[], bool]) -> None:
        """Looks until something is so."""
        ends = time.monotonic() + _PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < ends
            time.sleep(0.1)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The embedded stack, started as its users start it."""
    folder = tmp_path_factory.mktemp("bank")
    ready, log = folder / "ready.json", folder / "log"
    command = [sys.executable, "-m", "infra.local", "up", "--data", str(folder / "data"), "--ready-file", str(ready)]
    with log.open("wb") as output:
        stack = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        ends = time.monotonic() + _PATIENCE_SECONDS
        while not ready.exists():
            assert stack.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.1)
        yield Bank(json.loads(ready.read_text()))
    finally:
        stack.send_signal(signal.SIGTERM)
        stack.wait(timeout=60)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. Not for the session: while it is there, its own event loop runs, and no other one could."""
    with sync_playwright() as playwright:
        # Without its own sandbox, which root and containers have no use of: it shows our pages alone.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Officer:
    """Somebody of the staff in front of a page. What the page complains of is kept."""

    page: Page
    bank: Bank
    complaints: list[str] = field(default_factory=list)

    def page_failed(self, error: Error) -> None:
        """Keeps what a script of the page failed with."""
        self.complaints.append(str(error))

    def page_said(self, said: ConsoleMessage) -> None:
        """Keeps what the browser calls an error: a policy that was broken, a file that is not there."""
        if said.type == "error":
            self.complaints.append(said.text)

    def sign_in(self, name: str) -> "Officer":
        """Signs in through the form."""
        person = self.bank.person(name)
        self.go("/console/sign-in")
        self.page.get_by_label("E-mail").fill(person["email"])
        self.page.get_by_label("Password").fill(person["password"])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()
        return self

    def go(self, path: str) -> None:
        """Opens a page of the console."""
        self.page.goto(f"{self.bank.url}{path}")

    def is_accessible(self) -> None:
        """That axe finds nothing serious on the page, and that it fits its width."""
        self.page.evaluate(_AXE)
        found = self.page.evaluate("axe.run()")
        serious = [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in _SERIOUS
            for node in one["nodes"]
        ]
        assert not serious, f"{self.page.url}: {serious}"
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, f"{self.page.url} is {wide} wide in a window of {window}"


@pytest.fixture
def officer(bank: Bank, chromium: Browser) -> Iterator[Callable[..., Officer]]:
    """Opens a browser for somebody, signed in by their first name. Fails when a page complained of something."""
    officers: list[Officer] = []

    def come(name: str, **context: Any) -> Officer:
        page = chromium.new_context(**{"viewport": {"width": 1200, "height": 800}, **context}).new_page()
        one = Officer(page, bank)
        page.on("pageerror", one.page_failed)
        page.on("console", one.page_said)
        officers.append(one)
        return one.sign_in(name)

    yield come
    for one in officers:
        one.page.context.close()
        # A refusal that a test asked for is told by its page.
        wrong = [said for said in one.complaints if "Failed to load resource" not in said]
        assert not wrong, wrong
