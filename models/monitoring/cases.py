"""Cases of monitoring: what becomes of what rules have found."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from models.errors import WrongState

# A suspicious activity is reported within 30 calendar days of its detection (31 CFR 1020.320(b)(3)): a case is decided
# before that.
TERM: Final = timedelta(days=30)
# An explanation holds for so long at most; then the rule speaks again.
LONGEST_SNOOZE_DAYS: Final = 90


class CaseStatus(StrEnum):
    """Where a case stands. `explained` and `escalated` are told to those alone who hold `admin:suspicion`: who knows
    which cases were explained knows which were not. To everybody else either is `closed`."""

    OPEN = "open"
    CLOSED = "closed"
    EXPLAINED = "explained"
    ESCALATED = "escalated"


class Outcome(StrEnum):
    """What an officer makes of a case: it is explained, or they suspect money laundering."""

    EXPLAINED = "explained"
    SUSPICION = "suspicion"


class CaseChanged(WrongState):
    """The case has other alerts, or another explanation, than whoever decides has read."""

    code = "case_changed"
    title = "Case changed"


class Monitored(BaseModel):
    """How many postings a run has looked at, the alerts that came of them, and whether more wait."""

    model_config = ConfigDict(frozen=True)

    movements: int = 0
    alerts: int = 0
    more: bool = False
