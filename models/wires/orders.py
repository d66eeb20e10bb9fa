"""What a customer orders, what it costs, and the hash that approvals are bound to."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.bank import Charges, PostalAddress
from models.errors import RuleRefused
from models.money import exponent


class WireOrder(BaseModel):
    """What a customer orders, checked for its form: amounts in minor units, codes in their electronic form."""

    model_config = ConfigDict(frozen=True)

    sender_account_id: UUID
    amount_minor: int = Field(gt=0)
    currency: str
    recipient_name: str
    recipient_bank_name: str = ""
    recipient_bank_swift: str | None = None
    recipient_routing_number: str | None = None
    recipient_account_number: str
    recipient_address: PostalAddress | None = None
    recipient_country: str
    purpose_code: str | None = None
    charges: Charges = Charges.SHA
    reference: str = ""
    execution_date: date | None = None


# The calendars of the rails are loaded for longer than that; past them nobody knows which days are bank days.
LONGEST_WAIT: Final = timedelta(days=365)


class ExecutionDateRefused(RuleRefused):
    """A day that is over, or too far away for the bank's calendars."""

    code = "execution_date_refused"
    title = "Execution date cannot be used"


def check_execution_date(day: date | None, today: date) -> None:
    """Raises `ExecutionDateRefused` for a `day` before `today` or more than a year after it. None is at once."""
    if day is None:
        return
    if day < today:
        raise ExecutionDateRefused(f"the execution date is over; today is {today}, in UTC")
    if day > today + LONGEST_WAIT:
        raise ExecutionDateRefused(f"a wire waits at most {LONGEST_WAIT.days} days for its execution date")


# What an approval is an approval of. A new field that matters gets a new version, so that old hashes stay checkable.
CONTENT_VERSION: Final = 1
CONTENT_FIELDS: Final = (
    "sender_account_id", "amount_minor", "fee_minor", "deducted_minor", "currency", "recipient_name",
    "recipient_bank_name", "recipient_bank_swift", "recipient_routing_number", "recipient_account_number",
    "recipient_address", "recipient_country", "purpose_code", "charges", "reference", "execution_date",
)  # fmt: skip


def content_hash(wire: Mapping[str, Any]) -> bytes:
    """SHA-256 over what the customer ordered. Officers approve this, and nothing else (reference/banking.md §5.3)."""
    content = {name: wire[name] for name in CONTENT_FIELDS}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(f"wire/{CONTENT_VERSION}\n{canonical}".encode()).digest()


def order_references(wire_id: UUID, uetr: UUID) -> tuple[str, str, str]:
    """Message id, instruction id (16 characters) and end-to-end id (35) of a wire's order, always the same ones."""
    return f"AU{wire_id.hex}"[:35], f"A{uetr.hex[:15]}".upper(), end_to_end_id(wire_id)


def inquiry_reference(wire_id: UUID) -> str:
    """The message id (at most 35 characters) of the question what became of a wire, always the same one."""
    return f"SR{wire_id.hex}"


def end_to_end_id(wire_id: UUID) -> str:
    """The end-to-end id of a wire (at most 35 characters, unique)."""
    return f"W{wire_id.hex}".upper()


def decimals(currency: str) -> int:
    """The exponent that is stored beside a wire's amounts."""
    return exponent(currency)
