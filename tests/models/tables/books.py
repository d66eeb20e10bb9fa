"""The ledger as it should be, in plain Python: what the database's ledger is compared with.

It knows nothing of locks, batches or SQL. One entry after the other, and the first rule that says no is the
outcome.
"""

from dataclasses import dataclass, field
from uuid import UUID

from models.accounts import AccountStatus
from models.ledger import Entry, HoldStatus, Outcome


@dataclass
class Held:
    """Money set aside for `owner`."""

    account: UUID
    minor: int
    status: HoldStatus = HoldStatus.OPEN


@dataclass
class Kept:
    """An account. `customer` None: the bank's own, which may go below zero."""

    customer: UUID | None
    currency: str
    posted: int = 0
    status: AccountStatus = AccountStatus.ACTIVE


@dataclass
class Books:
    """All accounts, holds (by id) and entries (by key)."""

    accounts: dict[UUID, Kept] = field(default_factory=dict)
    holds: dict[UUID, Held] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)

    def held(self, account: UUID) -> int:
        """What is set aside on an account."""
        return sum(hold.minor for hold in self.holds.values() if hold.account == account and hold.status == "open")

    def available(self, account: UUID) -> int:
        """What can be spent."""
        return self.accounts[account].posted - self.held(account)

    def post(self, entry: Entry) -> Outcome:
        """Books an entry for the bank's worker, or says why not."""
        stored = self.entries.get(entry.key)
        if stored is not None:
            same = stored.content_hash() == entry.content_hash()
            return Outcome.REPLAYED if same else Outcome.IDEMPOTENCY_CONFLICT
        refused = self._refusal(entry)
        if refused is None:
            hold = self.holds[entry.captures] if entry.captures else None
            for leg in entry.legs:
                self.accounts[leg.account_id].posted += leg.amount_minor
            if hold is not None:
                hold.status = HoldStatus.CAPTURED
            self.entries[entry.key] = entry
        return refused or Outcome.POSTED

    def _refusal(self, entry: Entry) -> Outcome | None:
        if any(leg.account_id not in self.accounts for leg in entry.legs):
            return Outcome.ACCOUNT_NOT_FOUND
        touched = [(self.accounts[leg.account_id], leg.amount_minor) for leg in entry.legs]
        debited = {leg.account_id for leg in entry.legs if leg.amount_minor < 0}
        hold = self.holds.get(entry.captures) if entry.captures else None
        for_customer = entry.on_behalf_of is not None
        if any(account.currency != entry.currency for account, _ in touched):
            return Outcome.CURRENCY_MISMATCH
        if for_customer and any(self.accounts[account].customer != entry.on_behalf_of for account in debited):
            return Outcome.NOT_PERMITTED
        if entry.captures and (hold is None or hold.status != "open" or hold.account not in debited):
            return Outcome.HOLD_NOT_OPEN
        if any(account.status == "closed" for account, _ in touched):
            return Outcome.ACCOUNT_UNUSABLE
        frozen = any(self.accounts[account].status == "frozen" for account in debited)
        if frozen and for_customer and entry.captures is None:
            return Outcome.ACCOUNT_UNUSABLE
        for account in debited:
            change = sum(leg.amount_minor for leg in entry.legs if leg.account_id == account)
            if hold is not None and hold.account == account:
                change += hold.minor
            if self.accounts[account].customer is not None and self.available(account) + change < 0:
                return Outcome.INSUFFICIENT_FUNDS
        return None

    def place(self, account: UUID, minor: int, hold: UUID) -> bool:
        """Sets money aside if there is enough on an active account."""
        if self.accounts[account].status != "active" or self.available(account) < minor:
            return False
        self.holds[hold] = Held(account, minor)
        return True

    def release(self, hold: UUID) -> bool:
        """Gives money back, once."""
        if self.holds[hold].status != "open":
            return False
        self.holds[hold].status = HoldStatus.RELEASED
        return True
