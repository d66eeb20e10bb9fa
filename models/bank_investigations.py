"""A payment that another bank asks back, as its message says it."""

from datetime import date

from pydantic import BaseModel, ConfigDict


class AskedBack(BaseModel):
    """One payment that a bank asks back. What it does not say is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assignment_id: str
    case_id: str | None = None
    assigner: str | None = None
    original_message_id: str | None = None
    original_message_type: str | None = None
    instruction_id: str | None = None
    end_to_end_id: str | None = None
    transaction_id: str | None = None
    uetr: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    settled_on: date | None = None
    reason_code: str | None = None
    reason_text: str | None = None


class AskedAfter(BaseModel):
    """One question of a bank what became of a payment, or of a request of its own (pacs.028). What it does not say is
    None; `original_message_type` says which message of theirs it asks after."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    original_message_id: str | None = None
    original_message_type: str | None = None
    end_to_end_id: str | None = None
    transaction_id: str | None = None
    uetr: str | None = None

    @property
    def names(self) -> str | None:
        """What it is about, by the first reference that it gives."""
        return self.end_to_end_id or self.uetr or self.transaction_id or self.original_message_id

    @property
    def after_request(self) -> bool:
        """Whether it asks after a request to give money back, and not after a payment."""
        return (self.original_message_type or "").startswith("camt.056")
