"""What people are told: of which topic it is, what they can do without, and how it crosses Temporal (an id, never an
address or a text)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import RuleRefused

# Where a letter tells a secret: a link or a code that opens something. It is put in when the letter is sent, and until
# then kept sealed.
HIDDEN: Final = "{hidden}"


# What people are told about their own sign-in, and about what a thief would do next. Told twice is better than not at
# all.
SECURITY_EVENTS: Final = frozenset(
    {
        "already_registered",
        "beneficiary_added",
        "confirm_new_email",
        "email_change_asked",
        "email_changed",
        "external_identity_linked",
        "external_identity_unlinked",
        "factors_reset",
        "guessed_at",
        "new_device",
        "password_changed",
        "password_reset",
        "recovery_code_used",
        "session_stolen",
        "signed_out_by_bank",
        "two_factor_disabled",
        "two_factor_enabled",
        "verify_email",
    }
)


# Letters that somebody asks for who says that they read the address. Whoever uses what is in one has proved it.
PROVING_EVENTS: Final = frozenset({"verify_email", "confirm_new_email", "password_reset"})


def sent_again(event: str, doubts: int) -> bool:
    """Whether a message that may have left is sent again, when that has happened `doubts` times now.

    Once, if it is about somebody's sign-in: a link that never came keeps them out, a second one does no harm. Any other
    message is not, since "never twice" was promised; a person looks what became of it.
    """
    return event in SECURITY_EVENTS and doubts <= 1


class EmailChoice(StrEnum):
    """How a topic comes by e-mail: `digest` collects it for the next digest."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    OFF = "off"


class NotificationRequired(RuleRefused):
    """What the bank has to tell cannot be switched off."""

    code = "notification_required"
    title = "This notification cannot be switched off"


@dataclass(frozen=True)
class Topic:
    """What a customer chooses about: events, each by its name, or by how its name begins where it ends in a dot."""

    name: str
    title: str
    events: tuple[str, ...]
    # What a customer may choose; the first is what they have who choose nothing.
    email: tuple[EmailChoice, ...] = (EmailChoice.AT_ONCE,)
    # Does not wait for the end of quiet hours.
    urgent: bool = False

    @property
    def required(self) -> bool:
        """Whether the customer cannot do without it."""
        return EmailChoice.OFF not in self.email

    def holds(self, event: str) -> bool:
        """Whether `event` is of this topic."""
        return any(event.startswith(one) if one.endswith(".") else event == one for one in self.events)

    def chosen(self, choice: EmailChoice | None) -> EmailChoice:
        """`choice`, where it is one that can be chosen (by now)."""
        return choice if choice is not None and choice in self.email else self.email[0]


_EVERY: Final = (EmailChoice.AT_ONCE, EmailChoice.DIGEST, EmailChoice.OFF)
# The first that holds an event is its topic. A bank tells what happens to a customer's money and access whether they
# like it or not: orders that were refused or came back (Directive (EU) 2015/2366, art. 79), statements. Of payments
# that were made as ordered it has to tell once a month at least (art. 57 and 58), which the statement does.
TOPICS: Final = (
    Topic("security", "Signing in and access", (*sorted(SECURITY_EVENTS), "frozen", "unfrozen"), urgent=True),
    Topic("identity", "Your identity check and its deadlines", ("kyc.",), urgent=True),
    Topic("deadlines", "Payments that wait for you", ("payment.money_missing",), urgent=True),
    Topic("wires", "Your wires", ("wire.",)),
    Topic("payments_made", "Payments that were made", ("payment.completed", "payment.cancelled"), email=_EVERY),
    Topic("payments", "Payments that were not made or came back", ("payment.",)),
    Topic("transfers", "Transfers that were taken back", ("transactions.",)),
    Topic(
        "statements",
        "Monthly statements",
        ("statements_ready", "statement_corrected"),
        email=(EmailChoice.AT_ONCE, EmailChoice.DIGEST),
    ),
    Topic("price_alerts", "Alerts on prices", ("price_alert",), email=_EVERY),
)
BY_NAME: Final[Mapping[str, Topic]] = {topic.name: topic for topic in TOPICS}
# The letter that puts others together. It is nobody's choice, and waits for the end of quiet hours as they do.
DIGEST_EVENT: Final = "digest"


def topic_of(event: str) -> Topic | None:
    """The topic of `event`; None for what no customer chooses about, which is told at once."""
    return next((topic for topic in TOPICS if topic.holds(event)), None)


def required(event: str) -> bool:
    """Whether a person cannot do without being told of `event`."""
    topic = topic_of(event)
    return topic is None or topic.required


class NotificationStart(BaseModel):
    """What a notification's process is started with."""

    model_config = ConfigDict(frozen=True)

    notification_id: UUID


class NotificationStep(NotificationStart):
    """`at` is the process's time, by which quiet hours are judged; None in a process of before there were any."""

    at: datetime | None = None


class DigestsWritten(BaseModel):
    """How many digests were written, of how many notifications."""

    model_config = ConfigDict(frozen=True)

    digests: int = 0
    notifications: int = 0
