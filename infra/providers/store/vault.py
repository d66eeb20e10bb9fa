"""Where the content of customers' documents is kept: sealed before it leaves us, each under a key of its own.

The key is sealed with a field key (`infra.crypto`) and stands in the document's row, so field keys are rotated without
touching an object, and a content is destroyed by taking one row's key out. The object's name is random and says
nothing. What an object holds, and whose it is, is known to the database alone.
"""

import asyncio
import hashlib
import secrets
import tempfile
from collections.abc import AsyncIterator
from typing import BinaryIO, Final
from uuid import UUID

import structlog

from infra.crypto import FieldContext, FieldUnreadable, Keyring
from infra.providers.store import sealing
from infra.providers.store.folder import FolderStore
from infra.providers.store.objects import ObjectMissing, ObjectStore
from infra.providers.store.s3 import S3Store
from infra.providers.store.statements import StatementVault
from infra.settings import Settings, StoreKind
from models.kyc.documents import ContentUnreadable
from models.tables.kyc.documents import Document

log = structlog.get_logger(__name__)

PREFIX: Final = "kyc"


class DocumentVault:
    """Seals contents into a store and opens them again."""

    def __init__(self, store: ObjectStore, keyring: Keyring) -> None:
        self.store: Final = store
        self._keyring = keyring

    @staticmethod
    def new_path() -> str:
        """A name for a new object, which nobody guesses."""
        return f"{PREFIX}/{secrets.token_hex(32)}"

    async def keep(self, document_id: UUID, path: str, content: BinaryIO) -> bytes:
        """Keeps what is left of `content` as that document's, under `path`. The sealed key. Raises `Unavailable`."""
        key = sealing.new_key()
        # Without a name: whatever happens to this process, it is gone.
        with await asyncio.to_thread(tempfile.TemporaryFile) as sealed:
            await asyncio.to_thread(sealing.seal, content, sealed, key, _content_of(document_id))
            sealed.seek(0)
            await self.store.put(path, sealed)
        return self._keyring.seal(key, _key_of(document_id))

    async def content(self, document: Document, *, unscanned: bool = False) -> AsyncIterator[bytes]:
        """The content, in pieces. Whoever gets the last piece without an error has had what was uploaded, unchanged.

        Raises `ContentGone`, `DocumentNotScanned` (unless `unscanned`: for the scanner), `Unavailable`, and
        `ContentUnreadable` for an object that is missing or damaged.
        """
        document.check_readable(unscanned=unscanned)
        assert document.key_sealed is not None
        whole = hashlib.sha256()
        try:
            key = self._keyring.open(document.key_sealed, _key_of(document.id))
            async for piece in sealing.opened(self.store.read(document.file_path), key, _content_of(document.id)):
                whole.update(piece)
                yield piece
            intact = whole.hexdigest() == document.file_hash
        except (ObjectMissing, FieldUnreadable) as error:
            log.exception("document.unreadable", document_id=str(document.id), kind=type(error).__name__)
            raise ContentUnreadable("The content of this document cannot be read; operations have to look") from error
        if not intact:
            log.error("document.unreadable", document_id=str(document.id), kind="other content")
            raise ContentUnreadable("The content of this document is another one; operations have to look")

    async def forget(self, file_path: str) -> None:
        """Takes an object out of the store. Raises `Unavailable`."""
        await self.store.remove(file_path)


def open_vault(settings: Settings) -> DocumentVault:
    """The vault that `settings` describe. Connects to nothing yet."""
    return DocumentVault(_store(settings), Keyring.of(settings.field_keys, settings.field_key_id))


def open_statements(settings: Settings) -> StatementVault:
    """The vault of statements that `settings` describe, in the same store. Connects to nothing yet."""
    return StatementVault(_store(settings), Keyring.of(settings.field_keys, settings.field_key_id))


def _store(settings: Settings) -> ObjectStore:
    if settings.store_provider is StoreKind.FOLDER:
        return FolderStore(settings.store_dir)
    return S3Store(
        settings.s3_bucket,
        region=settings.s3_region,
        endpoint_url=settings.s3_endpoint_url,
        kms_key=settings.s3_kms_key,
    )


def _key_of(document_id: UUID) -> FieldContext:
    return FieldContext("kyc_documents", "key_sealed", document_id)


def _content_of(document_id: UUID) -> bytes:
    return FieldContext("kyc_documents", "content", document_id).encoded()
