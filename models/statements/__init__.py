"""Statements of an account: for any span of days as a file on demand, and for each month as a paper that stays.

The files on demand are written piece by piece, so that an account with any number of entries takes the memory of a few.
"""

from models.statements.account import (
    ENTRIES_AT_ONCE,
    LONGEST_SPAN,
    AccountHolder,
    Statement,
    StatementEntry,
    StatementFormat,
    check_span,
)
from models.statements.camt053 import camt053
from models.statements.monthly import (
    ZONE,
    MonthlyStatement,
    Period,
    StatementForm,
    StatementHold,
    StatementUnreadable,
    address_lines,
    as_json,
    days_of,
    moments_of,
    month_before,
    read_period,
)
from models.statements.process import (
    AccountRun,
    StatementPage,
    StatementPages,
    StatementPlan,
    StatementProgress,
    StatementRun,
    StatementsMade,
    StatementSweep,
    corrected,
    letter,
)
from models.statements.sheet import sheet

__all__ = [
    "ENTRIES_AT_ONCE",
    "LONGEST_SPAN",
    "ZONE",
    "AccountHolder",
    "AccountRun",
    "MonthlyStatement",
    "Period",
    "Statement",
    "StatementEntry",
    "StatementForm",
    "StatementFormat",
    "StatementHold",
    "StatementPage",
    "StatementPages",
    "StatementPlan",
    "StatementProgress",
    "StatementRun",
    "StatementSweep",
    "StatementUnreadable",
    "StatementsMade",
    "address_lines",
    "as_json",
    "camt053",
    "check_span",
    "corrected",
    "days_of",
    "letter",
    "moments_of",
    "month_before",
    "read_period",
    "sheet",
]
