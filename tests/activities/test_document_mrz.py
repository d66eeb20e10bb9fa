"""The zone of a passport is read from what is kept of an upload, in a process of its own."""

import os
import tempfile
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest

from activities.kyc.mrz import MrzReader
from infra.crypto import Keyring
from infra.inspection.inspector import Inspector
from infra.providers.store import DocumentVault, FolderStore
from models.kyc.documents import DocumentNotScanned, ScanStatus
from models.tables.kyc.documents import Document
from tests.factories import uploads as files
from tests.factories.documents import unsaved
from tests.models.test_mrz import TD3


@pytest.fixture
def vault(tmp_path: Path) -> DocumentVault:
    return DocumentVault(FolderStore(tmp_path), Keyring({"k": os.urandom(32)}, "k"))


async def kept(vault: DocumentVault, content: bytes, **changes: str) -> Document:
    """A document as an upload leaves it."""
    with tempfile.TemporaryFile() as upload:
        upload.write(content)
        upload.flush()
        async with Inspector(1).rewritten(upload) as (found, rewritten):
            values = found.model_dump() | {"scan_status": ScanStatus.CLEAN} | changes
            document = unsaved(UUID(int=1), **values)
            document.key_sealed = await vault.keep(document.id, document.file_path, BytesIO(rewritten.read()))
    return document


async def test_the_zone_of_a_passport_is_read(vault: DocumentVault) -> None:
    document = await kept(vault, files.pdf_with_text("PASSPORT", *TD3.splitlines()))
    found = await MrzReader(vault, Inspector(1)).read(document)
    assert found is not None
    assert (found.number, found.surname) == ("L898902C3", "ERIKSSON")


async def test_a_document_without_a_zone_or_text_or_of_another_kind_has_none(vault: DocumentVault) -> None:
    reader = MrzReader(vault, Inspector(1))
    zone = files.pdf_with_text(*TD3.splitlines())
    for content, kind in ((files.pdf(), "passport"), (files.jpeg(), "passport"), (zone, "proof_of_address")):
        assert await reader.read(await kept(vault, content, document_type=kind)) is None


async def test_nothing_is_read_that_the_scanner_has_not_passed(vault: DocumentVault) -> None:
    document = await kept(vault, files.pdf_with_text(*TD3.splitlines()), scan_status=ScanStatus.PENDING)
    with pytest.raises(DocumentNotScanned):
        await MrzReader(vault, Inspector(1)).read(document)
