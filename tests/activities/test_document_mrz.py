"""The zone of a passport is read from what is kept of an upload, in a process of its own, and held against the profile;
officers are told how it was read."""

import os
import random
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from activities.kyc import CheckSteps, KycDesk
from activities.kyc.mrz import MrzReader
from infra.crypto import Keyring
from infra.database import transaction
from infra.inspection.inspector import Inspector
from infra.providers.store import DocumentVault, FolderStore
from infra.settings import BankHours, Settings
from models.kyc.documents import DocumentNotScanned, ScanStatus
from models.kyc.mrz import MrzFormat, ZoneSource, find_mrz
from models.kyc.process import KycStep
from models.tables.kyc import documents
from models.tables.kyc.documents import Document
from tests.factories import kyc as make
from tests.factories import specimens
from tests.factories import uploads as files
from tests.factories.documents import unsaved
from tests.factories.specimens import Shot
from tests.models.test_mrz import TD1, TD3, TODAY


@pytest.fixture
def vault(tmp_path: Path) -> DocumentVault:
    return DocumentVault(FolderStore(tmp_path), Keyring({"k": os.urandom(32)}, "k"))


async def kept(vault: DocumentVault, content: bytes, **changes: Any) -> Document:
    """A document as an upload leaves it."""
    with tempfile.TemporaryFile() as upload:
        upload.write(content)
        upload.flush()
        async with Inspector(1).rewritten(upload) as (found, rewritten):
            values = found.model_dump() | {"user_id": UUID(int=1), "scan_status": ScanStatus.CLEAN} | changes
            document = unsaved(**values)
            document.key_sealed = await vault.keep(document.id, document.file_path, BytesIO(rewritten.read()))
    return document


async def test_the_zone_of_a_passport_is_read(vault: DocumentVault) -> None:
    document = await kept(vault, files.pdf_with_text("PASSPORT", *TD3.splitlines()))
    found = await MrzReader(vault, Inspector(1)).read(document)
    assert found is not None
    assert (found.source, found.reader) == (ZoneSource.TEXT, None)
    assert (found.zone.number, found.zone.surname) == ("L898902C3", "ERIKSSON")


async def test_the_zone_on_a_sheet_that_was_scanned_is_read(vault: DocumentVault) -> None:
    document = await kept(vault, specimens.scanned_pdf(TD3.splitlines()))
    found = await MrzReader(vault, Inspector(1)).read(document)
    assert found is not None
    assert found.zone == find_mrz(TD3, TODAY)
    assert (found.source, found.reader) == (ZoneSource.PICTURE, f"rapidocr {version('rapidocr')}")


async def test_a_document_of_another_kind_or_without_a_zone_has_none(vault: DocumentVault) -> None:
    reader = MrzReader(vault, Inspector(1))
    zone = files.pdf_with_text(*TD3.splitlines())
    for content, kind in ((files.jpeg(), "passport"), (zone, "proof_of_address")):
        assert await reader.read(await kept(vault, content, document_type=kind)) is None


async def test_a_picture_that_takes_too_long_or_is_not_looked_at_is_a_zone_that_is_not_read(
    vault: DocumentVault,
) -> None:
    document = await kept(vault, files.jpeg())
    assert await MrzReader(vault, Inspector(1, 0.0)).read(document) is None
    # Nobody looks: a process that would be started has no time.
    assert await MrzReader(vault, Inspector(1)).read(document, pictures=False) is None
    assert await MrzReader(vault, Inspector(1)).read(await kept(vault, files.png_of(300, 200))) is None


async def test_of_many_documents_the_newest_are_looked_at_and_one_that_is_gone_says_nothing(
    vault: DocumentVault,
) -> None:
    card = await kept(vault, specimens.jpeg(TD1.splitlines(), Shot(turn=270, quality=40)))
    gone = [unsaved(UUID(int=1), id=uuid7(), key_sealed=None, scan_status=ScanStatus.CLEAN) for _ in range(6)]
    reader = MrzReader(vault, Inspector(1))
    assert set((await reader.read_all([card, *gone])).values()) == {None}
    found = (await reader.read_all([*gone, card]))[card.id]
    assert found is not None
    assert found.zone == find_mrz(TD1, TODAY)


async def test_nothing_is_read_that_the_scanner_has_not_passed(vault: DocumentVault) -> None:
    document = await kept(vault, files.pdf_with_text(*TD3.splitlines()), scan_status=ScanStatus.PENDING)
    with pytest.raises(DocumentNotScanned):
        await MrzReader(vault, Inspector(1)).read(document)


async def handed_in(
    vault: DocumentVault, engines: dict[str, AsyncEngine], lines: list[str], content: bytes, **profile: str
) -> tuple[Any, str]:
    """What the checks say of a customer whose profile is as the zone says, or otherwise; and the document's id."""
    zone = find_mrz("\n".join(lines), TODAY)
    assert zone is not None
    await make.staff(engines["owner"])
    said: dict[str, Any] = {
        "first_name": zone.given_names,
        "last_name": zone.surname,
        "date_of_birth": zone.birth_date,
    } | profile
    customer = await make.applicant(engines["owner"], **said)
    document = await kept(
        vault, content, user_id=customer, scan_status=ScanStatus.PENDING, country="NL", expires_at=zone.expires_at
    )
    async with transaction(engines["owner"]) as session:
        document_id = (await documents.add(session, document)).id
        await documents.record_scan(session, document_id, ScanStatus.CLEAN)
    desk = KycDesk.of(Settings(_env_file=None, bank_hours=BankHours.ALWAYS), engines["worker"])
    checks = CheckSteps(replace(desk, zones=MrzReader(vault, Inspector(1))))
    case = await make.submitted(engines["api"], customer)
    for _ in range(2):
        # As a step may, it runs twice.
        await checks.check(KycStep(case_id=case.id, at=datetime.now(UTC)))
    async with transaction(engines["owner"]) as session:
        rows = await session.execute(
            text("SELECT findings, factors FROM kyc_assessments WHERE case_id = :id"), {"id": case.id}
        )
        return rows.one(), str(document_id)


@pytest.fixture
def engines(owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine) -> dict[str, AsyncEngine]:
    return {"owner": owner_engine, "api": api_engine, "worker": worker_engine}


async def test_a_zone_on_a_photograph_is_held_against_the_profile_and_officers_are_told_what_read_it(
    vault: DocumentVault, engines: dict[str, AsyncEngine]
) -> None:
    lines = specimens.zone(random.Random(47), MrzFormat.TD3)
    shot = Shot(table=True, angle=-4, shade=0.3, quality=60)
    found, document = await handed_in(vault, engines, lines, specimens.jpeg(lines, shot))
    reader = f"rapidocr {version('rapidocr')}"
    assert found.findings["zones"] == [
        {"document": document, "document_type": "passport", "source": "picture", "reader": reader}
    ]
    assert found.findings["zone_says_otherwise"] == []
    assert {"agrees"} == {one["value"] for one in found.factors if one["factor"] == "machine_readable_zone"}


async def test_a_zone_of_somebody_else_weighs_on_the_rating(
    vault: DocumentVault, engines: dict[str, AsyncEngine]
) -> None:
    lines = specimens.zone(random.Random(48), MrzFormat.TD3)
    found, document = await handed_in(vault, engines, lines, files.pdf_with_text(*lines), last_name="Newcomer")
    assert found.findings["zones"] == [
        {"document": document, "document_type": "passport", "source": "text", "reader": None}
    ]
    assert found.findings["zone_says_otherwise"] == ["surname"]
    assert {"disagrees"} == {one["value"] for one in found.factors if one["factor"] == "machine_readable_zone"}
