"""Sealing the audit log and keeping the head of its chain."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.audit_anchors import AnchorFile, keep_head
from infra.database import transaction
from models.audit_chain import AnchorReport, SealReport, SealRun
from models.tables.audit_seals import BATCH, TRAILING, begin, seal_next, settle

# One call is seconds, so that a worker that is stopped need not drain a backlog.
BATCHES_A_CALL: Final = 20


class AuditSteps:
    """The steps of the sealer. Each may be repeated: what is sealed stays sealed, what is kept stays kept."""

    def __init__(
        self, engine: AsyncEngine, anchors: Path | None, *, trailing: timedelta = TRAILING, batch: int = BATCH
    ) -> None:
        self._engine = engine
        self._anchors = AnchorFile(anchors) if anchors else None
        self._trailing = trailing
        self._batch = batch

    @activity.defn(name="audit.seal")
    async def seal(self, rest: SealRun | None) -> SealReport:
        """Seals the rows that have no seal yet, a batch in each transaction, or goes on with the `rest` of a pass.

        One sealer works at a time; a second one leaves the rows to it.
        """
        run = rest
        if run is None:
            async with transaction(self._engine) as session:
                run = await begin(session)
        sealed = 0
        for _ in range(BATCHES_A_CALL):
            async with transaction(self._engine) as session:
                links = await seal_next(session, run.reached, trailing=self._trailing, batch=self._batch)
            if links is None:
                return SealReport(sealed=sealed)
            sealed += len(links)
            if len(links) < self._batch:
                async with transaction(self._engine) as session:
                    await settle(session, run)
                return SealReport(sealed=sealed)
            run = run.model_copy(update={"reached": links[-1].audit_id})
        return SealReport(sealed=sealed, rest=run)

    @activity.defn(name="audit.anchor")
    async def anchor(self) -> AnchorReport:
        """Keeps the head of the chain outside the database, if a place for it is configured; see `keep_head`."""
        return AnchorReport() if self._anchors is None else await keep_head(self._engine, self._anchors)
