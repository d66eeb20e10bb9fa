"""Who has to approve a wire: the approval matrix, a table that is read from the top (reference/banking.md §6.6).

A row says from where on it applies, and which approvers a wire takes that it applies to; the first row that applies
decides. A table of that form can be written so that a riskier wire takes fewer people. Such a matrix is refused when it
is loaded: for every two wires of which one is riskier in some way, the riskier one takes at least the same approvers.
The clock that runs until they have decided is `models.sla`.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import permutations, product
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.money import to_minor


class Risk(StrEnum):
    """How risky a country or a customer is, in that order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for low, 2 for high."""
        return list(Risk).index(self)


class Approver(StrEnum):
    """What kind of officer fills a place in the approval of a wire."""

    OFFICER = "officer"
    OPERATIONS = "operations"
    COMPLIANCE = "compliance"
    SENIOR = "senior"


# What fills each kind of place: the right to approve, and one that makes the difference (contract §2).
RIGHTS: Final[dict[Approver, frozenset[str]]] = {
    Approver.OFFICER: frozenset({"wires:approve"}),
    Approver.OPERATIONS: frozenset({"wires:approve", "admin:system"}),
    Approver.COMPLIANCE: frozenset({"wires:approve", "admin:compliance"}),
    Approver.SENIOR: frozenset({"wires:approve", "wires:high_value"}),
}
# The rarest first: whoever can fill several places takes the one that the fewest others could.
_RAREST: Final = (Approver.SENIOR, Approver.OPERATIONS, Approver.COMPLIANCE, Approver.OFFICER)
MOST_APPROVERS: Final = 5
MOST_ROWS: Final = 40


def roles_of(rights: Iterable[str]) -> frozenset[Approver]:
    """The places that somebody with these permissions can fill."""
    held = frozenset(rights)
    return frozenset(role for role, needed in RIGHTS.items() if needed <= held)


class Facts(BaseModel):
    """What the matrix is asked about. `base_minor` is the amount in minor units of the base currency, None where no
    current rate says it; then it counts as more than any amount."""

    model_config = ConfigDict(frozen=True)

    base_minor: int | None
    country: Risk = Risk.LOW
    new_beneficiary: bool = False
    unusual: bool = False
    customer: Risk = Risk.LOW
    similar_name: bool = False


class Row(BaseModel):
    """One row: it applies where everything that it names is so. `over` is in major units of the base currency;
    `country` and `customer` mean that risk or a higher one. With `in_order` the approvers decide in the order of the
    list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")]
    over: Annotated[int, Field(gt=0)] | None = None
    country: Risk = Risk.LOW
    new_beneficiary: bool = False
    unusual: bool = False
    customer: Risk = Risk.LOW
    similar_name: bool = False
    approvers: Annotated[tuple[Approver, ...], Field(max_length=MOST_APPROVERS)]
    in_order: bool = False

    @property
    def unconditional(self) -> bool:
        """Whether it applies to every wire."""
        return self == Row(name=self.name, approvers=self.approvers, in_order=self.in_order)

    def applies(self, facts: Facts, over_minor: int | None) -> bool:
        """Whether it applies to a wire with these facts; `over_minor` is `over` in minor units."""
        return (
            (over_minor is None or facts.base_minor is None or facts.base_minor > over_minor)
            and facts.country.rank >= self.country.rank
            and facts.customer.rank >= self.customer.rank
            and facts.new_beneficiary >= self.new_beneficiary
            and facts.unusual >= self.unusual
            and facts.similar_name >= self.similar_name
        )

    def said(self, currency: str) -> str:
        """What it applies to, as people say it."""
        parts = [
            f"over {self.over:,} {currency}" if self.over else "",
            f"{self.country}-risk country" if self.country is not Risk.LOW else "",
            f"{self.customer}-risk customer" if self.customer is not Risk.LOW else "",
            "new beneficiary" if self.new_beneficiary else "",
            "unusual for the customer" if self.unusual else "",
            "name similar to a listed one" if self.similar_name else "",
        ]
        return ", ".join(filter(None, parts)) or "every other wire"


