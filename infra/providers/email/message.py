"""What a message is, and what can become of one."""

from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from models.errors import RuleRefused, Unavailable


class Email(BaseModel):
    """One message. `key` is unique for it, `event` says what it is about, and `body` is plain text in paragraphs."""

    model_config = ConfigDict(frozen=True)

    key: str
    event: str
    to: str
    subject: str
    body: str
    at: datetime


class MailRefused(RuleRefused):
    """Whoever delivers will never take this message, mostly because of its address. Trying again changes nothing."""

    code = "mail_refused"
    title = "The message was refused"


class MailOutcomeUnknown(Unavailable):
    """The message was handed over and no answer came: it may have left."""

    code = "mail_outcome_unknown"
    title = "Whether the message left is not known"


class EmailProvider(Protocol):
    """Whoever delivers e-mail."""

    @property
    def repeatable(self) -> bool:
        """Whether sending the same key again is harmless."""

    async def send(self, email: Email) -> None:
        """Hands `email` over.

        Raises `MailRefused`, which is final, `MailOutcomeUnknown`, and `Unavailable` where it surely was not taken.
        """
