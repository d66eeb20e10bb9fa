"""What two people may rule about a file in quarantine, and which order an answer of the bank can be about.

One proposes with a reason, another one confirms or refuses. The effect is that of a file that matched by itself; so an
answer is assigned only where it would do something to the order that is named.
"""

from enum import StrEnum
from typing import Final

from models.bank import AnswerKind
from models.errors import Conflict, RuleRefused
from models.money import written
from models.payments.states import PaymentStatus
from models.wires.states import WireStatus


class QuarantineRuling(StrEnum):
    """`assign`: one answer of the file is about that wire or payment. `read_as_is`: the file is read although it breaks
    the schema of its message."""

    ASSIGN = "assign"
    READ_AS_IS = "read_as_is"


class RulingStatus(StrEnum):
    """Where a ruling stands. `void`: when it was to be applied there was nothing left to do, or the file names another
    order by now."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    APPLIED = "applied"
    VOID = "void"


class AnswerDoesNotFit(RuleRefused):
    """What the bank says cannot be about that order."""

    code = "answer_does_not_fit"
    title = "The answer does not fit this order"


class RulingOpen(Conflict):
    """Somebody has proposed something about the same thing, or two people have decided it."""

    code = "ruling_open"
    title = "Something is proposed or decided already"


_AT_THE_BANK: Final = frozenset({"released", "acknowledged"})
_PAID: Final = frozenset({"completed", "returned"})
OF_RECALLS: Final = frozenset({AnswerKind.RECALL_ACCEPTED, AnswerKind.RECALL_REFUSED, AnswerKind.RECALL_PENDING})
# Where an order has to stand for an answer of that kind to be about it. The others do nothing to one.
_WHERE: Final = {
    AnswerKind.ACCEPTED: _AT_THE_BANK | _PAID,
    AnswerKind.REJECTED: _AT_THE_BANK,
    AnswerKind.CANCELLED: _AT_THE_BANK,
    AnswerKind.BOOKED: _AT_THE_BANK,
    AnswerKind.RETURNED: _PAID,
}
# Wires alone are recalled, and payments alone corrected: by the ACH's notification of change.
_OF_WIRES: Final = dict.fromkeys(OF_RECALLS, _AT_THE_BANK | _PAID)
_OF_PAYMENTS: Final = {AnswerKind.CORRECTED: _AT_THE_BANK | _PAID}


def assigned_as(kind: AnswerKind) -> AnswerKind:
    """What an answer means once people have said which order it is about: a credit that names nothing we know is, on an
    order of ours, that order's money coming back."""
    return AnswerKind.RETURNED if kind is AnswerKind.RECEIVED else kind


def check_assignment(
    kind: AnswerKind,
    amount: tuple[int, str] | None,
    *,
    status: WireStatus | PaymentStatus,
    paid_minor: int,
    currency: str,
) -> None:
    """Raises `AnswerDoesNotFit` where an answer cannot be about a wire or payment that stands at `status` and of which
    `paid_minor` of `currency` went to the bank. `amount` is what the message carries, if it carries any: a debit is all
    of it, and what comes back is at most that. The kind says the direction."""
    taken = assigned_as(kind)
    order, own = ("wire", _OF_WIRES) if isinstance(status, WireStatus) else ("payment", _OF_PAYMENTS)
    where = (_WHERE | own).get(taken)
    if where is None:
        raise AnswerDoesNotFit(f"an answer that is {kind} does nothing to a {order}")
    if status not in where:
        raise AnswerDoesNotFit(f"the {order} is {status}; the bank cannot say {taken} of it")
    if amount is None:
        return
    minor, in_currency = amount
    whole = taken is not AnswerKind.RETURNED
    if in_currency != currency or minor > paid_minor or (whole and minor != paid_minor):
        raise AnswerDoesNotFit(
            f"the bank speaks of {written(minor, in_currency)}; {written(paid_minor, currency)} went to it"
        )
