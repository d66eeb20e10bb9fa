"""The steps of the ledger's own processes: its proof, and the checkpoints of the bank's own accounts."""

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from infra.database import transaction
from models.ledger_proof import Proof, ProofStep
from models.tables import ledger, ledger_proofs
from models.tables.transactions.insights import roll_up as roll_up_flows
from models.upkeep import RolledUp

log = structlog.get_logger(__name__)

# The proof is one statement, which may take long over many postings and says nothing meanwhile.
HEARTBEAT_SECONDS: Final = 10
# A transaction is some tens of milliseconds, a call seconds.
ROLLED_LINES: Final = 5_000
BATCHES_A_CALL: Final = 20


class LedgerSteps:
    """The steps of the ledger's own processes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="ledger.prove")
    async def prove(self, step: ProofStep) -> Proof:
        """Proves the ledger, keeps what was found and suspends posting on a breach. Run again, it gives what it found
        the first time."""
        proving = asyncio.create_task(self._prove(step))
        try:
            while not (await asyncio.wait({proving}, timeout=HEARTBEAT_SECONDS))[0]:
                activity.heartbeat()
        finally:
            proving.cancel()
        proof = await proving
        if not proof.holds:
            log.error("ledger.breach", proof=str(proof.id), breaches=proof.breach_count)
        return proof

    async def _prove(self, step: ProofStep) -> Proof:
        async with transaction(self._engine) as session:
            return await ledger_proofs.prove(session, step.at, run=step.run)

    @activity.defn(name="ledger.roll_up_flows")
    async def roll_up_flows(self) -> RolledUp:
        """Rolls up what customers' postings moved by day and category, a batch in each transaction, as `roll_up`."""
        rolled = 0
        for _ in range(BATCHES_A_CALL):
            async with transaction(self._engine) as session:
                taken = await roll_up_flows(session, ROLLED_LINES)
            rolled += taken
            if not taken:
                return RolledUp(lines=rolled)
        return RolledUp(lines=rolled, more=True)

    @activity.defn(name="ledger.roll_up")
    async def roll_up(self) -> RolledUp:
        """Moves what was booked on the bank's own accounts into their checkpoints, a batch in each transaction. One
        roll-up works at a time; a second one leaves the rest to it."""
        rolled = 0
        for _ in range(BATCHES_A_CALL):
            async with transaction(self._engine) as session:
                taken = await ledger.roll_up(session, ROLLED_LINES)
            rolled += taken
            if taken < ROLLED_LINES:
                return RolledUp(lines=rolled)
        return RolledUp(lines=rolled, more=True)
