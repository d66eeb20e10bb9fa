"""Where a wire can stand, and the only moves there are."""

from enum import StrEnum
from typing import Final


class WireStatus(StrEnum):
    """Where a wire stands (contract §5)."""

    PENDING = "pending"
    AWAITING_APPROVAL = "awaiting_approval"
    INFO_REQUESTED = "info_requested"
    APPROVED = "approved"
    RELEASED = "released"
    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    FAILED = "failed"
    RETURNED = "returned"


class ComplianceStatus(StrEnum):
    """What screening says, and the desk after it. `in_review`: similar to a listed name, and nobody has decided;
    `hit`: the listed name itself, or confirmed to be; `clear`: nothing, or all of it cleared; `blocked`: seized."""

    PENDING = "pending"
    CLEAR = "clear"
    IN_REVIEW = "in_review"
    HIT = "hit"
    BLOCKED = "blocked"


class Mover(StrEnum):
    """Who makes a move: a person through the API, or the wire's process. The database holds both to it."""

    PERSON = "person"
    PROCESS = "process"


_S = WireStatus
_PERSON = Mover.PERSON
_PROCESS = Mover.PROCESS

# The only moves there are. The migration copies this table into the database, which refuses every other.
MOVES: Final[dict[tuple[WireStatus, WireStatus], Mover]] = {
    (_S.PENDING, _S.AWAITING_APPROVAL): _PROCESS,
    (_S.PENDING, _S.APPROVED): _PROCESS,
    (_S.PENDING, _S.BLOCKED): _PROCESS,
    # Its hits are cleared, its clock runs, and the customer still owes an answer from before.
    (_S.PENDING, _S.INFO_REQUESTED): _PROCESS,
    (_S.PENDING, _S.CANCELLED): _PERSON,
    (_S.PENDING, _S.EXPIRED): _PROCESS,
    (_S.AWAITING_APPROVAL, _S.INFO_REQUESTED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.APPROVED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.REJECTED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.CANCELLED): _PERSON,
    (_S.AWAITING_APPROVAL, _S.EXPIRED): _PROCESS,
    (_S.AWAITING_APPROVAL, _S.BLOCKED): _PROCESS,
    (_S.INFO_REQUESTED, _S.AWAITING_APPROVAL): _PERSON,
    (_S.INFO_REQUESTED, _S.REJECTED): _PERSON,
    (_S.INFO_REQUESTED, _S.CANCELLED): _PERSON,
    (_S.INFO_REQUESTED, _S.EXPIRED): _PROCESS,
    (_S.INFO_REQUESTED, _S.BLOCKED): _PROCESS,
    (_S.APPROVED, _S.CANCELLED): _PERSON,
    (_S.APPROVED, _S.RELEASED): _PROCESS,
    (_S.APPROVED, _S.BLOCKED): _PROCESS,
    (_S.APPROVED, _S.FAILED): _PROCESS,
    (_S.APPROVED, _S.EXPIRED): _PROCESS,
    (_S.BLOCKED, _S.PENDING): _PERSON,
    (_S.BLOCKED, _S.REJECTED): _PERSON,
    (_S.BLOCKED, _S.RETURNED): _PROCESS,
    (_S.RELEASED, _S.ACKNOWLEDGED): _PROCESS,
    (_S.RELEASED, _S.FAILED): _PROCESS,
    (_S.ACKNOWLEDGED, _S.COMPLETED): _PROCESS,
    (_S.ACKNOWLEDGED, _S.FAILED): _PROCESS,
    (_S.COMPLETED, _S.RETURNED): _PROCESS,
}

# The process has nothing more to do. That of a blocked wire waits for the compliance desk, for as long as it takes.
ENDED: Final = frozenset({_S.COMPLETED, _S.REJECTED, _S.CANCELLED, _S.EXPIRED, _S.FAILED, _S.RETURNED})
UNDECIDED: Final = frozenset({_S.AWAITING_APPROVAL, _S.INFO_REQUESTED})


def may_move(before: WireStatus, after: WireStatus, mover: Mover) -> bool:
    """Whether `mover` may take a wire from `before` to `after`."""
    return MOVES.get((before, after)) is mover
