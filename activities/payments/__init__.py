"""The steps of a payment and of a standing order. Each is one transaction or one touch of the bank channel, and may run
any number of times.

Every step locks the row, looks where it stands, does what is left to do, and answers with the row's state: a step that
comes too late, twice, or after somebody else decided, changes nothing and says so by that state.
"""

from activities.payments.desk import PaymentDesk
from activities.payments.funding import FundingSteps
from activities.payments.release import ReleaseSteps
from activities.payments.settlement import SettlementSteps
from activities.payments.standing import StandingOrderSteps

__all__ = ["FundingSteps", "PaymentDesk", "ReleaseSteps", "SettlementSteps", "StandingOrderSteps"]
