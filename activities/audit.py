"""Sealing the audit log and keeping the head of its chain."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.audit_anchors import AnchorFile, AnchorsDamaged
from infra.database import transaction
from models.audit_chain import AnchorReport, Head, SealReport
from models.tables.audit_seals import BATCH, TRAILING, begin, head, seal_at, seal_next, settle

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
    async def seal(self) -> SealReport:
        """Seals the rows that have no seal yet, a batch in each transaction. One sealer works at a time; a second one
        leaves the rows to it."""
        async with transaction(self._engine) as session:
            run = await begin(session)
        sealed, above = 0, run.above
        for _ in range(BATCHES_A_CALL):
            async with transaction(self._engine) as session:
                links = await seal_next(session, above, trailing=self._trailing, batch=self._batch)
            if links is None:
                return SealReport(sealed=sealed)
            sealed += len(links)
            if len(links) < self._batch:
                async with transaction(self._engine) as session:
                    await settle(session, run)
                return SealReport(sealed=sealed)
            above = links[-1].audit_id
        return SealReport(sealed=sealed, more=True)

    @activity.defn(name="audit.anchor")
    async def anchor(self) -> AnchorReport:
        """Keeps the head of the chain outside the database, if a place for it is configured.

        A chain that does not go through the head that was kept last is reported and not kept: the older head is the
        evidence.
        """
        if self._anchors is None:
            return AnchorReport()
        try:
            kept = await asyncio.to_thread(self._anchors.read)
        except AnchorsDamaged as error:
            return AnchorReport(broken=str(error))
        async with transaction(self._engine) as session:
            last = await head(session)
            fitting = await seal_at(session, kept[-1].chain_seq) if kept else None
        if kept and (fitting is None or fitting.head.chain_hash != kept[-1].chain_hash):
            return AnchorReport(broken=_mismatch(kept[-1], gone=fitting is None))
        if last is not None:
            await asyncio.to_thread(self._anchors.keep, last.head)
        return AnchorReport(head=last.head if last else None)


def _mismatch(kept: Head, *, gone: bool) -> str:
    what = "is not there any more" if gone else "is not the one that was kept"
    return f"The seal {kept.chain_seq} of {kept.sealed_at.isoformat()} {what}"
