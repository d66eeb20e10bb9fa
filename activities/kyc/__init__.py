"""The steps of identity checks: `documents` are scanned and, when their time is over, destroyed; reviews are checked
(`checks`), moved by time and concluded (`review`), and opened when they are due (`life`)."""

from activities.kyc.checks import CheckSteps
from activities.kyc.desk import KycDesk
from activities.kyc.life import LifeSteps
from activities.kyc.review import ReviewSteps

__all__ = ["CheckSteps", "KycDesk", "LifeSteps", "ReviewSteps"]
