"""Notifications as they cross Temporal: an id, never an address or a text."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class NotificationStart(BaseModel):
    """What a notification's process is started with."""

    model_config = ConfigDict(frozen=True)

    notification_id: UUID
