"""Recipients that a customer has saved, and whether a recipient is known (reference/banking.md §6.6).

An account number at another bank is personal data of somebody who is no customer of ours. It is kept sealed
(`infra.crypto`), and beside it a fingerprint by which the same recipient is found again.
"""

import hashlib
import hmac
import struct
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.auth import Letter
from models.bank import PostalAddress
from models.errors import Conflict

# The characters of a BIC that name the institution; the rest is one of its branches (ISO 9362).
_INSTITUTION: Final = 8
_VERSION: Final = b"beneficiary/1"


class Standing(StrEnum):
    """What a recipient is to a customer. `new`: never paid, and not saved. `cooling`: saved too short a time ago, and
    so to be treated as new. `known`: saved for longer than the cooling time, or paid before."""

    NEW = "new"
    COOLING = "cooling"
    KNOWN = "known"

    @property
    def counts_as_new(self) -> bool:
        """Whether an order to such a recipient is one to somebody new."""
        return self is not Standing.KNOWN


class BeneficiaryExists(Conflict):
    """The customer has saved that account at that bank already. `beneficiary_id` says which it is."""

    code = "beneficiary_exists"
    title = "Recipient is saved already"


class NewBeneficiary(BaseModel):
    """A recipient to save, checked for its form as an order is. Either the BIC or the routing number is named."""

    model_config = ConfigDict(frozen=True)

    name: str
    bank_name: str = ""
    bank_swift: str | None = None
    routing_number: str | None = None
    account_number: str
    address: PostalAddress | None = None
    country: str

    @property
    def bank(self) -> str:
        """The code that the bank is named by."""
        return self.bank_swift or self.routing_number or ""


def institution(bank: str) -> str:
    """The bank that a BIC or a routing number names, whichever of its branches."""
    return bank[:_INSTITUTION] if bank[:4].isalpha() else bank


def fingerprint(key: bytes, user_id: UUID, account_number: str, bank: str) -> bytes:
    """What is the same for one account at one bank, saved by one customer; 32 bytes.

    Keyed (HMAC-SHA-256), since account numbers are few enough to be tried; and different for each customer, so that
    what is stored does not tell who knows whom.
    """
    parts = (_VERSION, user_id.bytes, account_number.encode(), institution(bank).encode())
    return hmac.digest(key, b"".join(struct.pack(">I", len(part)) + part for part in parts), hashlib.sha256)


def beneficiary_added(name: str, account_number: str, known_from: datetime) -> Letter:
    """Tells a customer that money can be sent to somebody new."""
    return Letter(
        subject="A recipient was added",
        body=(
            f"{name}, account ending in {account_number[-4:]}, was saved as a recipient of your wires at Aurum.\n\n"
            f"Until {known_from:%d %B %Y, %H:%M} UTC wires to this recipient are checked as wires to somebody new.\n\n"
            "If it was not you, delete the recipient, set a new password, and get in touch with us at once.\n"
        ),
    )
