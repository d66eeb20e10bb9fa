"""The rules of monitoring as data: kinds, parameters, and what is shipped.

A rule looks at what one account moves. Amounts are whole units of the account's own currency, named for each currency:
a threshold that is law in one currency would wander in another with the rate. An account in a currency that a rule does
not name is not looked at by it.

Fees, transfers between accounts of one person, and what the bank does by itself never count.
"""

from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from models.money import EXPONENTS
from models.statements import ZONE

MOST_RULES: Final = 30


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone") from None
    return name


def _are_currencies(amounts: dict[str, int]) -> dict[str, int]:
    unknown = sorted(amounts.keys() - EXPONENTS.keys())
    if unknown:
        raise ValueError(f"no currencies of this bank: {', '.join(unknown)}")
    return amounts


Zone = Annotated[str, AfterValidator(_is_zone)]
Amounts = Annotated[
    dict[str, Annotated[int, Field(ge=1, le=10**9)]], AfterValidator(_are_currencies), Field(max_length=40)
]
Count = Annotated[int, Field(ge=2, le=10_000)]
Direction: TypeAlias = Literal["in", "out", "both"]


class _Rule(BaseModel):
    """What all rules have. `two_people`: a case with such an alert takes two officers to be closed as explained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{2,39}$")]
    direction: Direction = "both"
    two_people: bool = False


class Velocity(_Rule):
    """So many movements, or so much in all, within hours that have passed, whatever clocks say.

    `count` or `amounts`, or both: either is enough.
    """

    kind: Literal["velocity"] = "velocity"
    hours: Annotated[int, Field(ge=1, le=744)]
    count: Count | None = None
    amounts: Amounts = {}

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.count is None and not self.amounts:
            raise ValueError("a velocity has a count or amounts")
        return self


class _ByDays(_Rule):
    """A rule over days of a calendar: today in `zone`, and those before."""

    days: Annotated[int, Field(ge=1, le=31)]
    zone: Zone = ZONE
    count: Count
    amounts: Annotated[Amounts, Field(min_length=1)]


class RoundAmounts(_ByDays):
    """So many movements of whole multiples of an amount: money that is passed on is round, what is bought is not."""

    kind: Literal["round_amounts"] = "round_amounts"


class Structuring(_ByDays):
    """So many movements that each stay a little below a threshold and together reach it (31 CFR 1010.314: to break a
    sum up so that its parts escape a report)."""

    kind: Literal["structuring"] = "structuring"
    margin_percent: Annotated[int, Field(ge=1, le=50)]


class Dormant(_Rule):
    """A movement of that size on an account on which no movement had counted for so many days of 24 hours.

    An account that never moved is new, and not dormant.
    """

    kind: Literal["dormant"] = "dormant"
    days: Annotated[int, Field(ge=30, le=3650)]
    amounts: Annotated[Amounts, Field(min_length=1)]


Rule = Annotated[Velocity | RoundAmounts | Structuring | Dormant, Field(discriminator="kind")]


class Rulebook(BaseModel):
    """The rules of one version. Their names are told apart, since alerts are told by them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MOST_RULES)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("two rules have the same name")
        return self

    def stored(self) -> list[dict[str, Any]]:
        """The rules as they are kept, with nothing that is not set."""
        return [rule.model_dump(mode="json", exclude_none=True) for rule in self.rules]


# What a bank begins with; compliance publishes its own. The threshold of cash reports in the United States is 10,000
# USD (31 CFR 1010.311), and traders in the European Union take no more than 10,000 EUR in cash (Regulation 2024/1624,
# article 80).
_TEN_THOUSAND: Final = {"USD": 10_000, "EUR": 10_000, "GBP": 10_000, "CHF": 10_000, "JPY": 1_500_000}
_A_THOUSAND: Final = {"USD": 1_000, "EUR": 1_000, "GBP": 1_000, "CHF": 1_000, "JPY": 150_000}
DEFAULT_RULES: Final = Rulebook(
    rules=(
        Velocity(
            name="velocity_day",
            direction="out",
            hours=24,
            count=25,
            amounts={"USD": 250_000, "EUR": 250_000, "GBP": 250_000, "CHF": 250_000, "JPY": 40_000_000},
        ),
        RoundAmounts(name="round_amounts_week", direction="both", days=7, count=5, amounts=_A_THOUSAND),
        Structuring(
            name="structuring_below_report",
            direction="both",
            days=3,
            count=3,
            margin_percent=10,
            amounts=_TEN_THOUSAND,
            two_people=True,
        ),
        Dormant(name="dormant_awakened", direction="both", days=180, amounts=_A_THOUSAND),
    )
)
