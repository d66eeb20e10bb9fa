"""The step of a reversal: the entry that takes a transfer back, or why there is none."""

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from models.reversals import ReversalStart, ReversalState
from models.tables.transactions import reversals


class TransactionSteps:
    """What is done to transactions after they were made."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="transactions.reverse")
    async def reverse(self, start: ReversalStart) -> ReversalState:
        """Carries out an approved reversal. Run again, it finds it done. Raises `LedgerFrozen`, to be tried again."""
        async with transaction(self._engine) as session:
            done = await reversals.carry_out(session, start.reversal_id)
        return ReversalState(reversal_id=done.id, status=done.status, refusal_code=done.refusal_code)
