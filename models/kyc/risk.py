"""The risk rating of a customer: points for each factor, explained one by one (reference/banking.md §6.11).

Factors, points and lists of countries are data (`models/data/kyc_risk.json`) with a version that each rating carries,
so that what was decided on stays explainable when the table has changed. Some findings set a level whatever the sum
says (`at_least`).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

_DATA: Final = Path(__file__).parents[1] / "data" / "kyc_risk.json"


class RiskLevel(StrEnum):
    """How closely a customer is looked at."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_RANK: Final = {RiskLevel.LOW: 0, RiskLevel.MEDIUM: 1, RiskLevel.HIGH: 2}
# Years until the next review (reference/banking.md §6.11).
REVIEW_YEARS: Final[dict[RiskLevel, int]] = {RiskLevel.HIGH: 1, RiskLevel.MEDIUM: 3, RiskLevel.LOW: 5}


class Eyes(BaseModel):
    """How many officers approve, and whether one of them is senior."""

    model_config = ConfigDict(frozen=True)

    approvals: int
    senior: bool = False


EYES: Final[dict[RiskLevel, Eyes]] = {
    RiskLevel.LOW: Eyes(approvals=1),
    RiskLevel.MEDIUM: Eyes(approvals=1),
    RiskLevel.HIGH: Eyes(approvals=2, senior=True),
}


class RiskModel(BaseModel):
    """The table that ratings are made by."""

    model_config = ConfigDict(frozen=True)

    version: str
    note: str
    medium_from: int
    high_from: int
    countries: dict[str, frozenset[str]]
    factors: dict[str, dict[str, int]]
    at_least: dict[str, dict[str, RiskLevel]]

    def country_class(self, country: str | None) -> str:
        """What a country counts as."""
        if country is None:
            return "unknown"
        return next((name for name, listed in self.countries.items() if country in listed), "standard")


class Points(BaseModel):
    """What one factor gave, and why."""

    model_config = ConfigDict(frozen=True)

    factor: str
    value: str
    points: int
    at_least: RiskLevel | None = None


class Rating(BaseModel):
    """A customer's risk, with every point accounted for."""

    model_config = ConfigDict(frozen=True)

    version: str
    level: RiskLevel
    points: int
    factors: tuple[Points, ...]


@lru_cache(maxsize=1)
def risk_model() -> RiskModel:
    """The table as it is now."""
    return RiskModel.model_validate_json(_DATA.read_text(encoding="utf-8"))


def volume_class(major: int | None) -> str:
    """What an expected monthly volume in euros counts as."""
    if major is None:
        return "undeclared"
    ends = ((5_000, "up_to_5000"), (25_000, "up_to_25000"), (100_000, "up_to_100000"))
    return next((name for end, name in ends if major <= end), "above_100000")


def rate(facts: Mapping[str, str], model: RiskModel | None = None) -> Rating:
    """The rating of a customer of whom `facts` names the value of every factor. Raises `KeyError` for a factor or a
    value that the table does not know: nothing is rated by leaving it out."""
    table = model or risk_model()
    factors = tuple(
        Points(
            factor=name,
            value=facts[name],
            points=points[facts[name]],
            at_least=table.at_least.get(name, {}).get(facts[name]),
        )
        for name, points in table.factors.items()
    )
    total = sum(one.points for one in factors)
    levels = [one.at_least for one in factors if one.at_least is not None]
    by_sum = (
        RiskLevel.HIGH
        if total >= table.high_from
        else RiskLevel.MEDIUM
        if total >= table.medium_from
        else RiskLevel.LOW
    )
    return Rating(
        version=table.version,
        level=max([by_sum, *levels], key=_RANK.__getitem__),
        points=total,
        factors=factors,
    )


def next_review(level: RiskLevel, at: datetime) -> datetime:
    """When a customer approved at `at` is looked at again. Where 29 February is missing it is the 28th."""
    year = at.year + REVIEW_YEARS[level]
    try:
        return at.replace(year=year)
    except ValueError:
        return at.replace(year=year, day=28)
