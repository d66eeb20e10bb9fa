"""The bank on the other side, in this process: mock-bank over the same two folders, its clock moved by the test."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from mockbank import accounts
from mockbank.credits import create as make_credit
from mockbank.server import Config
from mockbank.state import State
from schwifty import IBAN

NOSTRO = {
    currency: str(IBAN.from_bban("NL", f"MOCK000000900{number}"))
    for number, currency in enumerate(("USD", "EUR", "GBP"), start=1)
}
# Our account for the American rail: it is answered in Nacha files and BAI2. Its number is our company id there.
ACH_COMPANY = "0000009004"
ACH_ODFI = "999999992"
# mock-bank holds this account and has closed it: payments to it are refused with AC04.
CLOSED_ACCOUNT = "NL84MOCK0000000003"
# The bank of this one cannot be found by its identifier: payments to it are refused with RC01.
BAD_BANK_ACCOUNT = str(IBAN.from_bban("NL", "MOCK0000009005"))
MONDAY = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001 # mock-bank's clock is given in its own local time


class Counterparty:
    """A correspondent bank that holds our accounts."""

    def __init__(self, folder: Path) -> None:
        self.outbox, self.inbox = folder / "outbox", folder / "inbox"
        self._state = State(
            Config(
                quiet=True,
                clock=f"{MONDAY:%Y-%m-%dT%H:%M}",
                drop_dir=str(self.outbox),
                pickup_dir=str(self.inbox),
                drop_settle_ms=0,
            )
        )
        self._state.dropbox.prepare()
        for currency, iban in NOSTRO.items():
            accounts.create(
                self._state.conn,
                f"AURUM-{currency}",
                {"name": "Aurum Bank", "iban": iban, "bic": "MOCKNL2A", "currency": currency, "balance": 10**10},
            )

        accounts.create(
            self._state.conn,
            "AURUM-ACH",
            {
                "name": "Aurum Bank",
                "iban": str(IBAN.from_bban("NL", f"MOCK{ACH_COMPANY}")),
                "bic": "MOCKNL2A",
                "currency": "USD",
                "balance": 10**10,
                "format": "nacha",
                "account_number": ACH_COMPANY,
            },
        )

        accounts.create(
            self._state.conn,
            "LOST",
            {"name": "Nobody", "iban": BAD_BANK_ACCOUNT, "currency": "USD", "behaviour": "bad-bank-id"},
        )

    def answer(self) -> int:
        """Reads the orders that wait and writes its answers. Returns how many orders there were."""
        return len(self._state.dropbox.scan())

    def behave(self, currency: str, behaviour: str, **parameters: Any) -> None:
        """From now on treats what we order in `currency` (or by the ACH) so (`silent`, `return-later` …)."""
        accounts.update(self._state.conn, f"AURUM-{currency}", {"behaviour": behaviour, "parameters": parameters})

    def has(self, currency: str, minor: int) -> None:
        """From now on our account in `currency` has that much."""
        accounts.update(self._state.conn, f"AURUM-{currency}", {"balance": minor})

    def credit(self, currency: str, minor: int) -> None:
        """Money that somebody else sends to our account, and the notification of it."""
        body = {"account": f"AURUM-{currency}", "amount": minor, "currency": currency, "debtor": {"name": "Somebody"}}
        make_credit(self._state.conn, self._state.clock, self._state.now(), body)
        self._state.release()
        self._state.deliver()

    @property
    def today(self) -> date:
        """The bank's own day."""
        today: date = self._state.clock.today()
        return today

    def until(self, day: date) -> None:
        """Lets bank days pass, with what they bring."""
        self._state.clock.advance(to=day)
        self._state.release()
        self._state.deliver()

    def orders(self) -> list[Any]:
        """Every payment the bank decided on."""
        return list(accounts.payments(self._state.conn))

    def close(self) -> None:
        """Ends it."""
        self._state.close()
