"""Transactions by HTTP: customers move money between accounts of this bank and look at what moved (contract §4)."""

from api.transactions import reversals
from api.transactions.routes import router

__all__ = ["reversals", "router"]
