"""What becomes of a letter after it has left: told by whoever delivers it, and what follows for its address."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import Forbidden


class SignatureRefused(Forbidden):
    """Not signed by who is meant to tell it, or signed too long ago."""

    code = "signature_refused"
    title = "Signature refused"


class MailEventKind(StrEnum):
    """`bounce`: the address takes no mail, for good. `blocked`: its server refused this letter. `dropped`: whoever
    delivers did not try."""

    DELIVERED = "delivered"
    BOUNCE = "bounce"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    SPAM_REPORT = "spam_report"
    UNSUBSCRIBE = "unsubscribe"


class Stop(StrEnum):
    """Why an address gets no more mail from us. `unsubscribe` stops only what its person can do without."""

    BOUNCE = "bounce"
    DROPPED = "dropped"
    SPAM_REPORT = "spam_report"
    UNSUBSCRIBE = "unsubscribe"


class MailEvent(BaseModel):
    """One thing that happened to a letter. `event_id` is the provider's, by which it is known again."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    notification_id: UUID | None
    kind: MailEventKind
    address: str
    detail: str
    at: datetime
    stops: Stop | None = None

    @property
    def lost(self) -> bool:
        """Whether the letter has not arrived."""
        return self.kind in {MailEventKind.BOUNCE, MailEventKind.BLOCKED, MailEventKind.DROPPED}
