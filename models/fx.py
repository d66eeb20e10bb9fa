"""Rates of exchange, as far as amounts are compared in one currency. Nothing is exchanged by them.

A rate says how many units of the target currency one unit of the base currency is worth, and until when its provider
stands for it. A rate that is over is not used: whoever asked for it has to do without, and say so.
"""

from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from models.money import MAX_MINOR, exponent

# What the seeded rates say that they are; no real source has that name.
SIMULATED: Final = "simulated"
_DIGITS: Final = Context(prec=40)


class Rate(BaseModel):
    """One unit of `base` is worth `rate` units of `target`, by `provider`, from `effective_from` on."""

    model_config = ConfigDict(frozen=True)

    base: str
    target: str
    rate: Decimal = Field(gt=0)
    provider: str
    effective_from: datetime
    effective_to: datetime | None = None


def worth_at_least(amount_minor: int, currency: str, rate: Rate) -> int:
    """`amount_minor` of the currency on one side of `rate` in minor units of the other, rounded up.

    Up, because the result is compared with limits: half a cent above one is above it. No more than `MAX_MINOR`, which
    is above every limit. Raises `ValueError` for a rate that says nothing of `currency`.
    """
    if currency == rate.target:
        worth, other = _DIGITS.divide(Decimal(amount_minor), rate.rate), rate.base
    elif currency == rate.base:
        worth, other = _DIGITS.multiply(Decimal(amount_minor), rate.rate), rate.target
    else:
        raise ValueError(f"a rate of {rate.base} to {rate.target} says nothing of {currency}")
    shifted = worth.scaleb(exponent(other) - exponent(currency))
    return min(MAX_MINOR, int(shifted.to_integral_value(rounding=ROUND_CEILING)))
