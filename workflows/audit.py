"""The sealer of the audit log, run every minute by its schedule."""

from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.audit import AuditSteps
from models.audit_chain import SealReport
from workflows.policies import DATABASE, DATABASE_SECONDS

# A backlog beyond this many calls is left to the next run, so that no run's history grows long.
_CALLS: Final = 50


@workflow.defn(name="audit-seal")
class AuditSealWorkflow:
    """Seals what was written to the audit log since the last run, and keeps the chain's head outside the database.

    Fails with `audit_chain_broken` when the chain does not go through the head that was kept last. It seals all the
    same: what is written after a break can still be proven.
    """

    @workflow.run
    async def run(self) -> SealReport:
        report, sealed = SealReport(sealed=0), 0
        for _ in range(_CALLS):
            report = await workflow.execute_local_activity_method(
                AuditSteps.seal,
                report.rest,
                start_to_close_timeout=DATABASE_SECONDS,
                retry_policy=DATABASE,
                summary="Seal the rows that have no seal",
            )
            sealed += report.sealed
            if report.rest is None:
                break
        anchored = await workflow.execute_local_activity_method(
            AuditSteps.anchor,
            start_to_close_timeout=DATABASE_SECONDS,
            retry_policy=DATABASE,
            summary="Keep the head of the chain",
        )
        head = anchored.head.chain_seq if anchored.head else "not kept"
        workflow.set_current_details(f"Sealed {sealed} rows; head {head}. {anchored.broken or ''}")
        if anchored.broken:
            raise ApplicationError(anchored.broken, type="audit_chain_broken", non_retryable=True)
        return SealReport(sealed=sealed, rest=report.rest)
