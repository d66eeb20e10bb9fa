"""Documents of customers as rows, for tests that need no content."""

import os
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.kyc.documents import ScanStatus
from models.tables.kyc import documents
from models.tables.kyc.documents import Document


def unsaved(user_id: UUID, **changes: Any) -> Document:
    """A passport of that customer, unlike any other document."""
    made = sha256(os.urandom(8)).hexdigest()
    values: dict[str, Any] = {
        "document_type": "passport",
        "file_path": f"kyc/{made}",
        "file_hash": made,
        "upload_hash": made[::-1],
        "content_type": "image/jpeg",
        "size_bytes": 1000,
        "pages": 1,
        "width": 1200,
        "height": 800,
        "key_sealed": b"sealed elsewhere",
    }
    return Document(user_id=user_id, **(values | changes))


async def document(
    owner: AsyncEngine, user_id: UUID, *, scan: ScanStatus | None = ScanStatus.CLEAN, **changes: Any
) -> UUID:
    """A document of that customer that the scanner has looked at, or with `scan=None` not yet. Its id."""
    async with transaction(owner) as session:
        added = await documents.add(session, unsaved(user_id, **changes))
        if scan is not None:
            await documents.record_scan(session, added.id, scan)
    return added.id
