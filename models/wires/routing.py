"""What is asked before a wire is routed to its approvers, and the answer that is kept with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.fx import Rate
from models.money import written
from models.wires.approval import Approver, Facts, Row
from models.wires.orders import WireOrder


class ToRoute(BaseModel):
    """A wire that was ordered, or one that somebody thinks of ordering (`wire_id` None)."""

    model_config = ConfigDict(frozen=True)

    user_id: UUID
    sender_account_id: UUID
    amount_minor: int
    currency: str
    recipient_account_number: str
    recipient_bank: str
    recipient_country: str
    similar_name: bool = False
    wire_id: UUID | None = None

    @classmethod
    def of(cls, order: WireOrder, user_id: UUID) -> "ToRoute":
        """What somebody thinks of ordering."""
        return cls(
            user_id=user_id,
            recipient_bank=order.recipient_bank_swift or order.recipient_routing_number or "",
            **order.model_dump(include=cls.model_fields.keys() & order.__class__.model_fields.keys()),
        )


class Routing(BaseModel):
    """Who has to approve a wire, and why: what the matrix was asked about, which row of which version answered.

    `amount_base_minor` is the wire alone, `summed_base_minor` all that was ordered to the same account within a day, in
    minor units of `base_currency`; None where a rate was missing or over.
    """

    model_config = ConfigDict(frozen=True)

    matrix_version: int
    row: Row
    base_currency: str
    amount_base_minor: int | None
    summed_base_minor: int | None
    facts: Facts
    rates: tuple[Rate, ...] = ()
    summed_wires: int = 1
    # Whether the customer is called back before anybody approves.
    call_back: bool = False
    standing: str
    country: str
    signs: tuple[str, ...] = ()
    at: datetime

    @property
    def approvers(self) -> tuple[Approver, ...]:
        """The places that have to be filled, in their order."""
        return self.row.approvers

    @property
    def senior(self) -> bool:
        """Whether one of the places is a senior officer's."""
        return Approver.SENIOR in self.approvers

    @property
    def inputs(self) -> dict[str, Any]:
        """Everything the decision was made of, as it is kept."""
        kept = self.model_dump(mode="json", exclude={"matrix_version", "base_currency", "at"})
        return kept | {"facts": self.facts.model_dump(mode="json")}

    @property
    def explanation(self) -> str:
        """Why, in a sentence."""
        who = ", ".join(self.approvers) or "nobody"
        if self.summed_base_minor is None:
            worth = f"what it is worth in {self.base_currency} is not known, which counts as more than any amount"
        else:
            worth = written(self.summed_base_minor, self.base_currency)
            if self.summed_wires > 1:
                worth += f" in {self.summed_wires} wires to the same account within a day"
        signs = "".join(f"; {sign}" for sign in self.signs)
        return (
            f"Row {self.row.name} of matrix {self.matrix_version} ({self.row.said(self.base_currency)}): {who}."
            f" {worth}; country {self.country}: {self.facts.country} risk; beneficiary: {self.standing};"
            f" customer: {self.facts.customer} risk{signs}.{' The customer is called back.' if self.call_back else ''}"
        )
