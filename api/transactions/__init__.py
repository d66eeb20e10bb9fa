"""Transactions by HTTP: customers move money within this bank and to others, and look at what moved (contract §4)."""

# In this order: an address that names a transaction by its id matches every other address of the feature.
from api.transactions import payments, reversals, standing_orders  # isort: skip
from api.transactions import routes  # isort: skip
from api.transactions.router import router

__all__ = ["payments", "reversals", "router", "routes", "standing_orders"]
