"""The daily clean-up of data that nothing reads any more (contract §11, `data-cleanup`).

What an auditor may ask for is not among it: entries, audit lines, wires, notifications and proofs of the ledger stay.
Sign-in data is taken out hourly by `activities/auth.py`.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import TextClause
from temporalio import activity

from infra.database import transaction
from infra.providers.quotes.answers import UNKNOWN
from models.limits import MONTH
from models.realtime import EVENTS_KEPT
from models.upkeep import DataRemoved, UpkeepStep

BATCH: Final = 1000
# The longest window is 30 days; a day more, so that no clock's difference opens a limit.
USES_KEPT: Final = MONTH + timedelta(days=1)
# The contract promises 24 hours (§1). A week lets a client come back after a long weekend.
ANSWERS_KEPT: Final = timedelta(days=7)
# Hourly and daily results of proofs beside the books, whose findings operations were told of.
PROOFS_KEPT: Final = timedelta(days=90)

# What a source has told is told on with a flag while the source is away (reference/brokerage.md §2): for a month after
# it was fresh. That a symbol does not exist, and that somebody asked and heard nothing, is worth nothing afterwards.
MARKET_ANSWERS_KEPT: Final = timedelta(days=30)

# Without a lock on the rows, which asks for the right to change them. Two who run at once wait for each other.
_USES: Final = text("DELETE FROM limit_uses WHERE id IN (SELECT id FROM limit_uses WHERE at < :before LIMIT :batch)")
_ANSWERS: Final = text(
    "DELETE FROM idempotency_keys WHERE (user_id, key) IN"
    " (SELECT user_id, key FROM idempotency_keys WHERE created_at < :before LIMIT :batch)"
)
_EVENTS: Final = text(
    "DELETE FROM live_events WHERE id IN (SELECT id FROM live_events WHERE at < :before LIMIT :batch)"
)
_PROOFS: Final = text(
    "DELETE FROM side_proofs WHERE id IN (SELECT id FROM side_proofs WHERE at < :before LIMIT :batch)"
)
_MARKET_ANSWERS: Final = text(
    "DELETE FROM market_answers WHERE key IN (SELECT key FROM market_answers WHERE fresh_until < :before LIMIT :batch)"
)
_NO_ANSWERS: Final = text(
    "DELETE FROM market_answers WHERE key IN (SELECT key FROM market_answers WHERE"
    " coalesce(asking_until, '-infinity') < :before AND (answer IS NULL OR fresh_until < :before"
    " AND answer = CAST(:unknown AS jsonb)) LIMIT :batch)"
)


class UpkeepSteps:
    """The clean-up of data."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="upkeep.clean_up_data")
    async def clean_up_data(self, step: UpkeepStep) -> DataRemoved:
        """Takes out what is older, at `step.at`, than anything reads it. Safe to repeat: what is gone is gone."""
        return DataRemoved(
            limit_uses=await self._all(_USES, step.at - USES_KEPT),
            answers=await self._all(_ANSWERS, step.at - ANSWERS_KEPT),
            proofs=await self._all(_PROOFS, step.at - PROOFS_KEPT),
            market_answers=await self._all(_MARKET_ANSWERS, step.at - MARKET_ANSWERS_KEPT)
            + await self._all(_NO_ANSWERS, step.at, unknown=orjson.dumps(UNKNOWN).decode()),
            events=await self._all(_EVENTS, step.at - EVENTS_KEPT),
        )

    async def _all(self, statement: TextClause, before: datetime, **more: str) -> int:
        removed = 0
        while True:
            async with transaction(self._engine) as session:
                result: CursorResult[Any] = await session.execute(statement, {"before": before, "batch": BATCH, **more})  # type: ignore[assignment] # a DELETE gives a cursor
                taken = result.rowcount
            removed += taken
            activity.heartbeat(removed)
            if taken < BATCH:
                return removed
