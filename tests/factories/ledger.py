"""Entries for tests. Every builder makes a new key, so that two calls are two entries."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from models.ledger import Entry, credit, debit


def entry(source: UUID, target: UUID, minor: int, currency: str = "EUR", **changes: Any) -> Entry:
    """A transfer of `minor` from `source` to `target`."""
    fields: dict[str, Any] = {
        "key": f"test/{uuid7()}",
        "kind": "transfer",
        "currency": currency,
        "amount_minor": minor,
        "legs": (debit(source, minor), credit(target, minor)),
        "from_account_id": source,
        "to_account_id": target,
    }
    return Entry(**(fields | changes))


def opening(source: UUID, target: UUID, minor: int, currency: str = "EUR") -> Entry:
    """The first money of an account, from the bank's own."""
    return entry(source, target, minor, currency, kind="opening", key=f"opening/{target}")


def with_fee(source: UUID, target: UUID, fees: UUID, minor: int, fee_minor: int, **changes: Any) -> Entry:
    """A transfer for which `source` pays a fee on top."""
    legs = (debit(source, minor + fee_minor), credit(target, minor), credit(fees, fee_minor))
    return entry(source, target, minor, legs=legs, fee_minor=fee_minor, **changes)
