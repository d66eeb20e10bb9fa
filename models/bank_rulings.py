"""What two people may rule about a file in quarantine, and which order an answer of the bank can be about.

One proposes with a reason, another one confirms or refuses. The effect is that of a file that matched by itself; so an
answer is assigned only where it would do something to the order that is named.
"""

from enum import StrEnum
from typing import Final

from models.bank import AnswerKind
from models.errors import Conflict, RuleRefused
from models.money import written
from models.wires.states import WireStatus


class QuarantineRuling(StrEnum):
    """`assign`: one answer of the file is about that wire. `read_as_is`: the file is read although it breaks the schema
    of its message."""

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
    """What the bank says cannot be about that wire."""

    code = "answer_does_not_fit"
    title = "The answer does not fit this wire"


class RulingOpen(Conflict):
    """Somebody has proposed something about the same thing, or two people have decided it."""

    code = "ruling_open"
    title = "Something is proposed or decided already"


_AT_THE_BANK: Final = frozenset({WireStatus.RELEASED, WireStatus.ACKNOWLEDGED})
_PAID: Final = frozenset({WireStatus.COMPLETED, WireStatus.RETURNED})
OF_RECALLS: Final = frozenset({AnswerKind.RECALL_ACCEPTED, AnswerKind.RECALL_REFUSED, AnswerKind.RECALL_PENDING})
# Where a wire has to stand for an answer of that kind to be about it. The others do nothing to a wire.
_WHERE: Final = {
    AnswerKind.ACCEPTED: _AT_THE_BANK | _PAID,
    AnswerKind.REJECTED: _AT_THE_BANK,
    AnswerKind.CANCELLED: _AT_THE_BANK,
    AnswerKind.BOOKED: _AT_THE_BANK,
    AnswerKind.RETURNED: _PAID,
    **dict.fromkeys(OF_RECALLS, _AT_THE_BANK | _PAID),
}


def assigned_as(kind: AnswerKind) -> AnswerKind:
    """What an answer means once people have said which wire it is about: a credit that names nothing we know is, on a
    wire of ours, that wire's money coming back."""
    return AnswerKind.RETURNED if kind is AnswerKind.RECEIVED else kind


def check_assignment(
    kind: AnswerKind, amount: tuple[int, str] | None, *, status: WireStatus, paid_minor: int, currency: str
) -> None:
    """Raises `AnswerDoesNotFit` where an answer cannot be about a wire that stands at `status` and of which
    `paid_minor` of `currency` went to the bank. `amount` is what the message carries, if it carries any: a debit is all
    of it, and what comes back is at most that. The kind says the direction."""
    taken = assigned_as(kind)
    if taken not in _WHERE:
        raise AnswerDoesNotFit(f"an answer that is {kind} does nothing to a wire")
    if status not in _WHERE[taken]:
        raise AnswerDoesNotFit(f"the wire is {status}; the bank cannot say {taken} of it")
    if amount is None:
        return
    minor, in_currency = amount
    whole = taken is not AnswerKind.RETURNED
    if in_currency != currency or minor > paid_minor or (whole and minor != paid_minor):
        raise AnswerDoesNotFit(
            f"the bank speaks of {written(minor, in_currency)}; {written(paid_minor, currency)} went to it"
        )
