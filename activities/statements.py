"""Making monthly statements: read, set, stored, kept, and told once.

A statement is read in one transaction, set and stored without one, and kept in another, in which the database proves
it (`app.guard_statement`). The objects come first: a statement without its files would be worse than objects without
a statement, and those are taken out when the month's run ends (`finish`).
"""

import asyncio
import hashlib
from datetime import timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity
from uuid_utils.compat import uuid7

from activities.heartbeats import heartbeats
from infra import statements as setting
from infra.database import transaction
from infra.providers.store import StatementVault
from infra.settings import Settings
from models.audit import Outcome
from models.errors import AurumError, RuleRefused, Unavailable
from models.statements import (
    AccountRun,
    MonthlyStatement,
    StatementForm,
    StatementPage,
    StatementPages,
    StatementPlan,
    StatementsMade,
    StatementSweep,
    corrected,
    letter,
)
from models.tables import monthly_statements as table
from models.tables.audit import AuditEntry, append
from models.tables.monthly_statements import StatementFile, StoredStatement
from models.tables.notifications import tell, tell_operations
from models.upkeep import DocumentsSwept

log = structlog.get_logger(__name__)

# A page takes seconds, so that a worker that dies loses seconds.
CUSTOMERS_OF_A_PAGE: Final = 25
PAGES_OF_A_PLAN: Final = 8
# An object is written before its row is committed.
GRACE: Final = timedelta(hours=1)
_COMPARED_AT_ONCE: Final = 500


