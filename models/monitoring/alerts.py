"""An alert in words and numbers, for whoever has to judge it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from models.money import to_minor, written
from models.monitoring.rules import Dormant, RoundAmounts, Rule, Structuring, Velocity

_WAYS = {"in": "incoming", "out": "outgoing", "both": "incoming and outgoing"}


class Facts(BaseModel):
    """What a rule counted when it spoke: amounts in minor units, `movements` and their sum since `begins_at`.

    `last_at`: of an account that was dormant, when something had moved on it before.
    """

    model_config = ConfigDict(frozen=True)

    currency: str
    movements: int
    amount_minor: int
    begins_at: datetime
    happened_at: datetime
    last_at: datetime | None = None


def explained(rule: Rule, facts: Facts) -> str:
    """Why `rule` has spoken, as a sentence that an officer reads."""
    total = written(facts.amount_minor, facts.currency)
    counted = f"{facts.movements} {_WAYS[rule.direction]} movement{'' if facts.movements == 1 else 's'}"
    match rule:
        case Velocity():
            return f"{counted} of {total} in all within {_hours(rule.hours)}; {_bounds(rule, facts)}."
        case RoundAmounts():
            return (
                f"{counted} in whole multiples of {_amount(rule, facts)}, {total} in all,"
                f" within {_days(rule.days)} ({rule.zone}); the rule speaks from {rule.count} on."
            )
        case Structuring():
            return (
                f"{counted}, each up to {rule.margin_percent} per cent below"
                f" {_amount(rule, facts)}, came to {total} within {_days(rule.days)} ({rule.zone}); the rule speaks"
                f" from {rule.count} on."
            )
        case Dormant():
            idle = (facts.happened_at - facts.last_at).days if facts.last_at else rule.days
            return (
                f"A movement of {total} on an account on which nothing had moved for {idle} days; the rule speaks from"
                f" {rule.days} days and {_amount(rule, facts)} on."
            )


def _bounds(rule: Velocity, facts: Facts) -> str:
    bounds = [] if rule.count is None else [f"{rule.count} movements"]
    if facts.currency in rule.amounts:
        bounds.append(_amount(rule, facts))
    return f"the rule speaks from {' or '.join(bounds)} on"


def _amount(rule: Rule, facts: Facts) -> str:
    return written(to_minor(rule.amounts[facts.currency], facts.currency), facts.currency)


def _hours(number: int) -> str:
    return "an hour" if number == 1 else f"{number} hours"


def _days(number: int) -> str:
    return "a day" if number == 1 else f"{number} days"
