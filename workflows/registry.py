"""Every process, for the worker that runs them and for the replay of their histories."""

from collections.abc import Sequence

from workflows.alerts import PriceAlertSweepWorkflow
from workflows.audit import AuditSealWorkflow
from workflows.auth import SessionCleanupWorkflow
from workflows.bank_cancellations import BankCancellationWorkflow
from workflows.calendars import CalendarTopUpWorkflow
from workflows.interest import BlockedInterestWorkflow
from workflows.kyc.documents import DocumentScanWorkflow, DocumentUpkeepWorkflow
from workflows.kyc.review import KycExpiryWorkflow, KycReviewWorkflow
from workflows.ledger import FlowRollupWorkflow, LedgerProofWorkflow, LedgerRollupWorkflow
from workflows.monitoring import TransactionMonitoringWorkflow
from workflows.notifications import NotificationDigestWorkflow, NotificationWorkflow
from workflows.overrides import WireAfterReviewWorkflow
from workflows.payments import PaymentLateAnswerWorkflow, PaymentRulingWorkflow, PaymentWorkflow, StandingOrderWorkflow
from workflows.recalls import WireRecallWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.sanctions import SanctionsRefreshWorkflow
from workflows.side_proofs import FlowProofWorkflow, ProcessProofWorkflow
from workflows.statements import AccountStatementWorkflow, MonthlyStatementsWorkflow, StatementsWorkflow
from workflows.transactions import ReversalWorkflow
from workflows.upkeep import DataCleanupWorkflow
from workflows.wires import WireLateAnswerWorkflow, WireWorkflow

WORKFLOWS: Sequence[type] = (
    WireWorkflow,
    WireLateAnswerWorkflow,
    WireRecallWorkflow,
    BankCancellationWorkflow,
    WireAfterReviewWorkflow,
    ReconciliationWorkflow,
    KycReviewWorkflow,
    KycExpiryWorkflow,
    PaymentWorkflow,
    PaymentLateAnswerWorkflow,
    PaymentRulingWorkflow,
    StandingOrderWorkflow,
    NotificationWorkflow,
    NotificationDigestWorkflow,
    SessionCleanupWorkflow,
    AuditSealWorkflow,
    CalendarTopUpWorkflow,
    LedgerProofWorkflow,
    LedgerRollupWorkflow,
    FlowRollupWorkflow,
    BlockedInterestWorkflow,
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
    TransactionMonitoringWorkflow,
)