class StatementSteps:
    """The steps of statements."""

    def __init__(self, config: Settings, engine: AsyncEngine, vault: StatementVault) -> None:
        self._config = config
        self._engine = engine
        self._vault = vault

    @activity.defn(name="statements.plan")
    async def plan(self, plan: StatementPlan) -> StatementPages:
        """The next pages of customers who had an account in that month."""
        most = CUSTOMERS_OF_A_PAGE * PAGES_OF_A_PLAN
        async with transaction(self._engine) as session:
            found = await table.customers_after(session, plan.period, plan.after, most)
        parts = [found[start : start + CUSTOMERS_OF_A_PAGE] for start in range(0, len(found), CUSTOMERS_OF_A_PAGE)]
        return StatementPages(
            pages=tuple(StatementPage(period=plan.period, first=part[0], last=part[-1]) for part in parts)
        )

    @activity.defn(name="statements.make_page")
    async def make_page(self, page: StatementPage) -> StatementsMade:
        """Makes the statements of a page of customers, and tells each of them once.

        Safe to repeat: what was made stays. One that cannot be made keeps no other from being made. Raises
        `Unavailable`.
        """
        async with transaction(self._engine) as session:
            accounts = await table.accounts_of(session, page.period, page.first, page.last)
        made = StatementsMade()
        async with heartbeats():
            for customer, owned in groupby(accounts, key=lambda pair: pair[0]):
                runs = [AccountRun(period=page.period, account_id=account_id) for _, account_id in owned]
                of_customer = StatementsMade()
                for run in runs:
                    of_customer = of_customer.and_(await self._tried(run))
                if of_customer.statements:
                    await self._tell(page.period, customer)
                made = made.and_(of_customer)
        return made

    @activity.defn(name="statements.make_one")
    async def make_one(self, run: AccountRun) -> StatementsMade:
        """Makes the statement of one account and month, and another version of it where there is a reason and it says
        something else now. Tells the customer. Raises `NotFound`, `RuleRefused` and `Unavailable`."""
        stored = await self.made(run)
        if stored is None:
            return StatementsMade(empty=1)
        await self._tell(run.period, stored.user_id)
        return StatementsMade(statements=1)

    @activity.defn(name="statements.finish")
    async def finish(self, sweep: StatementSweep) -> DocumentsSwept:
        """Ends a month's run: tells operations of what failed, and takes out objects that no statement names."""
        if sweep.made.failed:
            async with transaction(self._engine) as session:
                await tell_operations(
                    session,
                    key=f"statements-failed/{sweep.run}",
                    event="statements_failed",
                    subject=f"{sweep.made.failed} statements of {sweep.period} could not be made",
                    body="The worker's log names their accounts (statement.failed). When the cause is mended, run"
                    f" monthly-statements again for {sweep.period}: what was made stays as it is.\n",
                )
        removed, waiting = 0, list[str]()
        async for found in self._vault.store.listed(f"statements/{sweep.period}"):
            if found.modified_at < sweep.at - GRACE:
                waiting.append(found.key)
            if len(waiting) == _COMPARED_AT_ONCE:
                removed, waiting = removed + await self._taken_out(sweep.period, waiting), []
                activity.heartbeat(removed)
        return DocumentsSwept(removed=removed + await self._taken_out(sweep.period, waiting))

    async def made(self, run: AccountRun) -> StoredStatement | None:
        """The statement that counts for an account and a month, made if need be; None if there is nothing to tell."""
        async with transaction(self._engine) as session:
            stored = await table.newest(session, run.account_id, run.period)
            if stored is not None and not run.reason:
                return stored
            said = await table.read(
                session,
                run.account_id,
                run.period,
                bank_name=self._config.bank_name,
                bank_bic=self._config.bank_bic,
            )
            before = await table.files_of(session, stored.id) if stored else {}
        if stored is None:
            return await self._kept(said) if said.worth_sending else None
        same = said.model_copy(update={"version": stored.version, "reason": stored.reason})
        contents = await setting.files(same)
        if all(_hash(contents[form]) == file.content_hash for form, file in before.items()):
            return stored
        if stored.reason == run.reason:
            raise RuleRefused("Another version needs a reason of its own")
        return await self._kept(said.model_copy(update={"version": stored.version + 1, "reason": run.reason}))

    async def _kept(self, said: MonthlyStatement) -> StoredStatement | None:
        contents = await setting.files(said)
        files = await asyncio.gather(*(self._put(said.period, form, content) for form, content in contents.items()))
        account = said.frame.holder.account_id
        async with transaction(self._engine) as session:
            statement_id = await table.add(session, said, files)
            stored = await table.newest(session, account, said.period)
            if statement_id is not None and stored is not None:
                await append(session, _line(stored, contents))
                if stored.version > 1:
                    told = corrected(said.period, stored.version, self._link(said.period))
                    await tell(
                        session,
                        user_id=stored.user_id,
                        key=f"statement/{stored.id}",
                        event="statement_corrected",
                        subject=told.subject,
                        body=told.body,
                    )
        if statement_id is None:
            for file in files:
                await self._vault.forget(file.file_path)
        return stored

    async def _put(self, period: str, form: StatementForm, content: bytes) -> StatementFile:
        file_id, path = uuid7(), self._vault.new_path(period)
        return StatementFile(
            id=file_id,
            form=form,
            content_hash=_hash(content),
            size_bytes=len(content),
            file_path=path,
            key_sealed=await self._vault.keep(file_id, path, content),
        )

    async def _tried(self, run: AccountRun) -> StatementsMade:
        try:
            stored = await self.made(run)
        except (Unavailable, OperationalError, OSError):
            raise
        except (AurumError, DBAPIError, RuntimeError) as error:
            reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
            log.error(  # noqa: TRY400 - a thousand of them would be a thousand stack traces of one place
                "statement.failed",
                account_id=str(run.account_id),
                period=run.period,
                kind=type(error).__name__,
                reason=reason,
            )
            return StatementsMade(failed=1)
        return StatementsMade(empty=1) if stored is None else StatementsMade(statements=1)

    async def _tell(self, period: str, customer: UUID) -> None:
        told = letter(period, self._link(period))
        async with transaction(self._engine) as session:
            await tell(
                session,
                user_id=customer,
                key=f"statements/{period}/{customer}",
                event="statements_ready",
                subject=told.subject,
                body=told.body,
            )

    def _link(self, period: str) -> str:
        return f"{self._config.public_url}/api/v1/reports/statements?period={period}"

    async def _taken_out(self, period: str, paths: list[str]) -> int:
        async with transaction(self._engine) as session:
            orphans = sorted(set(paths) - await table.kept_paths(session, period, paths))
        for path in orphans:
            await self._vault.forget(path)
        return len(orphans)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _line(stored: StoredStatement, contents: dict[StatementForm, bytes]) -> AuditEntry:
    hashes = {f"{form}_sha256": _hash(content) for form, content in contents.items()}
    return AuditEntry(
        user_id=None,
        actor_role="process",
        action="statements.make",
        resource_type="statement",
        resource_id=str(stored.id),
        new_values={
            "account_id": str(stored.account_id),
            "period": stored.period,
            "version": stored.version,
            "reason": stored.reason,
            **hashes,
        },
        outcome=Outcome.DONE,
    )
