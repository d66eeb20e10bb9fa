"""Where a review of a customer can stand, who may move it, and what its outcome makes of the customer (contract §6).

    (submit) ─► submitted ─► in_review ─► approved
    pending ───►    │  ▲         │  ▲ └──► rejected
       │            │  └ answer ┐▼  │
       └► in_review │        info_requested ─► expired
                    └► approved (straight through), info_requested

An application (`initial`) begins with what the customer hands in. A later review begins with the bank: `pending` where
the customer has to bring something, `submitted` where the bank looks by itself.
"""

from enum import StrEnum
from typing import Final


class KycStatus(StrEnum):
    """Where a customer stands, and where a review of one does. A review has no `not_started`."""

    NOT_STARTED = "not_started"
    PENDING = "pending"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    INFO_REQUESTED = "info_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Occasion(StrEnum):
    """Why there is a review."""

    INITIAL = "initial"
    PERIODIC = "periodic"
    DOCUMENT_EXPIRY = "document_expiry"
    NAME_CHANGED = "name_changed"
    COUNTRY_CHANGED = "country_changed"
    SCREENING_HIT = "screening_hit"
    UNUSUAL_VOLUME = "unusual_volume"
    DORMANT_ACTIVE = "dormant_active"


# The customer brings something to these; of the others they are not told, unless an officer asks (no tipping off).
ASKING: Final = frozenset(
    {Occasion.INITIAL, Occasion.PERIODIC, Occasion.DOCUMENT_EXPIRY, Occasion.NAME_CHANGED, Occasion.COUNTRY_CHANGED}
)


class Restriction(StrEnum):
    """What an overdue review has come to, each step worse than the one before (reference/banking.md §6.11)."""

    NONE = "none"
    LIMITED = "limited"
    FROZEN = "frozen"
    EXIT = "exit"


class Mover(StrEnum):
    """Who makes a move: the customer, an officer (somebody else), or the process. The database holds each to it."""

    CUSTOMER = "customer"
    OFFICER = "officer"
    PROCESS = "process"


_S = KycStatus
_CUSTOMER, _OFFICER, _PROCESS = Mover.CUSTOMER, Mover.OFFICER, Mover.PROCESS

# The only moves there are. The migration copies this table into the database, which refuses every other.
MOVES: Final[frozenset[tuple[KycStatus, KycStatus, Mover]]] = frozenset(
    {
        (_S.PENDING, _S.SUBMITTED, _CUSTOMER),
        # The exit review of somebody who never came, and what the customer no longer has to bring.
        (_S.PENDING, _S.IN_REVIEW, _PROCESS),
        (_S.SUBMITTED, _S.IN_REVIEW, _PROCESS),
        (_S.SUBMITTED, _S.INFO_REQUESTED, _PROCESS),
        (_S.SUBMITTED, _S.APPROVED, _PROCESS),
        (_S.SUBMITTED, _S.EXPIRED, _CUSTOMER),
        (_S.IN_REVIEW, _S.APPROVED, _OFFICER),
        (_S.IN_REVIEW, _S.REJECTED, _OFFICER),
        (_S.IN_REVIEW, _S.INFO_REQUESTED, _OFFICER),
        # What was checked is no longer what is there: the checks run again.
        (_S.IN_REVIEW, _S.SUBMITTED, _OFFICER),
        (_S.IN_REVIEW, _S.EXPIRED, _CUSTOMER),
        (_S.INFO_REQUESTED, _S.SUBMITTED, _CUSTOMER),
        (_S.INFO_REQUESTED, _S.REJECTED, _OFFICER),
        (_S.INFO_REQUESTED, _S.EXPIRED, _CUSTOMER),
        (_S.INFO_REQUESTED, _S.EXPIRED, _PROCESS),
        # A later review whose question stays unanswered goes back to the officers, who decide what follows.
        (_S.INFO_REQUESTED, _S.IN_REVIEW, _PROCESS),
    }
)

ENDED: Final = frozenset({_S.APPROVED, _S.REJECTED, _S.EXPIRED})
OPEN: Final = frozenset({_S.PENDING, _S.SUBMITTED, _S.IN_REVIEW, _S.INFO_REQUESTED})
# What an officer can decide about.
UNDECIDED: Final = frozenset({_S.IN_REVIEW, _S.INFO_REQUESTED})
WITHDRAWN: Final = "withdrawn"


def may_move(before: KycStatus, after: KycStatus, mover: Mover) -> bool:
    """Whether `mover` may take a review from `before` to `after`."""
    return (before, after, mover) in MOVES


class Rejection(StrEnum):
    """Why a customer is refused, in the words that they may be told. What lies behind it is a note of the officers."""

    IDENTITY_NOT_PROVEN = "identity_not_proven"
    DOCUMENTS_UNREADABLE = "documents_unreadable"
    INFORMATION_MISSING = "information_missing"
    OUTSIDE_POLICY = "outside_policy"


# After these the customer may apply again.
CURABLE: Final = frozenset(
    {Rejection.IDENTITY_NOT_PROVEN, Rejection.DOCUMENTS_UNREADABLE, Rejection.INFORMATION_MISSING}
)
