"""What people are shown of a document, and how an officer is given its content."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Final
from uuid import UUID

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api import audit
from api.parts import parts_of
from models.kyc.documents import SUFFIXES, ContentType, DocumentStatus, DocumentType, ScanStatus
from models.tables.kyc.documents import Document

# Nothing of it acts, whatever it is and however a browser is told to show it; `api.protection` adds the rest.
_INERT: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


class DocumentView(BaseModel):
    """A document as its customer sees it. `sha256` is that of the file as it was sent."""

    id: UUID
    document_type: DocumentType
    status: DocumentStatus
    scan_status: ScanStatus
    content_type: ContentType
    size: int = Field(examples=[418_204], description="Bytes, as it is kept.")
    pages: int = Field(examples=[1])
    sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    country: str | None = Field(examples=["NL"])
    expires_at: date | None
    reason_code: str | None = Field(examples=["unreadable"])
    reason: str | None
    created_at: datetime


def document_view(document: Document) -> DocumentView:
    """What its customer is shown of a document: not who decided, nor where it lies."""
    assert document.created_at is not None
    return DocumentView(
        id=document.id,
        document_type=DocumentType(document.document_type),
        status=DocumentStatus(document.verification_status),
        scan_status=ScanStatus(document.scan_status),
        content_type=ContentType(document.content_type),
        size=document.size_bytes,
        pages=document.pages,
        sha256=document.upload_hash,
        country=document.country,
        expires_at=document.expires_at,
        reason_code=document.reason_code,
        reason=document.reason,
        created_at=document.created_at,
    )


async def document_content(request: Request, document: Document) -> StreamingResponse:
    """The content of a document that the caller may see, to be saved and never to be shown by a browser in our name.

    For an operation marked `audit.disclosing`; this adds what was read. Raises `ContentGone`, `DocumentNotScanned`,
    `ContentUnreadable` and `Unavailable` before an answer begins. One that breaks off later ends in the middle, short
    of the length it announced, so nobody takes it for the whole.
    """
    audit.note(request, "document", document.id, new={"read": document.document_type, "user_id": document.user_id})
    pieces = parts_of(request.scope).uploads.vault.content(document)
    first = await anext(pieces)
    suffix = SUFFIXES[ContentType(document.content_type)]
    headers = {
        **_INERT,
        "Content-Disposition": f'attachment; filename="{document.document_type}-{document.id}.{suffix}"',
        "Content-Length": str(document.size_bytes),
    }
    return StreamingResponse(_from(first, pieces), headers=headers, media_type=document.content_type)


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
