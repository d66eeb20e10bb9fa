"""What happens to a document by itself: it is scanned, and one day its content is destroyed.

A content is destroyed by taking its key out of the row, in a transaction with an audit line; the object, which nobody
can read from then on, goes with the next sweep. The sweep walks the store and the table side by side, both in the
order of the objects' names, so it needs no memory of either: an object without a living row is taken out, and a row
without its object is something that operations have to look into.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from infra.providers.scan import Scanner
from infra.providers.store import DocumentVault, StoredObject
from models.audit import Outcome
from models.kyc.documents import DocumentScan, ScanStatus
from models.tables.audit import AuditEntry, append
from models.tables.kyc import documents, retention
from models.tables.kyc.retention import LivingObject
from models.upkeep import DocumentsDestroyed, DocumentsSwept, UpkeepStep

log = structlog.get_logger(__name__)
T = TypeVar("T")

BATCH: Final = 200
# An object is written before its row is committed, and an upload takes no longer than minutes.
GRACE: Final = timedelta(hours=1)


class DocumentSteps:
    """The steps of documents."""

    def __init__(
        self, engine: AsyncEngine, vault: DocumentVault, scanner: Scanner, *, retention_years: int, batch: int = BATCH
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._scanner = scanner
        self._retention_years = retention_years
        self._batch = batch

    @activity.defn(name="kyc.scan_document")
    async def scan(self, start: DocumentScan) -> ScanStatus:
        """Has a document scanned and keeps what was found. Says what was found before where it was scanned before.

        Raises `Unavailable` while the scanner or the store does not answer.
        """
        async with transaction(self._engine) as session:
            document = await documents.find(session, start.document_id)
        if document.scanned_at is not None or document.key_sealed is None:
            return ScanStatus(document.scan_status)
        verdict = await self._scanner.scan(self._vault.content(document, unscanned=True))
        async with transaction(self._engine) as session:
            scanned = await documents.locked(session, start.document_id)
            if scanned.scanned_at is not None:
                return ScanStatus(scanned.scan_status)
            await documents.record_scan(session, start.document_id, verdict.status, verdict.detail)
            await append(session, _line("kyc.scan_document", str(document.id), scan_status=verdict.status))
        return verdict.status

    @activity.defn(name="kyc.destroy_documents")
    async def destroy(self, step: UpkeepStep) -> DocumentsDestroyed:
        """Destroys the content of each document whose retention is over at `step.at`. Safe to repeat."""
        destroyed = 0
        while True:
            async with transaction(self._engine) as session:
                due = await retention.destroy_due(session, at=step.at, years=self._retention_years, most=self._batch)
                for document_id in due:
                    await append(session, _line("kyc.destroy_document", str(document_id), reason="retention"))
            destroyed += len(due)
            activity.heartbeat(destroyed)
            if len(due) < self._batch:
                return DocumentsDestroyed(destroyed=destroyed)

    @activity.defn(name="kyc.sweep_documents")
    async def sweep(self, step: UpkeepStep) -> DocumentsSwept:
        """Compares store and table. Objects that no living row names are taken out, rows without object are told.

        Neither when it is younger than `GRACE` at `step.at`. Raises `Unavailable`; safe to repeat.
        """
        young = step.at - GRACE
        removed = missing = compared = 0
        lying, living = self._vault.store.listed("kyc"), self._living()
        found, known = await _next(lying), await _next(living)
        while found is not None or known is not None:
            if known is None or (found is not None and found.key < known.file_path):
                assert found is not None
                removed += await self._taken_out(found, young)
                found = await _next(lying)
            elif found is None or found.key > known.file_path:
                missing += _told_missing(known, young)
                known = await _next(living)
            else:
                found, known = await _next(lying), await _next(living)
            compared += 1
            if compared % self._batch == 0:
                activity.heartbeat(compared)
        return DocumentsSwept(removed=removed, missing=missing)

    async def _taken_out(self, found: StoredObject, young: datetime) -> bool:
        if found.modified_at >= young:
            return False
        # Its upload may have ended since the rows of this place were read.
        async with transaction(self._engine) as session:
            if await retention.is_living(session, found.key):
                return False
        await self._vault.forget(found.key)
        return True

    async def _living(self) -> AsyncIterator[LivingObject]:
        after = ""
        while True:
            async with transaction(self._engine) as session:
                batch = await retention.living_objects(session, after=after, most=self._batch)
            for one in batch:
                yield one
            if len(batch) < self._batch:
                return
            after = batch[-1].file_path


def _told_missing(known: LivingObject, young: datetime) -> bool:
    if known.created_at >= young:
        return False
    log.error("document.object_missing", document_id=str(known.document_id))
    return True


async def _next(items: AsyncIterator[T]) -> T | None:
    return await anext(items, None)


def _line(action: str, document_id: str, **values: str) -> AuditEntry:
    return AuditEntry(
        user_id=None,
        actor_role="process",
        action=action,
        resource_type="document",
        resource_id=document_id,
        new_values=dict(values),
        outcome=Outcome.DONE,
    )
