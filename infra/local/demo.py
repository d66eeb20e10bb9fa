"""The demonstration: four wires, each through HTTP as its people would, the ledger after them, and a fifth wire that
waits for whoever is looking."""

import time
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from infra.local.parts import Part
from infra.local.stack import Stack

PATIENCE_SECONDS: Final = 60
# mock-bank holds this account and has closed it: it refuses payments to it with AC04.
_CLOSED_ACCOUNT: Final = "NL84MOCK0000000003"
_LISTED_NAME: Final = "Viktor Drazhenko"
_SHORT_DEADLINE: Final = {"AURUM_WIRE_SLA_SECONDS": "4", "AURUM_WIRE_HARD_STOP_SECONDS": "6"}


class DemoFailedError(Exception):
    """The bank did something else than it should; the sentence says what."""


class Walk:
    """One walk through a running stack. It knows what a customer and an officer know: addresses and passwords."""

    def __init__(self, stack: Stack, console: Console) -> None:
        """A walk over `stack`, telling `console`."""
        self._stack = stack
        self._console = console
        self._began = time.monotonic()
        self._info = stack.info()
        self._http = httpx.Client(base_url=f"{self._info['api_url']}/api/v1", timeout=30)

    def run(self) -> int:
        """Walks. Returns 0 when everything went as it should, 1 when not."""
        try:
            with self._http:
                self._walk()
        except (DemoFailedError, httpx.HTTPError) as error:
            self._console.print(f"[red]The demo failed:[/] {error}", soft_wrap=True, highlight=False)
            return 1
        return 0

    def _walk(self) -> None:
        customer, officer = self._sign_in("customer"), self._sign_in("admin", "compliance_officer")
        account = next(a for a in self._get("/accounts", customer)["data"] if a["currency"] == "USD")
        balances = f"/accounts/{account['id']}/balance"
        before = self._get(balances, customer)
        self._say(f"The account has {before['available_balance']:,.2f} USD available")

        self._title("1 · A wire is ordered, approved, sent, settled")
        wire = self._order(customer, account["id"])
        self._until(customer, wire, "awaiting_approval")
        self._refused_to_its_maker(customer, wire)
        self._approve(officer, wire)
        self._until(customer, wire, "completed")
        self._console.print(
            f"[bold]first wire completed {time.monotonic() - self._began:.1f} s after the stack was up[/]"
        )
        paid = self._get(balances, customer)
        self._expect(round(before["balance"] - paid["balance"], 2) == 1025, "amount and fee are debited once")

        self._title("2 · The bank refuses: the money is available again")
        wire = self._order(customer, account["id"], recipient_account_number=_CLOSED_ACCOUNT)
        self._until(customer, wire, "awaiting_approval")
        self._approve(officer, wire)
        refused = self._until(customer, wire, "failed")
        self._expect(refused["reason_code"] == "AC04", "the bank's reason is AC04, account closed")
        self._expect(self._get(balances, customer) | {"as_of": 0} == paid | {"as_of": 0}, "nothing is debited or held")

        self._title("3 · The recipient is on the sanctions list: blocked, the money stays held")
        wire = self._order(customer, account["id"], recipient_name=_LISTED_NAME)
        self._until(customer, wire, "blocked")
        held = self._get(balances, customer)["held"] - paid["held"]
        self._expect(round(held, 2) == 1025, "1,025.00 USD stay held until compliance decides")

        self._title("4 · Nobody decides: reminded, escalated, breached, expired, released")
        self._say("the worker is restarted with a deadline of 4 seconds")
        self._stack.restart(Part.WORKER, env=_SHORT_DEADLINE)
        wire = self._order(customer, account["id"])
        self._until(customer, wire, "expired")
        for line in self._get(f"/wires/{wire}/timeline", officer)["data"]:
            self._say(f"{line['at'][11:23]}  {line['event']}")
        self._stack.restart(Part.WORKER)
        self._expect(round(self._get(balances, customer)["held"] - paid["held"], 2) == 1025, "its hold is released")
        self._show_books()

        self._title("5 · A wire waits for you")
        waiting = self._order(customer, account["id"], recipient_name="Initech Supplies Ltd", reference="Invoice 8")
        self._until(customer, waiting, "awaiting_approval")
        self._show_addresses()
        self._show_next(waiting)

    def _sign_in(self, role: str, preset: str | None = None) -> str:
        person = next(p for p in self._info["people"] if p["role"] == role and p.get("preset") == preset)
        answer = self._http.post("/auth/login", json={"email": person["email"], "password": person["password"]})
        self._accept(answer, 200)
        self._say(f"{person['name']} signs in ({preset or role})")
        return str(answer.json()["data"]["tokens"]["accessToken"])

    def _order(self, token: str, account: str, **changes: Any) -> str:
        wire = {
            "from_account_id": account,
            "amount": 1000.00,
            "currency": "USD",
            "recipient_name": "Globex Trading Ltd",
            "recipient_bank_name": "Test Bank",
            "recipient_bank_swift": "TESTUS33",
            "recipient_account_number": "000123456789",
            "recipient_address": {"street": "Main Street", "building": "1", "town": "New York", "country": "US"},
            "purpose_code": "SUPP",
            "reference": "Invoice 7",
        } | changes
        answer = self._http.post(
            "/wires", json=wire, headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
        )
        self._accept(answer, 201)
        wire_id = str(answer.json()["id"])
        self._say(f"ordered: 1,000.00 USD to {wire['recipient_name']} ({wire_id})")
        return wire_id

    def _refused_to_its_maker(self, token: str, wire: str) -> None:
        answer = self._http.put(f"/wires/{wire}/approve", headers={"Authorization": f"Bearer {token}"})
        self._expect(answer.status_code == 403, "the customer cannot approve it: 403")

    def _approve(self, token: str, wire: str) -> None:
        answer = self._http.put(f"/wires/{wire}/approve", headers={"Authorization": f"Bearer {token}"})
        self._accept(answer, 200)
        self._say("an officer approves")

    def _until(self, token: str, wire: str, wanted: str) -> dict[str, Any]:
        ends = time.monotonic() + PATIENCE_SECONDS
        seen = ""
        while True:
            state = self._get(f"/wires/{wire}", token)
            if state["status"] != seen:
                seen = state["status"]
                self._say(f"→ {seen}")
            if seen == wanted:
                return state
            if time.monotonic() > ends:
                raise DemoFailedError(f"the wire is {seen} after {PATIENCE_SECONDS} s; it should be {wanted}")
            time.sleep(0.05)

    def _get(self, path: str, token: str) -> dict[str, Any]:
        answer = self._http.get(path, headers={"Authorization": f"Bearer {token}"})
        self._accept(answer, 200)
        found: dict[str, Any] = answer.json()
        return found

    def _accept(self, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            raise DemoFailedError(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
            )

    def _expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise DemoFailedError(f"not so: {what}")
        self._say(f"[green]✓[/] {what}")

    def _show_books(self) -> None:
        with psycopg.connect(self._info["database_url"]) as connection:
            rows = connection.execute(
                "SELECT p.currency, coalesce(a.purpose, 'customers') AS accounts,"
                " sum(p.amount_minor) / 10::numeric ^ max(a.exponent) AS balance"
                " FROM postings p JOIN accounts a ON a.id = p.account_id GROUP BY 1, 2 ORDER BY 1, 2"
            ).fetchall()
            breaches = connection.execute("SELECT * FROM ledger_proof()").fetchall()
        table = Table("currency", "accounts", "balance (credit +, debit −)", title="The ledger")
        totals: dict[str, Any] = {}
        for currency, name, balance in rows:
            totals[currency] = totals.get(currency, 0) + balance
            table.add_row(currency, name, f"{balance:,.2f}")
        for currency, total in totals.items():
            table.add_row(currency, "[bold]sum[/]", f"[bold]{total:,.2f}[/]")
        self._console.print(table)
        self._expect(not any(totals.values()), "every currency sums to zero")
        self._expect(not breaches, "the ledger's proof finds no breach")

    def _show_addresses(self) -> None:
        self._title("Look around")
        for name, address in (
            ("API documentation", f"{self._info['api_url']}/api/v1"),
            ("Console", f"{self._info['api_url']}/console"),
            ("Temporal UI", self._info["temporal_ui_url"]),
            ("Mail", self._info["mail_dir"]),
        ):
            self._say(f"{name:<18} {address}")
        for person in self._info["people"]:
            factor = f", codes of {person['totp_secret']}" if "totp_secret" in person else ""
            part = ", ".join((person.get("preset") or person["role"], *person.get("permissions", ())))
            self._say(f"{person['email']:<38} {person['password']}  ({part}{factor})")

    def _show_next(self, wire: str) -> None:
        officer = next(p for p in self._info["people"] if p.get("preset") == "compliance_officer")
        self._title("Now you")
        self._say(f"Approve it as an officer: {self._info['api_url']}/console/wires/{wire}")
        self._say(f"Sign in with {officer['email']} and {officer['password']}")

    def _title(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/]")

    def _say(self, text: str) -> None:
        self._console.print(f"  {time.monotonic() - self._began:5.1f} s  {text}", soft_wrap=True, highlight=False)
