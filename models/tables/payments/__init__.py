"""Payments as they are kept (`rows`)."""

from models.tables.payments.rows import Payment, PaymentEvent, find, locked, state, tell, timeline

__all__ = ["Payment", "PaymentEvent", "find", "locked", "state", "tell", "timeline"]
