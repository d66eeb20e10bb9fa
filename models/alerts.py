"""Alerts on prices: when they fire, and what their customer is told (contract §8).

`above` and `below` fire when the price reaches the level, at once if it is there already; `crosses` when it passes it
from the side where it was when the alert was set; `percent_move` when it is so many per cent from the close before, up
or down. An alert that repeats fires each time anew, at most once in its cooldown; any other fires once.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.auth import Letter
from models.errors import RuleRefused

MOST_ALERTS = 200


class Condition(StrEnum):
    """What has to happen to the price."""

    ABOVE = "above"
    BELOW = "below"
    CROSSES = "crosses"
    PERCENT_MOVE = "percent_move"


class AlertStatus(StrEnum):
    """`triggered`: it has fired, and does not repeat."""

    ACTIVE = "active"
    TRIGGERED = "triggered"
    PAUSED = "paused"
    EXPIRED = "expired"


class TooManyAlerts(RuleRefused):
    """A customer has so many alerts at most."""

    code = "too_many_alerts"
    title = "Too many alerts"


class Firing(BaseModel):
    """An alert that fired, for the `number`th time."""

    model_config = ConfigDict(frozen=True)

    alert_id: UUID
    number: int
    user_id: UUID
    symbol: str
    condition: Condition
    level: Decimal
    price: Decimal
    as_of: datetime


class Swept(BaseModel):
    """What a sweep did: the symbols that have alerts, those whose price was told, the alerts that fired or expired."""

    model_config = ConfigDict(frozen=True)

    symbols: int
    priced: int
    fired: int
    expired: int


def fired(firing: Firing) -> Letter:
    """Tells a customer what they asked to be told."""
    price, level = f"{firing.price.normalize():f}", f"{firing.level.normalize():f}"
    what = {
        Condition.ABOVE: f"has reached {level} or more",
        Condition.BELOW: f"has reached {level} or less",
        Condition.CROSSES: f"has crossed {level}",
        Condition.PERCENT_MOVE: f"has moved {level} per cent or more since the close before",
    }[firing.condition]
    return Letter(
        subject=f"{firing.symbol} is at {price}",
        body=(
            f"{firing.symbol} {what}: its price was {price} on {firing.as_of:%d %B %Y, %H:%M} UTC.\n\n"
            "You asked to be told. You can pause or delete this alert where you set it.\n"
        ),
    )
