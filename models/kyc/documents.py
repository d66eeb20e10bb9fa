"""Documents that customers prove themselves with: what they may be, and what can become of them.

    pending ─► verified ─► superseded
       │           └► rejected
       └► rejected, withdrawn

Beside that stands what the scanner for malicious content said. A document that has not passed it is neither served to
anybody nor decided on, except to reject it (OWASP ASVS 5.4.3). An expired document is one whose last day is over; that
is a matter of the calendar and no state of its own.
"""

from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import Conflict, RuleRefused, Unavailable

# Bytes of a file, exactly (contract §6).
MOST_BYTES: Final = 10 * 1024 * 1024
# Undecided ones of one customer (OWASP ASVS 5.2.4); a complete set of all types, both sides, is 16.
MOST_UNDECIDED: Final = 20
# Of the 64 bits of a picture's hash, so many may differ in pictures that look the same. Two pictures that have nothing
# to do with each other differ in about 32.
SAME_PICTURE_BITS: Final = 4


class DocumentType(StrEnum):
    """What a document is (contract §6, reference/banking.md §6.11)."""

    PASSPORT = "passport"
    NATIONAL_ID = "national_id"
    DRIVING_LICENCE = "driving_licence"
    RESIDENCE_PERMIT = "residence_permit"
    PROOF_OF_ADDRESS = "proof_of_address"
    TAX_FORM = "tax_form"
    SOURCE_OF_FUNDS = "source_of_funds"
    SOURCE_OF_WEALTH = "source_of_wealth"


# Documents that say who somebody is, have a last day, and come from a country.
IDENTITY_TYPES: Final = frozenset(
    {
        DocumentType.PASSPORT,
        DocumentType.NATIONAL_ID,
        DocumentType.DRIVING_LICENCE,
        DocumentType.RESIDENCE_PERMIT,
    }
)
# Those of them that ICAO 9303 gives a machine-readable zone.
MACHINE_READABLE_TYPES: Final = IDENTITY_TYPES - {DocumentType.DRIVING_LICENCE}


class DocumentStatus(StrEnum):
    """Where a document stands with the desk."""

    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


# Those that count for a review; the others are history.
CURRENT: Final = frozenset({DocumentStatus.PENDING, DocumentStatus.VERIFIED})


class ScanStatus(StrEnum):
    """What the scanner said. `failed`: it could not read the file. `not_configured`: this bank has no scanner, and
    whoever decides is told so; production refuses to run like that."""

    PENDING = "pending"
    CLEAN = "clean"
    INFECTED = "infected"
    FAILED = "failed"
    NOT_CONFIGURED = "not_configured"


SCAN_PASSED: Final = frozenset({ScanStatus.CLEAN, ScanStatus.NOT_CONFIGURED})


class ContentType(StrEnum):
    """What a document's content is, whatever its name says."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"


SUFFIXES: Final = {ContentType.PDF: "pdf", ContentType.PNG: "png", ContentType.JPEG: "jpg"}


class Inspected(BaseModel):
    """What is known of a file once it was looked into and written anew. `picture_hash` is signed, as PostgreSQL's
    bigint is; None for a page without a picture of its own, such as an empty one."""

    model_config = ConfigDict(frozen=True)

    content_type: ContentType
    size_bytes: int
    pages: int
    width: int | None = None
    height: int | None = None
    file_hash: str
    upload_hash: str
    picture_hash: int | None = None


class DocumentScan(BaseModel):
    """What the scan of a document is started with: an id, which says nothing of anybody."""

    model_config = ConfigDict(frozen=True)

    document_id: UUID


class Likeness(StrEnum):
    """How two documents are the same: the file as it came, the content as it is kept, or the look of the first page."""

    FILE = "file"
    CONTENT = "content"
    PICTURE = "picture"


class Duplicate(BaseModel):
    """A document that is the same as another one. `distance`: bits in which the pictures differ; 0 for one file."""

    model_config = ConfigDict(frozen=True)

    document_id: UUID
    user_id: UUID
    document_type: DocumentType
    likeness: Likeness
    distance: int


class DocumentRefused(RuleRefused):
    """The file is one that this bank does not take; `reason` says in a word why."""

    code = "document_refused"
    title = "Document refused"


class DocumentExpired(RuleRefused):
    """The document's last day is over."""

    code = "document_expired"
    title = "Document has expired"


class TooManyDocuments(RuleRefused):
    """As many documents of this customer wait as one may have."""

    code = "too_many_documents"
    title = "Too many documents wait"


class DocumentKnown(Conflict):
    """The customer has uploaded this very file for this purpose before. `document_id` is that document."""

    code = "document_known"
    title = "Already uploaded"


class DocumentNotScanned(Conflict):
    """The scanner has not passed the document (yet): nobody reads it or verifies it."""

    code = "document_not_scanned"
    title = "Not scanned yet"


class ContentGone(Conflict):
    """The content was destroyed: withdrawn by the customer, or its time was over."""

    code = "content_gone"
    title = "Content was destroyed"


class ContentUnreadable(Unavailable):
    """The object is missing or damaged. The row stands, and operations have to look."""

    code = "content_unreadable"
    title = "Content cannot be read"


def check_expiry(document_type: DocumentType, expires_at: date | None, today: date) -> None:
    """Raises `DocumentExpired` for a document whose last day is before `today`."""
    if expires_at is not None and expires_at < today:
        raise DocumentExpired(f"this {document_type} was valid until {expires_at:%Y-%m-%d}")
