"""Notifications as they cross Temporal: an id, never an address or a text."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

# Where a letter tells a secret: a link or a code that opens something. It is put in when the letter is sent, and until
# then kept sealed.
HIDDEN: Final = "{hidden}"


class NotificationStart(BaseModel):
    """What a notification's process is started with."""

    model_config = ConfigDict(frozen=True)

    notification_id: UUID
