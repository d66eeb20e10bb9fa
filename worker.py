"""The durable side, put together: database, bank channel, mail, Temporal worker, outbox relay, bank inbox.

Run it as `python worker.py`. SIGTERM or SIGINT ends it: running steps get `AURUM_WORKER_DRAIN_SECONDS` to finish.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Interceptor, Worker

from activities.alerts import AlertSteps
from activities.audit import AuditSteps
from activities.auth import AuthSteps
from activities.bank import BankInbox
from activities.calendars import CalendarSteps
from activities.kyc import CheckSteps, KycDesk, LifeSteps, ReviewSteps
from activities.kyc.documents import DocumentSteps
from activities.ledger import LedgerSteps
from activities.notifications import NotificationSteps
from activities.payments import FundingSteps, PaymentDesk, ReleaseSteps, StandingOrderSteps
from activities.payments import SettlementSteps as PaymentSettlementSteps
from activities.reconciliation import ReconciliationSteps
from activities.sanctions import SanctionsSteps
from activities.side_proofs import SideProofSteps
from activities.statements import StatementSteps
from activities.transactions import TransactionSteps
from activities.upkeep import UpkeepSteps
from activities.wires import ApprovalSteps, ComplianceSteps, PaymentSteps, RecallSteps, SettlementSteps, WireDesk
from activities.wires.rescreening import RescreeningSteps
from infra import schedules, temporal
from infra.crypto import Keyring
from infra.database import connect
from infra.outbox import Dispatcher, relay
from infra.providers.bank import FolderChannel
from infra.providers.email import EmailProvider, FolderEmail, SendGridEmail
from infra.providers.quotes import open_quotes
from infra.providers.sanctions import Fetcher
from infra.providers.scan import ClamAV, NoScanner, Scanner
from infra.providers.store import open_statements, open_vault
from infra.settings import BankHours, EmailKind, ScannerKind, Settings, settings
from models.upkeep import UpkeepStep
from workflows.alerts import PriceAlertSweepWorkflow
from workflows.audit import AuditSealWorkflow
from workflows.auth import SessionCleanupWorkflow
from workflows.calendars import CalendarTopUpWorkflow
from workflows.kyc.documents import DocumentScanWorkflow, DocumentUpkeepWorkflow
from workflows.kyc.review import KycExpiryWorkflow, KycReviewWorkflow
from workflows.ledger import FlowRollupWorkflow, LedgerProofWorkflow, LedgerRollupWorkflow
from workflows.notifications import NotificationWorkflow
from workflows.payments import PaymentLateAnswerWorkflow, PaymentWorkflow, StandingOrderWorkflow
from workflows.recalls import WireRecallWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.sanctions import SanctionsRefreshWorkflow
from workflows.side_proofs import FlowProofWorkflow, ProcessProofWorkflow
from workflows.statements import AccountStatementWorkflow, MonthlyStatementsWorkflow, StatementsWorkflow
from workflows.transactions import ReversalWorkflow
from workflows.upkeep import DataCleanupWorkflow
from workflows.wires import WireLateAnswerWorkflow, WireWorkflow

log = structlog.get_logger("worker")

WORKFLOWS: Sequence[type] = (
    WireWorkflow,
    WireLateAnswerWorkflow,
    WireRecallWorkflow,
    ReconciliationWorkflow,
    KycReviewWorkflow,
    KycExpiryWorkflow,
    PaymentWorkflow,
    PaymentLateAnswerWorkflow,
    StandingOrderWorkflow,
    NotificationWorkflow,
    SessionCleanupWorkflow,
    AuditSealWorkflow,
    CalendarTopUpWorkflow,
    LedgerProofWorkflow,
    LedgerRollupWorkflow,
    FlowRollupWorkflow,
    ProcessProofWorkflow,
    FlowProofWorkflow,
    DataCleanupWorkflow,
    ReversalWorkflow,
    SanctionsRefreshWorkflow,
    DocumentScanWorkflow,
    DocumentUpkeepWorkflow,
    MonthlyStatementsWorkflow,
    StatementsWorkflow,
    AccountStatementWorkflow,
    PriceAlertSweepWorkflow,
)


@dataclass
class Parts:
    """What the durable side consists of, for a process or a test to run."""

    engine: AsyncEngine
    inbox: BankInbox
    activities: Sequence[Callable[..., Awaitable[Any]]]


def assemble(config: Settings, engine: AsyncEngine) -> Parts:
    """The parts that `config` describes, over `engine`."""
    channel = FolderChannel(config.bank_outbox, config.bank_inbox)
    desk = WireDesk.of(config, engine, channel)
    approval, payment, settlement = ApprovalSteps(desk), PaymentSteps(desk), SettlementSteps(desk)
    recalls, compliance = RecallSteps(desk), ComplianceSteps(desk)
    keyring = Keyring.of(config.field_keys, config.field_key_id)
    notifications = NotificationSteps(engine, _email(config), keyring)
    books = LedgerSteps(engine)
    aside = SideProofSteps(engine)
    matching = ReconciliationSteps(engine, config.nostro_accounts, always_open=config.bank_hours is BankHours.ALWAYS)
    lists = SanctionsSteps(engine, config.sanctions_sources, Fetcher(config.sanctions_dir))
    auditing = AuditSteps(engine, config.audit_anchor_file)
    papers = DocumentSteps(
        engine, open_vault(config), _scanner(config), retention_years=config.document_retention_years
    )
    return Parts(
        engine=engine,
        inbox=BankInbox(engine, channel),
        activities=(
            approval.screen,
            approval.route,
            approval.review,
            approval.conclude,
            compliance.review_case,
            payment.release,
            payment.send,
            settlement.apply_answers,
            settlement.note_silence,
            recalls.review,
            recalls.send,
            matching.reconcile,
            *_payment_steps(PaymentDesk.of(config, engine, channel)),
            notifications.send,
            *_reviews(KycDesk.of(config, engine)),
            AuthSteps(engine).clean_up_sessions,
            auditing.seal,
            auditing.anchor,
            books.prove,
            books.roll_up,
            CalendarSteps(engine).top_up,
            books.roll_up_flows,
            aside.prove_processes,
            aside.prove_flows,
            UpkeepSteps(engine).clean_up_data,
            TransactionSteps(engine).reverse,
            lists.sources,
            lists.refresh,
            lists.note_failure,
            RescreeningSteps(desk).rescreen,
            papers.scan,
            papers.destroy,
            papers.sweep,
            *_statements(StatementSteps(config, engine, open_statements(config))),
            AlertSteps(engine, *open_quotes(config, engine)).sweep,
        ),
    )


def _reviews(desk: KycDesk) -> Sequence[Callable[..., Awaitable[Any]]]:
    reviews, life = ReviewSteps(desk), LifeSteps(desk)
    return (CheckSteps(desk).check, reviews.review, reviews.conclude, life.open_due, life.rescreen)


def _payment_steps(desk: PaymentDesk) -> Sequence[Callable[..., Awaitable[Any]]]:
    funding, release, settlement = FundingSteps(desk), ReleaseSteps(desk), PaymentSettlementSteps(desk)
    return (
        funding.fund,
        funding.conclude,
        release.release,
        release.send,
        settlement.apply_answers,
        settlement.note_silence,
        StandingOrderSteps(desk).advance,
    )


def _statements(steps: StatementSteps) -> Sequence[Callable[..., Awaitable[Any]]]:
    return (steps.plan, steps.make_page, steps.make_one, steps.finish)


def _email(config: Settings) -> EmailProvider:
    if config.email_provider is EmailKind.FOLDER:
        return FolderEmail(config.mail_dir, config.mail_from)
    key = config.sendgrid_api_key.get_secret_value() if config.sendgrid_api_key else ""
    return SendGridEmail(key, sender=config.mail_from, url=config.sendgrid_url)


def _scanner(config: Settings) -> Scanner:
    return NoScanner() if config.scanner is ScannerKind.NONE else ClamAV(config.clamav_address)


def temporal_worker(client: Client, config: Settings, parts: Parts, interceptors: Sequence[Interceptor] = ()) -> Worker:
    """The Temporal worker over `parts`."""
    return temporal.build_worker(
        client, config, workflows=WORKFLOWS, activities=parts.activities, interceptors=interceptors
    )


async def _read_inbox(inbox: BankInbox, dispatcher: Dispatcher, seconds: float) -> None:
    while True:
        try:
            if await inbox.read_waiting():
                dispatcher.nudge()
        except Exception as error:  # noqa: BLE001 # the files are still there: the next look takes them
            log.warning("bank.inbox_failed", error=str(error), kind=type(error).__name__)
        await asyncio.sleep(seconds)


async def _keep_schedules(client: Client, task_queue: str) -> None:
    while True:
        try:
            return await schedules.reconcile(client, task_queue=task_queue)
        except RPCError as error:
            log.warning("schedules.not_reconciled", error=error.message)
            await asyncio.sleep(5)


async def _fill_calendars(engine: AsyncEngine) -> None:
    # Not left to the schedule: a bank that opens today needs to know today's holidays.
    while True:
        try:
            await CalendarSteps(engine).top_up(UpkeepStep(at=datetime.now(UTC)))
        except SQLAlchemyError as error:
            log.warning("calendars.not_filled", kind=type(error).__name__)
            await asyncio.sleep(5)
        else:
            return


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await stopped.wait()


async def run(
    config: Settings,
    *,
    interceptors: Sequence[Interceptor] = (),
    until: Callable[[], Awaitable[None]] = _until_stopped,
) -> None:
    """Runs the durable side until `until` returns."""
    engine = connect(
        config.database_worker_url.get_secret_value(),
        pool_size=config.database_pool_size,
        name="aurum-worker",
    )
    parts = assemble(config, engine)
    client = await temporal.connect_patiently(config)
    worker = temporal_worker(client, config, parts, interceptors)
    dispatcher = Dispatcher(engine, partial(temporal.connect, config), task_queue=config.task_queue)
    loops = [
        asyncio.create_task(relay(dispatcher, seconds=config.relay_seconds)),
        asyncio.create_task(_keep_schedules(client, config.task_queue)),
        asyncio.create_task(_fill_calendars(engine)),
        asyncio.create_task(_read_inbox(parts.inbox, dispatcher, config.bank_poll_seconds)),
    ]
    try:
        async with worker:
            log.info("worker.ready", task_queue=config.task_queue)
            if config.worker_ready_file is not None:
                config.worker_ready_file.touch()
            await until()
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await dispatcher.close()
        await engine.dispose()


def main() -> int:
    """The worker as a program."""
    asyncio.run(run(settings()))
    temporal.release_clients()
    return 0


if __name__ == "__main__":
    sys.exit(main())
