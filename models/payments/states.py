"""Where a payment can stand, and the only moves there are."""

from enum import StrEnum
from typing import Final

from models.transactions import TransactionStatus


class PaymentStatus(StrEnum):
    """Where a payment stands. Customers see it as the status of a transaction (`TRANSACTION_STATUS`)."""

    SCHEDULED = "scheduled"  # waits for its day; no money is set aside
    FUNDED = "funded"  # money is set aside; waits for the rail
    RELEASED = "released"
    ACKNOWLEDGED = "acknowledged"
    COMPLETED = "completed"
    RETURNED = "returned"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"  # a listed name; the money stays held until two officers have ruled (decision 0052)


class Mover(StrEnum):
    """Who makes a move: a person through the API, or the payment's process. The database holds both to it."""

    PERSON = "person"
    PROCESS = "process"


_S = PaymentStatus

# The only moves there are. The migration copies this table into the database, which refuses every other.
MOVES: Final[dict[tuple[PaymentStatus, PaymentStatus], Mover]] = {
    (_S.SCHEDULED, _S.CANCELLED): Mover.PERSON,
    (_S.SCHEDULED, _S.FUNDED): Mover.PROCESS,
    (_S.SCHEDULED, _S.FAILED): Mover.PROCESS,
    (_S.FUNDED, _S.CANCELLED): Mover.PERSON,
    (_S.FUNDED, _S.RELEASED): Mover.PROCESS,
    (_S.FUNDED, _S.BLOCKED): Mover.PROCESS,
    (_S.FUNDED, _S.FAILED): Mover.PROCESS,
    (_S.BLOCKED, _S.FAILED): Mover.PERSON,
    (_S.RELEASED, _S.ACKNOWLEDGED): Mover.PROCESS,
    (_S.RELEASED, _S.FAILED): Mover.PROCESS,
    (_S.ACKNOWLEDGED, _S.COMPLETED): Mover.PROCESS,
    (_S.ACKNOWLEDGED, _S.FAILED): Mover.PROCESS,
    (_S.COMPLETED, _S.RETURNED): Mover.PROCESS,
}

# The process has nothing more to do.
ENDED: Final = frozenset({_S.COMPLETED, _S.RETURNED, _S.FAILED, _S.CANCELLED, _S.BLOCKED})
AT_THE_BANK: Final = frozenset({_S.RELEASED, _S.ACKNOWLEDGED})

# What a customer is told (contract §4). A blocked payment looks like one that waits: to say more would be tipping off.
TRANSACTION_STATUS: Final[dict[PaymentStatus, TransactionStatus]] = {
    _S.SCHEDULED: TransactionStatus.PENDING,
    _S.FUNDED: TransactionStatus.PENDING,
    _S.RELEASED: TransactionStatus.PENDING,
    _S.ACKNOWLEDGED: TransactionStatus.PENDING,
    _S.BLOCKED: TransactionStatus.PENDING,
    _S.COMPLETED: TransactionStatus.COMPLETED,
    _S.RETURNED: TransactionStatus.REVERSED,
    _S.FAILED: TransactionStatus.FAILED,
    _S.CANCELLED: TransactionStatus.CANCELLED,
}


def may_move(before: PaymentStatus, after: PaymentStatus, mover: Mover) -> bool:
    """Whether `mover` may take a payment from `before` to `after`."""
    return MOVES.get((before, after)) is mover
