"""The table of customers' documents: what a review asks of it, and what is decided about each.

Their content is in the object store (`infra.providers.store`); `file_path` and `key_sealed` are the way to it. Every
change starts with `locked`, so that of two people who decide at the same moment the second sees what was decided; the
database refuses the rest (`app.guard_kyc_document`).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, LargeBinary, Text, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col
from uuid_utils.compat import uuid7

from models.errors import FourEyes, NotFound, WrongState
from models.kyc.documents import (
    CURRENT,
    MOST_UNDECIDED,
    SAME_PICTURE_BITS,
    SCAN_PASSED,
    ContentGone,
    DocumentKnown,
    DocumentNotScanned,
    DocumentStatus,
    Duplicate,
    ScanStatus,
    TooManyDocuments,
)
from models.tables.users import lock_user

_MOMENT: Final = DateTime(timezone=True)


class Document(SQLModel, table=True):
    """One document. What was uploaded never changes; `key_sealed` is None once its content was destroyed."""

    __tablename__ = "kyc_documents"
    # `updated_at` is the database's: read back with each change.
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    document_type: str
    file_path: str
    file_hash: str
    upload_hash: str
    picture_hash: int | None = Field(default=None, sa_type=BigInteger)
    content_type: str
    size_bytes: int
    pages: int
    width: int | None = None
    height: int | None = None
    country: str | None = None
    expires_at: date | None = None
    key_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    scan_status: str = Field(default=ScanStatus.PENDING, sa_type=Text)
    scan_detail: str = ""
    scanned_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    verification_status: str = Field(default=DocumentStatus.PENDING, sa_type=Text)
    verified_by: UUID | None = None
    verified_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    reason_code: str | None = None
    reason: str | None = None
    superseded_by: UUID | None = None
    superseded_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    created_at: datetime | None = Field(default=None, sa_type=_MOMENT, sa_column_kwargs={"server_default": func.now()})
    updated_at: datetime | None = Field(
        default=None,
        sa_type=_MOMENT,
        sa_column_kwargs={"server_default": func.now(), "server_onupdate": FetchedValue()},
    )
    deleted_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    content_destroyed_at: datetime | None = Field(default=None, sa_type=_MOMENT)

    def check_readable(self, *, unscanned: bool = False) -> None:
        """Raises `ContentGone`, and `DocumentNotScanned` where the scanner has not passed it, unless `unscanned`."""
        if self.key_sealed is None:
            raise ContentGone("the content of this document was destroyed")
        if not unscanned and self.scan_status not in SCAN_PASSED:
            raise DocumentNotScanned(f"the scan of this document is {self.scan_status}", scan_status=self.scan_status)


async def add(session: AsyncSession, document: Document) -> Document:
    """Adds an upload. Raises `DocumentKnown` and `TooManyDocuments`, also where two of one customer come at once."""
    await lock_user(session, document.user_id)
    await check_room(session, document.user_id, document.document_type, document.upload_hash)
    session.add(document)
    await session.flush()
    return document


async def check_room(session: AsyncSession, user_id: UUID, document_type: str, upload_hash: str) -> None:
    """Raises `DocumentKnown` and `TooManyDocuments` for a file that `add` would refuse as things are now."""
    waiting = await of_customer(session, user_id)
    for other in waiting:
        if (other.document_type, other.upload_hash) == (document_type, upload_hash):
            raise DocumentKnown("you have uploaded this file already", document_id=str(other.id))
    if sum(other.verification_status == DocumentStatus.PENDING for other in waiting) >= MOST_UNDECIDED:
        raise TooManyDocuments(f"{MOST_UNDECIDED} documents of yours wait to be looked at; withdraw one of them first")


async def of_customer(session: AsyncSession, user_id: UUID, *, history: bool = False) -> Sequence[Document]:
    """The documents of a customer, oldest first: those that count now, with `history` all of them."""
    statement = select(Document).where(col(Document.user_id) == user_id).order_by(col(Document.id))
    if not history:
        statement = statement.where(col(Document.verification_status).in_(CURRENT))
    return (await session.execute(statement)).scalars().all()


async def find(session: AsyncSession, document_id: UUID, user_id: UUID | None = None) -> Document:
    """The document, if it can be seen and is that customer's where one is named. Raises `NotFound`."""
    statement = select(Document).where(col(Document.id) == document_id)
    if user_id is not None:
        statement = statement.where(col(Document.user_id) == user_id)
    document = (await session.execute(statement)).scalar_one_or_none()
    if document is None:
        raise NotFound("there is no such document")
    return document


