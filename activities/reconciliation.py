"""The step of reconciliation: what the bank says of our accounts against what we booked."""

from collections.abc import Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio import activity

from infra.database import transaction
from models.ledger import InternalPurpose
from models.reconciliation import Reconciled
from models.tables import calendars, ledger
from models.tables.bank_statements import account_key
from models.tables.reconciliation import Nostro, reconcile
from models.upkeep import RunStep

log = structlog.get_logger(__name__)


class ReconciliationSteps:
    """The step of reconciliation. `accounts` are our account numbers at the bank by currency."""

    def __init__(self, engine: AsyncEngine, accounts: Mapping[str, str], *, always_open: bool) -> None:
        self._engine = engine
        self._accounts = accounts
        self._always_open = always_open

    @activity.defn(name="reconciliation.reconcile")
    async def reconcile(self, step: RunStep) -> Reconciled:
        """Reconciles what is new in one transaction, and tells operations of new breaks. Run again it finds nothing
        new, and the letter is one."""
        async with transaction(self._engine) as session:
            nostros = {account_key(number): await self._nostro(session, cur) for cur, number in self._accounts.items()}
            done = await reconcile(session, nostros, step.at, step.run)
        if done.found:
            log.warning("reconciliation.breaks", found=done.found, open=done.open)
        return done

    async def _nostro(self, session: AsyncSession, currency: str) -> Nostro:
        return Nostro(
            account=account_key(self._accounts[currency]),
            currency=currency,
            ledger_account=await ledger.internal_account(session, InternalPurpose.NOSTRO, currency),
            hours=await calendars.open_hours(session, currency, always=self._always_open),
        )
