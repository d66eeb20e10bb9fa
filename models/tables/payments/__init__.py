"""Payments as they are kept (`rows`), what people do to them (`acts`), and the orders that repeat them (`standing`)."""

from models.tables.payments.acts import cancel, place, set_aside, wake
from models.tables.payments.rows import Payment, PaymentEvent, find, locked, state, tell, timeline, with_ids
from models.tables.payments.standing import (
    StandingOrder,
    cancel_standing,
    find_standing,
    issue_next,
    locked_standing,
    newest_of,
    upcoming_of,
)
from models.tables.payments.standing import place as place_standing

__all__ = [
    "Payment",
    "PaymentEvent",
    "StandingOrder",
    "cancel",
    "cancel_standing",
    "find",
    "find_standing",
    "issue_next",
    "locked",
    "locked_standing",
    "newest_of",
    "place",
    "place_standing",
    "set_aside",
    "state",
    "tell",
    "timeline",
    "upcoming_of",
    "wake",
    "with_ids",
]
