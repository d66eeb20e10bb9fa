"""Where the files of statements are kept: each sealed under a key of its own, under a random name, for good.

As with documents (`vault`), the key stands in the file's row, sealed with a field key. A file is small, so it is read
whole and compared with its hash before anything of it is handed out.
"""

import asyncio
import hashlib
import io
import secrets
from typing import Final
from uuid import UUID

import structlog

from infra.crypto import FieldContext, FieldUnreadable, Keyring
from infra.providers.store import sealing
from infra.providers.store.objects import ObjectMissing, ObjectStore
from models.statements import StatementUnreadable

log = structlog.get_logger(__name__)

PREFIX: Final = "statements"


class StatementVault:
    """Seals the files of statements into a store and opens them again."""

    def __init__(self, store: ObjectStore, keyring: Keyring) -> None:
        self.store: Final = store
        self._keyring = keyring

    @staticmethod
    def new_path(period: str) -> str:
        """A name for a new object of that month, which nobody guesses."""
        return f"{PREFIX}/{period}/{secrets.token_hex(32)}"

    async def keep(self, file_id: UUID, path: str, content: bytes) -> bytes:
        """Keeps `content` as that file's, under `path`. The sealed key. Raises `Unavailable`."""
        key, sealed = sealing.new_key(), io.BytesIO()
        await asyncio.to_thread(sealing.seal, io.BytesIO(content), sealed, key, _content_of(file_id))
        sealed.seek(0)
        await self.store.put(path, sealed)
        return self._keyring.seal(key, _key_of(file_id))

    async def content(self, file_id: UUID, path: str, key_sealed: bytes, content_hash: str) -> bytes:
        """What was kept. Raises `Unavailable`, and `StatementUnreadable` for what is missing or another content."""
        try:
            key = self._keyring.open(key_sealed, _key_of(file_id))
            pieces = [piece async for piece in sealing.opened(self.store.read(path), key, _content_of(file_id))]
        except (ObjectMissing, FieldUnreadable) as error:
            log.exception("statement.unreadable", file_id=str(file_id), kind=type(error).__name__)
            raise StatementUnreadable("This statement cannot be read; operations have to look") from error
        content = b"".join(pieces)
        if hashlib.sha256(content).hexdigest() != content_hash:
            log.error("statement.unreadable", file_id=str(file_id), kind="other content")
            raise StatementUnreadable("This statement is another one than was made; operations have to look")
        return content

    async def forget(self, path: str) -> None:
        """Takes an object out that no statement came of. Raises `Unavailable`."""
        await self.store.remove(path)


def _key_of(file_id: UUID) -> FieldContext:
    return FieldContext("statement_files", "key_sealed", file_id)


def _content_of(file_id: UUID) -> bytes:
    return FieldContext("statement_files", "content", file_id).encoded()
