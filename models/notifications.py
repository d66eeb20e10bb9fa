"""Notifications as they cross Temporal: an id, never an address or a text."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

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


def sent_again(event: str, doubts: int) -> bool:
    """Whether a message that may have left is sent again, when that has happened `doubts` times now.

    Once, if it is about somebody's sign-in: a link that never came keeps them out, a second one does no harm. Any other
    message is not, since "never twice" was promised; a person looks what became of it.
    """
    return event in SECURITY_EVENTS and doubts <= 1


class NotificationStart(BaseModel):
    """What a notification's process is started with."""

    model_config = ConfigDict(frozen=True)

    notification_id: UUID
