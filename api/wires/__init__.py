"""Wires by HTTP: a customer orders, looks and cancels; officers approve or reject (contract §5)."""

from api.wires.routes import router

__all__ = ["router"]
