"""What the desks go by: fees, limits, clocks."""

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, Field, model_validator

from models.calendar_rules import rules
from models.errors import InvalidAmount
from models.fees import FREE, FeeSchedule
from models.kyc.rules import DeskRules
from models.limits import TierLimits
from models.money import to_minor
from models.payments import FEES as PAYMENT_FEES
from models.payments import fee_of
from models.wires import FEES, WIRE_LIMITS, Fee


class DeskSettings(BaseModel):
    """Transfers, wires, reviews of customers, payments by the local rails."""

    # What transfers within the bank cost (models/fees.py), a JSON list of rules; without any they are free.
    transfer_fees: FeeSchedule = FREE

    # Wire desk. Durations are business time when bank_hours is `calendar`.
    # Amounts of every currency are compared in this one: by the approval matrix, by what officers may approve.
    base_currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    wire_sla_seconds: int = Field(default=2 * 3600, ge=1)
    wire_hard_stop_seconds: int = Field(default=8 * 3600, ge=1)
    wire_screening_seconds: int = Field(default=2 * 3600, ge=1)
    # What a third person has to look at an override of the matrix, after it: two days of the desk.
    wire_after_review_seconds: int = Field(default=20 * 3600, ge=2)
    wire_acknowledgement_seconds: int = Field(default=4 * 3600, ge=1)
    # What wires cost by currency, and how much of a tier may leave: major units.
    wire_fees: dict[str, Fee] = FEES
    wire_limits: dict[str, TierLimits] = WIRE_LIMITS
    # How long a saved recipient counts as new; time on the clock, not business time.
    wire_cooling_seconds: int = Field(default=24 * 3600, ge=0)

    kyc: DeskRules = DeskRules()

    # Payments by the local rails. What one costs by currency, in major units; how soon its money is looked for again.
    payment_fees: dict[str, Decimal] = PAYMENT_FEES
    payment_retry_seconds: int = Field(default=2 * 3600, ge=1)
    payment_acknowledgement_seconds: int = Field(default=4 * 3600, ge=1)

    @model_validator(mode="after")
    def _payment_fees_can_be_booked(self) -> Self:
        for currency in self.payment_fees:
            if fee_of(currency, self.payment_fees) < 0:
                msg = "AURUM_PAYMENT_FEES: a fee is not below zero"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _deadlines_are_ordered(self) -> Self:
        if self.wire_hard_stop_seconds <= self.wire_sla_seconds:
            msg = "AURUM_WIRE_HARD_STOP_SECONDS has to be later than AURUM_WIRE_SLA_SECONDS"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _wires_have_a_rail_a_fee_and_limits(self) -> Self:
        unreachable = [currency for currency in self.wire_fees if not _has_rail(currency)]
        if unreachable:
            msg = f"AURUM_WIRE_FEES: there is no rail for {', '.join(unreachable)}"
            raise ValueError(msg)
        for currency, fee in self.wire_fees.items():
            for amount in (fee.fee, fee.correspondent, *fee.tiers.values()):
                _check_amount(amount, currency)
        if missing := WIRE_LIMITS.keys() - self.wire_limits.keys():
            msg = f"AURUM_WIRE_LIMITS has to name every tier; {', '.join(sorted(missing))} are missing"
            raise ValueError(msg)
        return self


def _check_amount(amount: Decimal, currency: str) -> None:
    try:
        to_minor(amount, currency)
    except InvalidAmount as error:
        msg = f"AURUM_WIRE_FEES: {error.detail}"
        raise ValueError(msg) from None


def _has_rail(currency: str) -> bool:
    rule = rules().get(currency)
    return rule is not None and rule.opens is not None
