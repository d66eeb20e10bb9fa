"""The counterparty bank part: mock-bank over a folder for each direction, with our accounts, and a clock."""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

import httpx

from infra.local.http import answers_ok, client
from infra.local.parts import Part, StackError
from infra.local.processes import Launch
from infra.local.program import Program
from infra.local.site import ACH_COMPANY_ID, ACH_IBAN, NOSTRO_ACCOUNTS

_OPENING_BALANCE_MINOR: Final = 10_000_000_000
_LOOK_SECONDS: Final = 0.5


class Bank(Program):
    """mock-bank with its books in the folder."""

    part: ClassVar[Part] = Part.BANK
    # What it takes for Ctrl-C closes its books in order; SIGTERM would just end it.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    stop_seconds: ClassVar[float] = 5.0

    def prepare(self) -> Launch:
        """Say how to start it; it makes its own database file."""
        home = self.site.folder.root / "bank"
        command = (
            *(
                sys.executable,
                "-m",
                "mockbank",
                "--host",
                "127.0.0.1",
                "--port",
                str(self.site.ports["bank"]),
            ),
            *("--db", str(home / "bank.db"), "--drop-dir", str(self.site.folder.bank_outbox)),
            *("--pickup-dir", str(self.site.folder.bank_inbox)),
            *("--drop-settle-ms", "0", "--drop-interval-ms", "200", "-q"),
        )
        return Launch(command, cwd=home, environment={**os.environ, "PYTHONUNBUFFERED": "1"})

    def answers(self) -> bool:
        """Whether its control plane answers."""
        return answers_ok(f"{self.site.bank_url}/_mock/health")

    def settle(self) -> None:
        """Open our accounts there, one per currency and one for the ACH, unless they are open already."""
        with client(self.site.bank_url) as http:
            open_already = {account["id"] for account in http.get("/_mock/accounts").json()}
            accounts = [_account(f"AURUM-{currency}", iban, currency) for currency, iban in NOSTRO_ACCOUNTS.items()]
            ach = _account("AURUM-ACH", ACH_IBAN, "USD") | {"format": "nacha", "account_number": ACH_COMPANY_ID}
            for account in (*accounts, ach):
                if account["id"] not in open_already:
                    answer = http.post("/_mock/accounts", json=account)
                    if answer.status_code != httpx.codes.CREATED:
                        raise StackError(f"The bank refused to open our account {account['id']}: {answer.text.strip()}")

    def clock(self) -> "BankClock":
        """What keeps this bank's day moving, by the bank hours of the settings."""
        return BankClock(self.site.bank_url, always=self.settings["AURUM_BANK_HOURS"] == "always")


def _account(name: str, iban: str, currency: str) -> dict[str, Any]:
    return {
        "id": name,
        "iban": iban,
        "name": "Aurum Bank",
        "currency": currency,
        "bic": "MOCKNL2A",
        "balance": _OPENING_BALANCE_MINOR,
    }


class BankClock:
    """Keeps the bank's day moving, so that what it settles tomorrow is settled now.

    With bank hours `always` the bank's clock is moved to the day of the next thing that waits. With
    `calendar` it is never moved; the bank is only made to send what has come due, which it does not do by
    itself at midnight.
    """

    def __init__(self, bank_url: str, *, always: bool) -> None:
        """A clock for the bank at `bank_url`; `start` begins to move it."""
        self._bank_url = bank_url
        self._always = always
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bank-clock", daemon=True)

    def start(self) -> None:
        """Begin looking, about twice a second."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for a look that is under way."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        with client(self._bank_url) as http:
            while not self._ended.wait(_LOOK_SECONDS):
                try:
                    self._look(http)
                except (httpx.HTTPError, ValueError, KeyError, TypeError):
                    # The bank may be starting, stopping or killed; the next look will see.
                    continue

    def _look(self, http: httpx.Client) -> None:
        queue = http.get("/_mock/queue").json()
        if queue:
            day = next_day(queue, http.get("/_mock/state").json()["clock"], always=self._always)
            if day is not None:
                http.post("/_mock/advance", params={"to": day})


def next_day(queue: list[dict[str, Any]], clock: Mapping[str, Any], *, always: bool) -> str | None:
    """The bank day (ISO date) to move the clock to, or None when nothing is due.

    `queue` is what the bank has not sent yet, `clock` its present moment, both as it serves them.
    """
    now = datetime.fromisoformat(clock["now"])
    earliest = min(_moment(entry["dueAt"]).astimezone(now.tzinfo) for entry in queue)
    if earliest <= now:
        return now.date().isoformat()
    if always and earliest.date() > now.date():
        return earliest.date().isoformat()
    return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
