"""What we ask a bank about a payment of ours, beside the payment itself, apart from how a message writes it."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.bank import Bic, InstructionId, Reference, Uetr


class StatusRequest(BaseModel):
    """The question what became of one payment of ours. The `original_…` members are those of the order as it was sent.
    Banks are named by BIC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: Reference
    created_at: AwareDatetime
    sender: Bic
    receiver: Bic
    original_message_id: Reference
    original_message_type: str
    instruction_id: InstructionId
    end_to_end_id: Reference
    uetr: Uetr
