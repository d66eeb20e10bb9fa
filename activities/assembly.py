"""Every step, over the parts that the settings name."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.alerts import AlertSteps
from activities.audit import AuditSteps
from activities.auth import AuthSteps
from activities.bank import BankInbox
from activities.bank_cancellations import CancellationSteps
from activities.calendars import CalendarSteps
from activities.digests import DigestSteps
from activities.kyc import CheckSteps, KycDesk, LifeSteps, ReviewSteps
from activities.kyc.documents import DocumentSteps
from activities.ledger import LedgerSteps
from activities.monitoring import MonitoringSteps
from activities.notifications import NotificationSteps
from activities.payments import FundingSteps, PaymentDesk, ReleaseSteps, StandingOrderSteps
from activities.payments import SettlementSteps as PaymentSettlementSteps
from activities.reconciliation import ReconciliationSteps
from activities.rescreening import RescreeningSteps
from activities.sanctions import SanctionsSteps
from activities.side_proofs import SideProofSteps
from activities.statements import StatementSteps
from activities.transactions import TransactionSteps
from activities.upkeep import UpkeepSteps
from activities.wires import (
    ApprovalSteps,
    ComplianceSteps,
    InquirySteps,
    InterestSteps,
    OverrideSteps,
    PaymentSteps,
    RecallSteps,
    SettlementSteps,
    WireDesk,
)
from infra.crypto import Keyring
from infra.providers.bank import FolderChannel
from infra.providers.email import EmailProvider, FolderEmail, SendGridEmail
from infra.providers.quotes import open_quotes
from infra.providers.sanctions import Fetcher
from infra.providers.scan import ClamAV, NoScanner, Scanner
from infra.providers.store import open_statements, open_vault
from infra.settings import BankHours, EmailKind, ScannerKind, Settings

Step = Callable[..., Awaitable[Any]]


@dataclass
class Parts:
    """What the durable side consists of, for a process or a test to run."""

    engine: AsyncEngine
    inbox: BankInbox
    activities: Sequence[Step]


def assemble(config: Settings, engine: AsyncEngine) -> Parts:
    """The parts that `config` describes, over `engine`."""
    channel = FolderChannel(config.bank_outbox, config.bank_inbox)
    keyring = Keyring.of(config.field_keys, config.field_key_id)
    groups = (
        *_wires(WireDesk.of(config, engine, channel), timedelta(days=config.sanctions_lookback_days)),
        *_payments(PaymentDesk.of(config, engine, channel)),
        *_customers(config, engine),
        *_books(config, engine),
        NotificationSteps(engine, _email(config), keyring),
        DigestSteps(engine),
        SanctionsSteps(engine, config.sanctions_sources, Fetcher(config.sanctions_dir)),
        AlertSteps(engine, *open_quotes(config, engine)),
    )
    return Parts(
        engine=engine,
        inbox=BankInbox(engine, channel),
        activities=[step for group in groups for step in steps_of(group)],
    )


def steps_of(group: object) -> Iterator[Step]:
    """The methods of `group` that are activities."""
    for _, method in inspect.getmembers(group, inspect.ismethod):
        # What `activity.defn` leaves on them.
        if hasattr(method, "__temporal_activity_definition"):
            yield method


def _wires(desk: WireDesk, lookback: timedelta) -> Sequence[object]:
    return (
        ApprovalSteps(desk),
        ComplianceSteps(desk),
        OverrideSteps(desk),
        PaymentSteps(desk),
        SettlementSteps(desk),
        InquirySteps(desk),
        RecallSteps(desk),
        CancellationSteps(desk),
        RescreeningSteps(desk, lookback),
    )


def _payments(desk: PaymentDesk) -> Sequence[object]:
    return (FundingSteps(desk), ReleaseSteps(desk), PaymentSettlementSteps(desk), StandingOrderSteps(desk))


def _customers(config: Settings, engine: AsyncEngine) -> Sequence[object]:
    desk = KycDesk.of(config, engine)
    years = config.document_retention_years
    return (
        CheckSteps(desk),
        ReviewSteps(desk),
        LifeSteps(desk),
        DocumentSteps(engine, open_vault(config), _scanner(config), retention_years=years),
        AuthSteps(engine),
        StatementSteps(config, engine, open_statements(config)),
    )


def _books(config: Settings, engine: AsyncEngine) -> Sequence[object]:
    return (
        LedgerSteps(engine),
        InterestSteps(engine),
        TransactionSteps(engine),
        ReconciliationSteps(engine, config.nostro_accounts, always_open=config.bank_hours is BankHours.ALWAYS),
        SideProofSteps(engine),
        MonitoringSteps(engine),
        AuditSteps(engine, config.audit_anchor_file),
        CalendarSteps(engine),
        UpkeepSteps(engine),
    )


def _email(config: Settings) -> EmailProvider:
    if config.email_provider is EmailKind.FOLDER:
        return FolderEmail(config.mail_dir, config.mail_from)
    key = config.sendgrid_api_key.get_secret_value() if config.sendgrid_api_key else ""
    own_list = config.sendgrid_webhook_key is not None
    return SendGridEmail(key, sender=config.mail_from, url=config.sendgrid_url, own_list=own_list)


def _scanner(config: Settings) -> Scanner:
    return NoScanner() if config.scanner is ScannerKind.NONE else ClamAV(config.clamav_address)
