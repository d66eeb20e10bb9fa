"""Taking a transfer back: who may, and how many have to (reference/banking.md §6.6).

An officer takes back what customers transferred by mistake or were made to; from `SECOND_OFFICER_FROM` on another
officer confirms it. Whoever pays or is paid by the transaction is never one of them. Whoever was paid pays it back, fee
included, if the money is still there; a reversal never overdraws, and is not reversed itself.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.limits import UNITS
from models.money import exponent

# Major units of a currency that is worth about a euro: the amount from which the reference asks for more than one pair
# of eyes.
SECOND_OFFICER_FROM: Final = 10_000
WORKFLOW: Final = "reversal"


class ReversalStatus(StrEnum):
    """Where a reversal stands. One that was refused or withdrawn has moved nothing, and may be asked for again."""

    AWAITING_CONFIRMATION = "awaiting_confirmation"
    APPROVED = "approved"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ReversalStart(BaseModel):
    """What a reversal's process is started with, and its step is given."""

    model_config = ConfigDict(frozen=True)

    reversal_id: UUID


class Reversal(BaseModel):
    """A reversal as its row says. `reversal_id` is the entry that was made, `refusal` why none was."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    transaction_id: UUID
    status: ReversalStatus
    reason: str
    asked_by: UUID
    confirmed_by: UUID | None
    reversal_id: UUID | None
    refusal_code: str | None
    refusal: str
    created_at: datetime
    updated_at: datetime


class ReversalState(BaseModel):
    """What the process knows of a reversal: no names, no amounts."""

    model_config = ConfigDict(frozen=True)

    reversal_id: UUID
    status: ReversalStatus
    refusal_code: str | None = None


def needs_second_officer(amount_minor: int, currency: str) -> bool:
    """Whether one officer is too few for a transaction of that amount."""
    return amount_minor >= SECOND_OFFICER_FROM * UNITS.get(currency, Decimal(1)).scaleb(exponent(currency))
