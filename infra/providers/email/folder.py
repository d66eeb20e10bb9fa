"""E-mail: what a message is, and the folder that stands for a mail server in the embedded stack."""

import asyncio
import os
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Email(BaseModel):
    """One message. `key` is unique for it: a provider that is given the same key again sends nothing new."""

    model_config = ConfigDict(frozen=True)

    key: str
    to: str
    subject: str
    body: str
    at: datetime


class EmailProvider(Protocol):
    """Whoever delivers e-mail."""

    async def send(self, email: Email) -> None:
        """Delivers `email`, or raises `ConnectionError`. Safe to repeat."""


class FolderEmail:
    """Writes each message as `<key>.eml` into a folder, whole or not at all."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, email: Email) -> None:
        """Writes the message. The same key is the same file, so sending twice leaves one."""
        await asyncio.to_thread(self._write, email)

    def _write(self, email: Email) -> None:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = email.to
        message["Subject"] = email.subject
        message["Date"] = format_datetime(email.at)
        message["Message-ID"] = f"<{email.key}@aurum.example>"
        message.set_content(email.body)
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{email.key}.part"
        with draft.open("wb") as file:
            file.write(bytes(message))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / f"{email.key}.eml")
