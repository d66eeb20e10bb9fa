"""The folder that stands for a mail server in the embedded stack."""

import asyncio
import os
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from infra.providers.email.message import Email
from infra.providers.email.rendering import rendered
from models.errors import Unavailable


class FolderEmail:
    """Writes each message as `<key>.eml` into a folder, whole or not at all."""

    repeatable: Final = True

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, email: Email) -> None:
        """Writes the message. The same key is the same file, so sending twice leaves one."""
        try:
            await asyncio.to_thread(self._write, email)
        except OSError as error:
            raise Unavailable(f"The mail folder cannot be written: {error.strerror}") from error

    def _write(self, email: Email) -> None:
        text, html = rendered(email)
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = email.to
        message["Subject"] = email.subject
        message["Date"] = format_datetime(email.at)
        message["Message-ID"] = f"<{email.key}@aurum.example>"
        # As it is, so that a link can be read and copied from the file.
        message.set_content(text, cte="8bit")
        message.add_alternative(html, subtype="html", cte="8bit")
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{email.key}.part"
        with draft.open("wb") as file:
            file.write(bytes(message))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / f"{email.key}.eml")
