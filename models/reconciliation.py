"""Reconciliation: the bank's statements of our accounts against what we booked on them (reference/banking.md §6.9).

Amounts are whole minor units from the side of the bank, as it writes them: above zero a credit to our account there,
below zero a debit. A posting on a nostro account is the same amount with the other sign.

An entry of theirs is matched with a posting of ours by the references of its payment, its direction and its amount;
where one side has no reference, by value date and amount, if each side has exactly one such. What is left is a break:
it stays open until its other side comes, which closes it, or until people explain it.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import Conflict
from models.limits import UNITS
from models.money import exponent

# What we booked may come on the statement of the next banking days: booked after the bank's cut-off, valued later.
GRACE_DAYS: Final = 2
# What the bank booked and told is booked here moments later; an entry read just now is no break yet.
SETTLING: Final = timedelta(minutes=10)
# Major units of a currency that is worth about a euro: from here on a second person confirms an explanation (§6.6).
TWO_PEOPLE_FROM: Final = 10_000


class BreakKind(StrEnum):
    """How the bank's books and ours differ.

    `balance_gap`: a statement's entries do not lead from its opening to its closing balance. `opening_gap`: it does not
    open with what the one before closed with.
    """

    NOT_IN_OURS = "not_in_ours"
    NOT_IN_THEIRS = "not_in_theirs"
    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    BALANCE_GAP = "balance_gap"
    OPENING_GAP = "opening_gap"
    MISSING_STATEMENT = "missing_statement"
    UNKNOWN_ACCOUNT = "unknown_account"


class BreakStatus(StrEnum):
    """`closed` is the process's: the other side came. `explained` is people's."""

    OPEN = "open"
    EXPLAINED = "explained"
    CLOSED = "closed"


class MatchedBy(StrEnum):
    """What two sides were recognised by."""

    REFERENCE = "reference"
    VALUE_DATE = "value_date"


class ExplanationChanged(Conflict):
    """The break was explained anew since it was read."""

    code = "explanation_changed"
    title = "Explanation changed"


class Side(BaseModel):
    """An entry of a statement (`key` its number), or a posting of ours (`key` its transaction and leg)."""

    model_config = ConfigDict(frozen=True)

    key: Any
    amount_minor: int
    value_on: date | None = None
    end_to_end_id: str | None = None
    uetr: UUID | None = None

    @property
    def has_reference(self) -> bool:
        """Whether it says which payment it is about."""
        return self.end_to_end_id is not None or self.uetr is not None

    def about_the_payment_of(self, other: "Side") -> bool:
        """Whether both are about one payment. A UETR decides where both have one: it is unique in the world."""
        if self.uetr is not None and other.uetr is not None:
            return self.uetr == other.uetr
        return self.end_to_end_id is not None and self.end_to_end_id == other.end_to_end_id


class Pair(BaseModel):
    """An entry of theirs and the posting of ours that it is."""

    model_config = ConfigDict(frozen=True)

    theirs: Side
    ours: Side
    by: MatchedBy

    @property
    def differs(self) -> bool:
        """Whether it is the same payment with another amount."""
        return self.theirs.amount_minor != self.ours.amount_minor


def match(theirs: Iterable[Side], ours: Iterable[Side]) -> list[Pair]:
    """Which of theirs is which of ours; each is in one pair at most. The order of what is given has no say.

    By reference, direction and amount first; then what is left of one payment, if it is one of each side, whatever the
    amount; then by value date and amount, if it is one of each side and not both name their payment.
    """
    pool = _Pool(sorted(theirs, key=_order), sorted(ours, key=_order))
    for their, our in pool.of_one_payment():
        if their.amount_minor == our.amount_minor:
            pool.take(their, our, MatchedBy.REFERENCE)
    for their, our in pool.alone(pool.of_one_payment()):
        pool.take(their, our, MatchedBy.REFERENCE)
    for their, our in pool.alone(pool.of_one_day()):
        if not (their.has_reference and our.has_reference):
            pool.take(their, our, MatchedBy.VALUE_DATE)
    return pool.pairs


def _order(side: Side) -> tuple[str, str]:
    return str(side.value_on or ""), repr(side.key)


class _Pool:
    """What is not matched yet."""

    def __init__(self, theirs: Sequence[Side], ours: Sequence[Side]) -> None:
        self._theirs = {one.key: one for one in theirs}
        self._ours = {one.key: one for one in ours}
        self.pairs: list[Pair] = []

    def take(self, their: Side, our: Side, by: MatchedBy) -> None:
        if their.key in self._theirs and our.key in self._ours:
            del self._theirs[their.key], self._ours[our.key]
            self.pairs.append(Pair(theirs=their, ours=our, by=by))

    def of_one_payment(self) -> list[tuple[Side, Side]]:
        """Every two sides of one payment and direction."""
        named: dict[Hashable, list[Side]] = defaultdict(list)
        for our in self._ours.values():
            for reference in {our.uetr, our.end_to_end_id} - {None}:
                named[reference].append(our)
        return [
            (their, our)
            for their in self._theirs.values()
            for our in _unique(named[their.uetr] if their.uetr else [], named[their.end_to_end_id or ""])
            if their.about_the_payment_of(our) and (their.amount_minor > 0) == (our.amount_minor > 0)
        ]

    def of_one_day(self) -> list[tuple[Side, Side]]:
        """Every two sides of one value date and amount."""
        dated: dict[Hashable, list[Side]] = defaultdict(list)
        for our in self._ours.values():
            dated[our.value_on, our.amount_minor].append(our)
        return [
            (their, our)
            for their in self._theirs.values()
            if their.value_on is not None
            for our in dated[their.value_on, their.amount_minor]
        ]

    @staticmethod
    def alone(pairs: list[tuple[Side, Side]]) -> list[tuple[Side, Side]]:
        """Those of `pairs` whose sides are in no other one."""
        theirs: dict[Hashable, int] = defaultdict(int)
        ours: dict[Hashable, int] = defaultdict(int)
        for their, our in pairs:
            theirs[their.key] += 1
            ours[our.key] += 1
        return [(their, our) for their, our in pairs if theirs[their.key] == 1 and ours[our.key] == 1]


def _unique(*lists: list[Side]) -> list[Side]:
    return list({side.key: side for sides in lists for side in sides}.values())


def needs_two_people(currency: str, at_stake_minor: int | None) -> bool:
    """Whether one person is too few to explain a break. None: a statement that did not come may hide any amount."""
    if at_stake_minor is None:
        return True
    return abs(at_stake_minor) >= TWO_PEOPLE_FROM * UNITS.get(currency, Decimal(1)).scaleb(exponent(currency))


class Reconciled(BaseModel):
    """What one run did: no names, no amounts."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    statements: int = 0
    matched: int = 0
    found: int = 0
    closed: int = 0
    open: int = 0
