"""The steps of a wire. Each is one transaction or one touch of the bank channel, and may run any number of times.

Every step locks the wire's row, looks where the wire stands, does what is left to do, and answers with the row's state:
a step that comes too late, twice, or after somebody else decided, changes nothing and says so by that state.
"""

from activities.wires.approval import ApprovalSteps
from activities.wires.compliance import ComplianceSteps
from activities.wires.desk import WireDesk
from activities.wires.inquiries import InquirySteps
from activities.wires.interest import InterestSteps
from activities.wires.overrides import OverrideSteps
from activities.wires.payment import PaymentSteps
from activities.wires.recalls import RecallSteps
from activities.wires.settlement import SettlementSteps

__all__ = [
    "ApprovalSteps",
    "ComplianceSteps",
    "InquirySteps",
    "InterestSteps",
    "OverrideSteps",
    "PaymentSteps",
    "RecallSteps",
    "SettlementSteps",
    "WireDesk",
]
