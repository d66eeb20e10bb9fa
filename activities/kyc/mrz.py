"""Reading the machine-readable zone of an identity document, for the review that compares it with the customer.

Read is the text that a PDF carries. A photograph or a scan has none, and stays to the officer's eyes.
"""

import asyncio
import tempfile
from datetime import UTC, datetime

from infra.inspection.inspector import Inspector
from infra.providers.store import DocumentVault
from models.kyc.documents import MACHINE_READABLE_TYPES, ContentType, DocumentRefused
from models.kyc.mrz import Mrz, find_mrz
from models.tables.kyc.documents import Document


class MrzReader:
    """Reads zones of documents in the vault."""

    def __init__(self, vault: DocumentVault, inspector: Inspector) -> None:
        self._vault = vault
        self._inspector = inspector

    async def read(self, document: Document) -> Mrz | None:
        """What the zone says; None for a document that has none, or none that can be read and is right.

        Raises `ContentGone`, `DocumentNotScanned`, `ContentUnreadable` and `Unavailable`.
        """
        if document.document_type not in MACHINE_READABLE_TYPES or document.content_type != ContentType.PDF:
            return None
        with await asyncio.to_thread(tempfile.TemporaryFile) as plain:
            async for piece in self._vault.content(document):
                plain.write(piece)
            plain.flush()
            try:
                text = await self._inspector.text(plain)
            except DocumentRefused:
                return None
        return find_mrz(text, datetime.now(UTC).date())
