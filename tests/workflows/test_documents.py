"""The processes of documents on a real server: every step once, and every step twice."""

from uuid import uuid4

from sqlalchemy import text

from infra.database import transaction
from infra.providers.store import open_vault
from models.kyc.documents import DocumentScan, ScanStatus
from models.tables.kyc import documents
from models.tables.outbox import enqueue
from tests.factories.documents import unsaved
from tests.workflows.conftest import Desk


async def test_a_document_is_scanned_when_it_has_come(desk: Desk) -> None:
    async with transaction(desk.engine) as session:
        document = await documents.add(session, unsaved(desk.people.customer))
        await enqueue(
            session,
            workflow="document-scan",
            workflow_id=f"document-scan/{document.id}",
            argument=DocumentScan(document_id=document.id).model_dump(mode="json"),
        )
    await desk.dispatch()
    found = await desk.client.get_workflow_handle(f"document-scan/{document.id}").result()
    assert found == ScanStatus.NOT_CONFIGURED
    assert await desk.count("kyc_documents WHERE scan_status = 'not_configured'") == 1


async def test_documents_are_looked_after_daily(desk: Desk) -> None:
    vault = open_vault(desk.settings)
    async with transaction(desk.engine) as session:
        await documents.add(session, unsaved(desk.people.customer))
        await session.execute(text("UPDATE users SET deleted_at = now() - interval '6 years'"))
    kept = await desk.client.execute_workflow(
        "document-upkeep", id=f"document-upkeep/{uuid4()}", task_queue=desk.settings.task_queue
    )
    # The second of two finds nothing left to destroy.
    assert kept["destroyed"] in {0, 1}
    assert await desk.count("kyc_documents WHERE key_sealed IS NULL") == 1
    assert [one async for one in vault.store.listed("kyc")] == []