async def locked(session: AsyncSession, document_id: UUID) -> Document:
    """The document, its row locked until the transaction ends. Raises `NotFound`."""
    statement = (
        select(Document)
        .where(col(Document.id) == document_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    document = (await session.execute(statement)).scalar_one_or_none()
    if document is None:
        raise NotFound("there is no such document")
    return document


_DUPLICATES: Final = text(
    "SELECT d.id AS document_id, d.user_id, d.document_type,"
    " CASE WHEN d.upload_hash = o.upload_hash THEN 'file' WHEN d.file_hash = o.file_hash THEN 'content'"
    "      ELSE 'picture' END AS likeness,"
    " CASE WHEN d.upload_hash = o.upload_hash OR d.file_hash = o.file_hash THEN 0"
    "      ELSE bit_count(CAST(d.picture_hash # o.picture_hash AS bit(64))) END AS distance"
    " FROM kyc_documents o JOIN kyc_documents d ON d.user_id <> o.user_id"
    "  AND (d.upload_hash = o.upload_hash OR d.file_hash = o.file_hash"
    "       OR bit_count(CAST(d.picture_hash # o.picture_hash AS bit(64))) <= :bits)"
    " WHERE o.id = :document_id ORDER BY distance, d.id LIMIT :most"
)


async def duplicates(session: AsyncSession, document_id: UUID, *, most: int = 50) -> list[Duplicate]:
    """Documents of other customers that are the same as this one, or look the same: the nearest first.

    The same file at two customers is a finding. The same look is a reason for a person to look: two passports of one
    country resemble each other. It compares with every picture there is: for a process, not while somebody waits.
    Sees what the transaction may see: all in the worker and for officers, nothing for a customer.
    """
    values = {"document_id": document_id, "bits": SAME_PICTURE_BITS, "most": most}
    rows = (await session.execute(_DUPLICATES, values)).mappings()
    return [Duplicate.model_validate(dict(row)) for row in rows]


async def verify(
    session: AsyncSession,
    document_id: UUID,
    officer: UUID | None,
    *,
    expires_at: date | None = None,
    country: str | None = None,
) -> Document:
    """An officer, or None for the process by its rules, accepts the document, with what they read in it.

    Raises `NotFound`, `FourEyes` (their own), `WrongState` (decided before), `ContentGone` and `DocumentNotScanned`.
    """
    document = await _to_decide(session, document_id, officer)
    if document.verification_status != DocumentStatus.PENDING:
        raise WrongState(f"the document is {document.verification_status}; only one that is pending can be verified")
    document.check_readable()
    document.expires_at = expires_at or document.expires_at
    document.country = country or document.country
    return await _decided(session, document, DocumentStatus.VERIFIED, officer)


async def reject(
    session: AsyncSession, document_id: UUID, officer: UUID | None, *, reason_code: str, reason: str = ""
) -> Document:
    """An officer, or None for the process by its rules, refuses the document, or takes back that it was verified.

    Raises `NotFound`, `FourEyes` (their own) and `WrongState`.
    """
    document = await _to_decide(session, document_id, officer)
    if document.verification_status not in CURRENT:
        raise WrongState(f"the document is {document.verification_status}; nothing is left to reject")
    document.reason_code, document.reason = reason_code, reason
    return await _decided(session, document, DocumentStatus.REJECTED, officer)


async def supersede(session: AsyncSession, document_id: UUID, by: UUID) -> Document:
    """A newer document `by` of the same customer takes the place of a verified one, whose retention begins.

    Raises `NotFound`, `WrongState`.
    """
    document, newer = await locked(session, document_id), await find(session, by)
    if document.verification_status != DocumentStatus.VERIFIED or newer.user_id != document.user_id:
        raise WrongState("only a verified document is superseded, and by one of the same customer")
    document.verification_status = DocumentStatus.SUPERSEDED
    document.superseded_by, document.superseded_at = by, datetime.now(UTC)
    await session.flush()
    return document


async def withdraw(session: AsyncSession, document_id: UUID, customer: UUID) -> Document:
    """The customer takes back a document that nobody has decided on. Its content is destroyed with this transaction.

    Raises `NotFound` (another's too) and `WrongState`.
    """
    document = await find(session, document_id, customer)
    if document.verification_status == DocumentStatus.PENDING:
        document = await locked(session, document_id)
    if document.verification_status != DocumentStatus.PENDING:
        raise WrongState(f"the document is {document.verification_status}; only an undecided one can be withdrawn")
    document.verification_status = DocumentStatus.WITHDRAWN
    document.deleted_at = document.content_destroyed_at = datetime.now(UTC)
    document.key_sealed = None
    await session.flush()
    return document


async def record_scan(session: AsyncSession, document_id: UUID, status: ScanStatus, detail: str = "") -> Document:
    """What the scanner said; an infected document is rejected with it, if nobody did before. Raises `NotFound`."""
    document = await locked(session, document_id)
    document.scan_status, document.scan_detail, document.scanned_at = status, detail[:200], datetime.now(UTC)
    if status is ScanStatus.INFECTED and document.verification_status in CURRENT:
        document.reason_code = ScanStatus.INFECTED.value
        document.reason = "The file carries malicious content"
        return await _decided(session, document, DocumentStatus.REJECTED, None)
    await session.flush()
    return document


async def _to_decide(session: AsyncSession, document_id: UUID, officer: UUID | None) -> Document:
    document = await find(session, document_id)
    if officer is not None and document.user_id == officer:
        raise FourEyes("nobody decides on a document of their own")
    return await locked(session, document_id)


async def _decided(session: AsyncSession, document: Document, status: DocumentStatus, officer: UUID | None) -> Document:
    document.verification_status = status
    document.verified_by, document.verified_at = officer, datetime.now(UTC)
    await session.flush()
    return document
