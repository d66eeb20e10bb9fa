"""Transactions as they are kept (`rows`), how money gets from one account of the bank to another (`transfers`), and how
people look back at it (`lists`, `insights`)."""

from models.tables.transactions.insights import Moved, largest, moved
from models.tables.transactions.lists import (
    Found,
    by_ids,
    categories_of,
    find_any,
    find_by_words,
    legs_of,
    newest,
    reversed_among,
    search,
)
from models.tables.transactions.reversals import reverse
from models.tables.transactions.rows import Transaction, find
from models.tables.transactions.transfers import quote, transfer

__all__ = [
    "Found",
    "Moved",
    "Transaction",
    "by_ids",
    "categories_of",
    "find",
    "find_any",
    "find_by_words",
    "largest",
    "legs_of",
    "moved",
    "newest",
    "quote",
    "reverse",
    "reversed_among",
    "search",
    "transfer",
]