class Matrix(BaseModel):
    """An approval matrix. Raises `ValueError` (pydantic's) for one that leaves wires out, or is not monotone.

    A wire over `call_back_over` (major units of the base currency) to somebody new takes a call-back to its customer,
    whichever row decides; None: no wire does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Annotated[tuple[Row, ...], Field(min_length=1, max_length=MOST_ROWS)]
    call_back_over: Annotated[int, Field(gt=0)] | None = None

    def calls_back(self, facts: Facts, currency: str) -> bool:
        """Whether a wire with these facts takes a call-back, in a bank whose base currency is `currency`."""
        if self.call_back_over is None or not facts.new_beneficiary:
            return False
        return facts.base_minor is None or facts.base_minor > to_minor(self.call_back_over, currency)

    def decides(self, facts: Facts, currency: str) -> Row:
        """The row that decides about a wire with these facts, in a bank whose base currency is `currency`."""
        for row in self.rows:
            if row.applies(facts, None if row.over is None else to_minor(row.over, currency)):
                return row
        raise AssertionError("the last row applies to every wire")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names):
            raise ValueError("two rows have the same name; an auditor has to be able to tell them apart")
        if not self.rows[-1].unconditional:
            raise ValueError(f"the last row ({names[-1]}) has to apply to every wire: it may name approvers alone")
        for row in self.rows[:-1]:
            if row.unconditional:
                raise ValueError(f"the row {row.name} applies to every wire, so the rows below it never do")
        return self

    @model_validator(mode="after")
    def _more_risk_never_means_fewer_approvers(self) -> Self:
        bounds, decided = self._decided()
        for facts, row in decided.items():
            for riskier in _riskier(facts, bounds):
                above = decided[riskier]
                if above is not row and not covers(above.approvers, row.approvers):
                    raise ValueError(
                        f"the row {above.name} asks for {_named(above.approvers)} where a wire with less risk takes"
                        f" {_named(row.approvers)} by the row {row.name}: put {row.name} above it, or ask for more"
                    )
        return self

    @model_validator(mode="after")
    def _whoever_calls_back_does_not_approve_alone(self) -> Self:
        if self.call_back_over is None:
            return self
        for facts, row in self._decided()[1].items():
            # Nobody would be there to look at what the call has told.
            if (
                facts.new_beneficiary
                and _is_over(facts, self._bounds().index(self.call_back_over))
                and not row.approvers
            ):
                raise ValueError(
                    f"the row {row.name} asks for nobody about wires over {self.call_back_over} to somebody new, which"
                    " take a call-back: ask for an officer there"
                )
        return self

    def _bounds(self) -> list[int]:
        named = {row.over for row in self.rows} | {self.call_back_over}
        return sorted(over for over in named if over is not None)

    def _decided(self) -> tuple[int, dict[Facts, Row]]:
        """How many amounts the matrix names, and which row decides about every kind of wire. `base_minor` is how
        many of these amounts the wire is over."""
        bounds = self._bounds()
        indexes = [None if row.over is None else bounds.index(row.over) for row in self.rows]
        return len(bounds), {
            facts: next(row for row, over in zip(self.rows, indexes, strict=True) if row.applies(facts, over))
            for facts in _wires(len(bounds))
        }


def covers(more: Sequence[Approver], less: Sequence[Approver]) -> bool:
    """Whether the approvers `more` could stand in for each of `less`: every kind of officer is an officer."""
    if len(more) < len(less):
        return False
    return any(
        all(wanted in (Approver.OFFICER, given) for wanted, given in zip(less, chosen, strict=True))
        for chosen in permutations(more, len(less))
    )


def place_for(
    approvers: Sequence[Approver], filled: Iterable[int], roles: Iterable[Approver], *, in_order: bool
) -> int | None:
    """Which of the places (from 1) an officer with these roles fills next; None where none of the open ones is theirs.

    With `in_order` only the first open place is considered, otherwise the one that the fewest others could fill.
    """
    taken, able = frozenset(filled), frozenset(roles)
    open_places = [place for place in range(1, len(approvers) + 1) if place not in taken]
    if in_order:
        open_places = open_places[:1]
    fitting = [place for place in open_places if approvers[place - 1] in able]
    return min(fitting, key=lambda place: _RAREST.index(approvers[place - 1]), default=None)


def _wires(bounds: int) -> Iterator[Facts]:
    both = (False, True)
    for over, country, new, odd, customer, name in product(range(bounds + 1), Risk, both, both, Risk, both):
        yield Facts(
            base_minor=over,
            country=country,
            new_beneficiary=new,
            unusual=odd,
            customer=customer,
            similar_name=name,
        )


def _riskier(facts: Facts, most: int) -> Iterator[Facts]:
    """The wires that are riskier than that one in one thing, by one step."""
    levels = list(Risk)
    if facts.base_minor is not None and facts.base_minor < most:
        yield facts.model_copy(update={"base_minor": facts.base_minor + 1})
    for name in ("country", "customer"):
        risk: Risk = getattr(facts, name)
        if risk is not Risk.HIGH:
            yield facts.model_copy(update={name: levels[risk.rank + 1]})
    for name in ("new_beneficiary", "unusual", "similar_name"):
        if not getattr(facts, name):
            yield facts.model_copy(update={name: True})


def _is_over(facts: Facts, bound: int) -> bool:
    return facts.base_minor is None or facts.base_minor > bound


def _named(approvers: Sequence[Approver]) -> str:
    return " and ".join(approvers) or "nobody"


_ONE: Final = (Approver.OFFICER,)
_TWO: Final = (Approver.OFFICER, Approver.OFFICER)
_WITH_SENIOR: Final = (Approver.OFFICER, Approver.SENIOR)

# reference/banking.md §6.6. Its first line asks for nobody where amount, beneficiary and country are all harmless; as
# shipped that takes one officer too, until the bank publishes a matrix that says otherwise.
DEFAULT_MATRIX: Final = Matrix(
    rows=(
        Row(name="similar_name", similar_name=True, approvers=_WITH_SENIOR),
        Row(name="over_1m", over=1_000_000, approvers=_WITH_SENIOR),
        Row(name="high_risk_country", country=Risk.HIGH, approvers=_WITH_SENIOR),
        Row(name="high_risk_customer", customer=Risk.HIGH, approvers=_WITH_SENIOR),
        Row(name="over_250k", over=250_000, approvers=_TWO),
        Row(name="medium_risk_country", country=Risk.MEDIUM, approvers=_TWO),
        Row(name="unusual", over=10_000, unusual=True, approvers=_TWO),
        Row(name="new_beneficiary", new_beneficiary=True, approvers=_ONE),
        Row(name="over_10k", over=10_000, approvers=_ONE),
        Row(name="small_and_known", approvers=_ONE),
    ),
    call_back_over=1_000_000,
)
