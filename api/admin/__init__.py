"""Administration by HTTP: what operations, compliance and auditors see of the bank (contract §12)."""

from api.admin import approval as approval
from api.admin import approval_matrices as approval_matrices
from api.admin import blocked_payments as blocked_payments
from api.admin import cancellations as cancellations
from api.admin import dashboard as dashboard
from api.admin import ledger as ledger
from api.admin import mail as mail
from api.admin import monitoring as monitoring
from api.admin import monitoring_rules as monitoring_rules
from api.admin import overrides as overrides
from api.admin import people as people
from api.admin import quarantine as quarantine
from api.admin import quarantine_rulings as quarantine_rulings
from api.admin import reconciliation as reconciliation
from api.admin import sanctions as sanctions
from api.admin import schedules as schedules
from api.admin import screening as screening
from api.admin import suppressions as suppressions
from api.admin import transactions as transactions
from api.admin.audit import router

__all__ = ["router"]
