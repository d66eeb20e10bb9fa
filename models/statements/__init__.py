"""Statements of an account for a span of days: what they say, and the two files they are handed out as.

Both files are written piece by piece, so that an account with any number of entries takes the memory of a few.
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
from models.statements.sheet import sheet

__all__ = [
    "ENTRIES_AT_ONCE",
    "LONGEST_SPAN",
    "AccountHolder",
    "Statement",
    "StatementEntry",
    "StatementFormat",
    "camt053",
    "check_span",
    "sheet",
]
