"""What transfers within the bank cost, by tier and currency: rules as data, the first that fits counts.

The payer bears a fee beside the amount (charges OUR, reference/banking.md §6.8): it is covered by the available balance
like the amount, and counts against no limit, since limits are of what leaves to others. Between accounts of one person
nothing is charged. The default is no rule, and so no fee.
"""

from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.errors import InvalidAmount, UnknownCurrency
from models.money import share_half_up, to_minor

# What a rule may be for.
TIERS: Final = ("standard", "premium", "private")


def _exact(value: object) -> object:
    """A number in JSON is read as it is written, not as the binary fraction next to it."""
    return str(value) if isinstance(value, float) else value


Number = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, allow_inf_nan=False)]


class FeeRule(BaseModel):
    """`fixed` (major units) and `percent` of the amount, together at least `least` and at most `most`.

    Without a tier it is for all, without a currency too; then it can name no amounts. Raises pydantic's
    `ValidationError` for amounts that the currency does not have, and for what cannot be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: str | None = None
    currency: str | None = None
    fixed: Number = Decimal(0)
    percent: Annotated[Number, Field(le=100)] = Decimal(0)
    least: Number | None = None
    most: Number | None = None

    @model_validator(mode="after")
    def _can_be_charged(self) -> Self:
        if self.tier is not None and self.tier not in TIERS:
            raise ValueError(f"a tier is one of {', '.join(TIERS)}")
        amounts = [amount for amount in (self.fixed, self.least, self.most) if amount]
        if self.currency is None and amounts:
            raise ValueError("a rule for all currencies charges a percentage alone")
        if self.currency is not None:
            try:
                for amount in [Decimal(0), *amounts]:
                    to_minor(amount, self.currency)
            except (InvalidAmount, UnknownCurrency) as error:
                raise ValueError(error.detail) from None
        if self.most is not None and self.most < (self.least or 0):
            raise ValueError("the most that is charged is at least the least")
        return self

    def fits(self, tier: str, currency: str) -> bool:
        """Whether the rule is for a customer of that tier who pays in that currency."""
        return self.tier in (None, tier) and self.currency in (None, currency)

    def charge(self, amount_minor: int, currency: str) -> int:
        """The fee for `amount_minor`, in minor units; the percentage is rounded half up."""
        fee = to_minor(self.fixed, currency) + share_half_up(amount_minor, self.percent)
        if self.least is not None:
            fee = max(fee, to_minor(self.least, currency))
        return fee if self.most is None else min(fee, to_minor(self.most, currency))


FeeSchedule = tuple[FeeRule, ...]
FREE: Final[FeeSchedule] = ()


def transfer_fee(schedule: FeeSchedule, *, tier: str, currency: str, amount_minor: int, own: bool) -> int:
    """What a transfer costs its payer, in minor units. `own`: to another account of theirs."""
    if own:
        return 0
    rule = next((rule for rule in schedule if rule.fits(tier, currency)), None)
    return 0 if rule is None else rule.charge(amount_minor, currency)
