"""Reading the machine-readable zone of an identity document, for the review that compares it with the customer.

A PDF may carry the zone as text; that is read first. Of a photograph, a scan, and a PDF that has pictures alone, it is
what a program sees on the picture. A zone that it cannot read stays to the officer's eyes.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import BinaryIO, Final
from uuid import UUID

from infra.inspection.inspector import Inspector
from infra.providers.store import DocumentVault
from models.kyc.documents import MACHINE_READABLE_TYPES, ContentGone, ContentType, ContentUnreadable, DocumentRefused
from models.kyc.mrz import ReadZone, ZoneSource, find_mrz
from models.kyc.mrz_seen import find_mrz_seen
from models.kyc.zone import disagreement
from models.tables.kyc.documents import Document
from models.tables.users import User

Zones = dict[UUID, ReadZone | None]

# Pixels of the longest side of a picture: a letter of a passport that fills it has nine of them.
_SMALLEST: Final = 450
# Of one customer so many files are looked at for a picture of a zone, the newest: three documents, both sides. So a
# check ends in minutes, also where somebody has sent what takes long.
_MOST_LOOKED_AT: Final = 6


class MrzReader:
    """Reads zones of documents in the vault."""

    def __init__(self, vault: DocumentVault, inspector: Inspector) -> None:
        self._vault = vault
        self._inspector = inspector
        # One document at a time, whatever waits: a picture takes seconds and half a gigabyte.
        self._turn = asyncio.Lock()

    async def read_all(self, found: Sequence[Document]) -> Zones:
        """The zones of a customer's documents, which come oldest first.

        Raises `DocumentNotScanned` and `Unavailable`.
        """
        looked_at = {one.id for one in _with_zone(found)[-_MOST_LOOKED_AT:]}
        zones: Zones = {}
        for one in found:
            try:
                zones[one.id] = await self.read(one, pictures=one.id in looked_at)
            except (ContentGone, ContentUnreadable):
                # Operations have been told; for the officers it is a document that says nothing.
                zones[one.id] = None
        return zones

    async def read(self, document: Document, *, pictures: bool = True) -> ReadZone | None:
        """What the zone says; None for a document that has none, or none that can be read and is right. Without
        `pictures` it is only read as text.

        Raises `ContentGone`, `DocumentNotScanned`, `ContentUnreadable` and `Unavailable`.
        """
        if document.document_type not in MACHINE_READABLE_TYPES:
            return None
        today, is_pdf = datetime.now(UTC).date(), document.content_type == ContentType.PDF
        look = pictures and (is_pdf or max(document.width or 0, document.height or 0) >= _SMALLEST)
        if not (is_pdf or look):
            return None
        # The turn before the content, so that no files lie around which wait for it.
        async with self._turn:
            with await asyncio.to_thread(tempfile.TemporaryFile) as plain:
                async for piece in self._vault.content(document):
                    plain.write(piece)
                plain.flush()
                # Out of time or memory is a zone that is not read: an officer looks.
                with suppress(DocumentRefused):
                    if is_pdf and (zone := find_mrz(await self._inspector.text(plain), today)):
                        return ReadZone(zone=zone, source=ZoneSource.TEXT)
                    return await self._seen(plain, today) if look else None
        return None

    async def _seen(self, plain: BinaryIO, today: date) -> ReadZone | None:
        readings = await self._inspector.lines(plain)
        zone = next((zone for lines in readings if (zone := find_mrz_seen(lines, today))), None)
        if zone is None:
            return None
        return ReadZone(zone=zone, source=ZoneSource.PICTURE, reader=f"rapidocr {version('rapidocr')}")


def zone_fact(person: User, found: Sequence[Document], zones: Zones) -> tuple[str, list[str]]:
    """What the zones say of a customer, and where they say something else than the profile."""
    readable = _with_zone(found)
    read = [(one, known.zone) for one in readable if (known := zones.get(one.id)) is not None]
    if not read:
        return ("not_read" if readable else "absent"), []
    differing = [
        name
        for one, zone in read
        for name in disagreement(zone, person.first_name, person.last_name, person.date_of_birth, one.expires_at)
    ]
    return ("disagrees" if differing else "agrees"), sorted(set(differing))


def _with_zone(found: Sequence[Document]) -> list[Document]:
    return [one for one in found if one.document_type in MACHINE_READABLE_TYPES]


def told(found: Sequence[Document], zones: Zones) -> list[dict[str, str | None]]:
    """For officers: whose zone was read, where, and by what."""
    return [
        {"document": str(one.id), "document_type": one.document_type, "source": known.source, "reader": known.reader}
        for one in _with_zone(found)
        if (known := zones.get(one.id)) is not None
    ]
