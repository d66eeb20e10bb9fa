"""Transaction monitoring: what is unusual about what customers move, and what officers make of it (contract §12)."""

from models.monitoring.alerts import Facts as Facts
from models.monitoring.alerts import explained as explained
from models.monitoring.cases import TERM as TERM
from models.monitoring.cases import CaseChanged as CaseChanged
from models.monitoring.cases import CaseStatus as CaseStatus
from models.monitoring.cases import Monitored as Monitored
from models.monitoring.cases import Outcome as Outcome
from models.monitoring.rules import DEFAULT_RULES as DEFAULT_RULES
from models.monitoring.rules import Dormant as Dormant
from models.monitoring.rules import RoundAmounts as RoundAmounts
from models.monitoring.rules import Rule as Rule
from models.monitoring.rules import Rulebook as Rulebook
from models.monitoring.rules import Structuring as Structuring
from models.monitoring.rules import Velocity as Velocity
