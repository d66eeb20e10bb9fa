"""The processes of documents: one is scanned when it comes, all are looked after daily."""

from datetime import timedelta

from temporalio import workflow

from activities.kyc.documents import DocumentSteps
from models.kyc.documents import DocumentScan, ScanStatus
from models.upkeep import DocumentsDestroyed, DocumentsKept, DocumentsSwept, UpkeepStep
from workflows.policies import DATABASE, PROVIDER, SCAN_SECONDS, UPKEEP_SECONDS


@workflow.defn(name="document-scan")
class DocumentScanWorkflow:
    """Has a document scanned, however long the scanner is away: until then nobody reads it or decides on it."""

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Nothing waits here; the outbox starts and wakes every process alike."""

    @workflow.run
    async def run(self, start: DocumentScan) -> ScanStatus:
        found: ScanStatus = await workflow.execute_activity_method(
            DocumentSteps.scan,
            start,
            start_to_close_timeout=SCAN_SECONDS,
            retry_policy=PROVIDER,
            summary="Look for malicious content",
        )
        workflow.set_current_details(f"The scanner says: {found}.")
        return found


@workflow.defn(name="document-upkeep")
class DocumentUpkeepWorkflow:
    """Destroys contents whose time is over, and compares the store with the table."""

    @workflow.run
    async def run(self) -> DocumentsKept:
        step = UpkeepStep(at=workflow.now())
        destroyed: DocumentsDestroyed = await workflow.execute_activity_method(
            DocumentSteps.destroy,
            step,
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=DATABASE,
            summary="Destroy what is kept long enough",
        )
        swept: DocumentsSwept = await workflow.execute_activity_method(
            DocumentSteps.sweep,
            step,
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=timedelta(minutes=2),
            retry_policy=PROVIDER,
            summary="Compare the store with the table",
        )
        workflow.set_current_details(
            f"Destroyed {destroyed.destroyed} contents, took {swept.removed} objects out; {swept.missing} are missing."
        )
        return DocumentsKept(destroyed=destroyed.destroyed, removed=swept.removed, missing=swept.missing)
