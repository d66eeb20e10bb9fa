"""What happens to documents by themselves: each step done once or again is the same, and nothing young is touched."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment
from uuid_utils.compat import uuid7

from activities.kyc.documents import DocumentSteps
from infra.crypto import Keyring
from infra.database import transaction
from infra.field_rotation import rotate
from infra.providers.scan import ClamAV, NoScanner, Scanner
from infra.providers.store import DocumentVault, FolderStore
from models.errors import Unavailable
from models.kyc.documents import ContentUnreadable, DocumentScan, ScanStatus
from models.tables.kyc import documents
from models.tables.kyc.documents import Document
from models.upkeep import UpkeepStep
from tests.factories.clamd import EICAR, Clamd, clamd
from tests.factories.documents import unsaved
from tests.factories.stores import keys, whole
from tests.factories.users import Person, add_customer

NOW = datetime.now(UTC)


@dataclass
class House:
    """A customer, a vault, and the steps."""

    owner: AsyncEngine
    worker: AsyncEngine
    vault: DocumentVault
    scanner: Scanner
    folder: Path
    clara: Person

    @property
    def steps(self) -> DocumentSteps:
        """The steps, in batches of two."""
        return DocumentSteps(self.worker, self.vault, self.scanner, retention_years=5, batch=2)

    async def uploaded(self, content: bytes = b"a passport", **changes: Any) -> Document:
        """A document with its content in the vault."""
        document = unsaved(self.clara.id, file_hash=hashlib.sha256(content).hexdigest(), **changes)
        document.file_path = self.vault.new_path()
        document.key_sealed = await self.vault.keep(document.id, document.file_path, BytesIO(content))
        async with transaction(self.owner) as session:
            await documents.add(session, document)
        return document

    async def now(self, document_id: UUID) -> Document:
        """The document as it is."""
        async with transaction(self.owner) as session:
            return await documents.find(session, document_id)

    async def scan(self, document: Document) -> ScanStatus:
        """Has it scanned, twice, as after a crash."""
        first = await self.steps.scan(DocumentScan(document_id=document.id))
        assert await self.steps.scan(DocumentScan(document_id=document.id)) == first
        return first

    async def swept(self, at: datetime = NOW + timedelta(days=1)) -> tuple[int, int]:
        """How many objects were taken out and how many are missing, at a moment."""
        done = await ActivityEnvironment().run(self.steps.sweep, UpkeepStep(at=at))
        return done.removed, done.missing

    async def destroyed(self, at: datetime) -> int:
        """How many contents were destroyed at a moment."""
        return (await ActivityEnvironment().run(self.steps.destroy, UpkeepStep(at=at))).destroyed

    async def lines(self, action: str) -> int:
        """How many lines of the audit log say so."""
        async with transaction(self.owner) as session:
            counted = text("SELECT count(*) FROM audit_logs WHERE action = :action")
            return int((await session.execute(counted, {"action": action})).scalar_one())

    async def by_sql(self, statement: str, **values: Any) -> None:
        """Does something as the owner of the schema."""
        async with transaction(self.owner) as session:
            await session.execute(text(statement), values)


@pytest.fixture
async def daemon() -> AsyncIterator[Clamd]:
    async with clamd() as running:
        yield running


@pytest.fixture
async def house(owner_engine: AsyncEngine, worker_engine: AsyncEngine, daemon: Clamd, tmp_path: Path) -> House:
    vault = DocumentVault(FolderStore(tmp_path), Keyring({"old": os.urandom(32), "new": os.urandom(32)}, "old"))
    clara = await add_customer(owner_engine)
    return House(owner_engine, worker_engine, vault, ClamAV(daemon.address), tmp_path, clara)


async def test_a_clean_document_passes_and_the_scanner_saw_what_is_kept(house: House, daemon: Clamd) -> None:
    document = await house.uploaded()
    assert await house.scan(document) is ScanStatus.CLEAN
    assert daemon.seen == [b"a passport"]
    scanned = await house.now(document.id)
    assert (scanned.scan_status, scanned.verification_status) == ("clean", "pending")
    assert await house.lines("kyc.scan_document") == 1


async def test_an_infected_document_is_rejected_with_its_name(house: House) -> None:
    document = await house.uploaded(EICAR)
    assert await house.scan(document) is ScanStatus.INFECTED
    found = await house.now(document.id)
    assert (found.verification_status, found.reason_code) == ("rejected", "infected")
    assert found.scan_detail == "Eicar-Test-Signature"


async def test_while_the_scanner_is_away_nothing_is_said_of_the_document(house: House) -> None:
    document = await house.uploaded()
    house.scanner = ClamAV("127.0.0.1:9")
    with pytest.raises(Unavailable):
        await house.steps.scan(DocumentScan(document_id=document.id))
    assert (await house.now(document.id)).scan_status == "pending"


async def test_a_document_whose_object_is_gone_is_not_said_to_be_clean(house: House) -> None:
    document = await house.uploaded()
    await house.vault.forget(document.file_path)
    with pytest.raises(ContentUnreadable):
        await house.steps.scan(DocumentScan(document_id=document.id))
    assert (await house.now(document.id)).scan_status == "pending"


async def test_without_a_scanner_a_document_says_that_nobody_looked(house: House) -> None:
    house.scanner = NoScanner()
    document = await house.uploaded()
    assert await house.scan(document) is ScanStatus.NOT_CONFIGURED
    (await house.now(document.id)).check_readable()


async def test_a_document_that_was_taken_back_before_it_was_scanned_stays_as_it_is(house: House) -> None:
    document = await house.uploaded()
    async with transaction(house.owner) as session:
        await documents.withdraw(session, document.id, house.clara.id)
    assert await house.scan(document) is ScanStatus.PENDING


async def test_two_who_scan_at_once_write_one_line(house: House) -> None:
    document = await house.uploaded()
    found = await asyncio.gather(*(house.steps.scan(DocumentScan(document_id=document.id)) for _ in range(4)))
    assert set(found) == {ScanStatus.CLEAN}
    assert await house.lines("kyc.scan_document") == 1


async def _superseded(house: House, years: int, days: int) -> Document:
    old, new = await house.uploaded(), await house.uploaded()
    for one in (old, new):
        await house.scan(one)
    async with transaction(house.worker) as session:
        await documents.verify(session, old.id, None)
        await documents.supersede(session, old.id, new.id)
    await house.by_sql(
        "UPDATE kyc_documents SET superseded_at = CAST(:now AS timestamptz)"
        " - make_interval(years => :years, days => :days) WHERE id = :id",
        id=old.id,
        now=NOW,
        years=years,
        days=days,
    )
    return old


async def test_a_content_is_destroyed_five_years_after_a_newer_one_took_its_place(house: House) -> None:
    old, young = await _superseded(house, 5, 1), await _superseded(house, 5, -1)
    assert [await house.destroyed(NOW) for _ in range(2)] == [1, 0]
    gone = await house.now(old.id)
    assert gone.key_sealed is None
    assert gone.content_destroyed_at is not None
    # What is known of it stays.
    assert (gone.file_hash, gone.upload_hash, gone.verified_at) == (old.file_hash, old.upload_hash, gone.verified_at)
    assert (await house.now(young.id)).key_sealed is not None
    assert await house.lines("kyc.destroy_document") == 1
    assert old.file_path in await keys(house.vault.store)
    assert await house.swept() == (1, 0)
    assert old.file_path not in await keys(house.vault.store)


async def test_all_contents_of_a_customer_are_destroyed_five_years_after_they_left(house: House) -> None:
    for _ in range(5):
        await house.uploaded()
    await house.by_sql("UPDATE users SET deleted_at = CAST(:now AS timestamptz) - interval '4 years'", now=NOW)
    assert await house.destroyed(NOW) == 0
    assert await house.destroyed(NOW + timedelta(days=400)) == 5
    assert await house.swept(NOW + timedelta(days=400)) == (5, 0)
    assert await keys(house.vault.store) == []


async def test_an_object_of_nobody_goes_and_a_young_one_stays(house: House) -> None:
    kept = [(await house.uploaded()).file_path for _ in range(5)]
    for _ in range(5):
        await house.vault.keep(uuid7(), house.vault.new_path(), BytesIO(b"nobody's"))
    (house.folder / "kyc" / "unfinished-x.part").write_bytes(b"half")
    assert await house.swept(NOW + timedelta(minutes=30)) == (0, 0)
    assert len(await keys(house.vault.store)) == 11
    assert [await house.swept() for _ in range(2)] == [(6, 0), (0, 0)]
    assert sorted(await keys(house.vault.store)) == sorted(kept)


async def test_a_document_that_was_taken_back_loses_its_object(house: House) -> None:
    document = await house.uploaded()
    async with transaction(house.owner) as session:
        await documents.withdraw(session, document.id, house.clara.id)
    assert await house.swept() == (1, 0)


async def test_a_row_without_its_object_is_told_and_stays(house: House, caplog: pytest.LogCaptureFixture) -> None:
    lost = [await house.uploaded() for _ in range(3)]
    await house.uploaded()
    for one in lost:
        await house.vault.forget(one.file_path)
    assert await house.swept(NOW + timedelta(minutes=30)) == (0, 0)
    assert await house.swept() == (0, 3)
    assert (await house.now(lost[0].id)).key_sealed is not None


async def test_field_keys_rotate_under_the_documents_without_touching_an_object(house: House) -> None:
    document = await house.uploaded()
    before = {path: path.read_bytes() for path in house.folder.rglob("*") if path.is_file()}
    keyring = house.vault._keyring
    keyring.current = "new"  # type: ignore[misc] # as a process has it that was started with the new key
    assert all(done.complete for done in await rotate(house.owner, keyring))
    rotated = await house.now(document.id)
    assert rotated.key_sealed != document.key_sealed
    assert await whole(house.vault.content(rotated, unscanned=True)) == b"a passport"
    assert {path: path.read_bytes() for path in house.folder.rglob("*") if path.is_file()} == before
