"""Transactions as they are kept (`rows`), and how money gets from one account of the bank to another (`transfers`)."""

from models.tables.transactions.rows import Transaction, find
from models.tables.transactions.transfers import transfer

__all__ = ["Transaction", "find", "transfer"]
