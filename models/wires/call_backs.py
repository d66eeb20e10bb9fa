"""Calling a customer back about a large wire to somebody new, on a number that the bank knew before the order
(reference/banking.md §6.6). From which amount on is a part of the approval matrix.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from models.errors import Conflict, RuleRefused

# Whoever takes over an account changes its number first. One that is younger than this when the wire is ordered is as
# good as given with the order; the database holds to it.
KNOWN_FOR: Final = timedelta(hours=24)


class CallResult(StrEnum):
    """What a call came to. `denied`: the customer did not order the wire; after that nobody approves it any more."""

    CONFIRMED = "confirmed"
    DENIED = "denied"
    NOT_REACHED = "not_reached"


class CallBackMissing(Conflict):
    """The customer has not been called back, or was not reached, or has denied the wire."""

    code = "call_back_missing"
    title = "The customer has to be called back first"


class NoKnownNumber(RuleRefused):
    """There is no number of the customer that the bank knew well before the order."""

    code = "no_known_number"
    title = "No number to call"
