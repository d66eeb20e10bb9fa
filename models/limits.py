"""How much a customer may move, by tier, in windows that roll (contract §4; reference/banking.md §6.11).

A use of a limit counts from its moment on for the length of the window, and is free again when exactly that much time
has gone by. Amounts are whole minor units of one currency: each currency has limits of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from pydantic import BaseModel, ConfigDict

from models.errors import RuleRefused
from models.money import exponent, to_decimal

DAY: Final = timedelta(hours=24)
MONTH: Final = timedelta(days=30)


class LimitExceeded(RuleRefused):
    """More than a limit of the customer leaves. `limit`, `used`, `left` and `resets_at` say how much, and from when."""

    code = "limit_exceeded"
    title = "Limit exceeded"


class TierLimits(BaseModel):
    """What may leave in one transfer, in 24 hours, in 30 days: major units of a currency that is worth about a euro."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_transfer: int
    day: int
    month: int


# Day and month of standard and premium are those of reference/banking.md §6.11. What it leaves to negotiation for
# private customers is set here to ten times premium. One transfer may use up the day: the reference names no other end.
TRANSFER_LIMITS: Final[dict[str, TierLimits]] = {
    "standard": TierLimits(per_transfer=10_000, day=10_000, month=50_000),
    "premium": TierLimits(per_transfer=100_000, day=100_000, month=500_000),
    "private": TierLimits(per_transfer=1_000_000, day=1_000_000, month=5_000_000),
    # While a review is overdue (models/kyc/policy.py LIMITED_TIER): enough to live on.
    "limited": TierLimits(per_transfer=1_000, day=1_000, month=5_000),
}

# How many units of a currency stand for one of the tables above. Round figures on purpose and not today's rates: a
# limit that moves with the market cannot be told to anybody. Currencies that are not here stand for themselves.
UNITS: Final[dict[str, Decimal]] = {
    currency: Decimal(units)
    for currency, units in {
        "AED": "4", "AUD": "1.5", "BHD": "0.4", "CAD": "1.5", "CZK": "25", "DKK": "7.5", "HKD": "8", "HUF": "400",
        "JOD": "0.75", "JPY": "150", "KRW": "1500", "KWD": "0.3", "NOK": "10", "NZD": "1.75", "OMR": "0.4", "PLN": "4",
        "SEK": "10", "SGD": "1.5", "TND": "3", "ZAR": "20",
    }.items()
}  # fmt: skip


class Limit(BaseModel):
    """One limit in minor units. Without a window it is for each transfer by itself."""

    model_config = ConfigDict(frozen=True)

    name: str
    limit_minor: int
    window: timedelta | None = None


class Use(BaseModel):
    """An amount that counts from `at` on."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    amount_minor: int


def limits_of(
    tier: str, currency: str, table: dict[str, TierLimits] = TRANSFER_LIMITS, *, each: str = "transfer"
) -> tuple[Limit, ...]:
    """The limits of a tier in a currency, the narrowest first; `each` is what one movement is called. Raises
    `UnknownCurrency`."""
    chosen = table[tier]
    unit = UNITS.get(currency, Decimal(1)).scaleb(exponent(currency))

    def minor(major: int) -> int:
        return int((major * unit).to_integral_value(ROUND_HALF_UP))

    return (
        Limit(name=f"per_{each}", limit_minor=minor(chosen.per_transfer)),
        Limit(name="day", limit_minor=minor(chosen.day), window=DAY),
        Limit(name="month", limit_minor=minor(chosen.month), window=MONTH),
    )


def used(limit: Limit, uses: Sequence[Use], now: datetime) -> int:
    """How much of `limit` is used at `now`."""
    if limit.window is None:
        return 0
    return sum(use.amount_minor for use in uses if use.at > now - limit.window)


def resets_at(limit: Limit, amount_minor: int, uses: Sequence[Use], now: datetime) -> datetime | None:
    """The first moment, not before `now`, at which `amount_minor` fits. None if it never does."""
    if amount_minor > limit.limit_minor:
        return None
    if limit.window is None:
        return now
    counted = sorted((use for use in uses if use.at > now - limit.window), key=lambda use: use.at)
    left = limit.limit_minor - sum(use.amount_minor for use in counted)
    moment = now
    for use in counted:
        if amount_minor <= left:
            break
        left += use.amount_minor
        moment = use.at + limit.window
    return moment


def refusal(limit: Limit, amount_minor: int, uses: Sequence[Use], now: datetime, currency: str) -> LimitExceeded | None:
    """What to tell somebody whose `amount_minor` does not fit; None if it does."""
    spent = used(limit, uses, now)
    left = max(0, limit.limit_minor - spent)
    if amount_minor <= left:
        return None
    again = resets_at(limit, amount_minor, uses, now)
    allowed = to_decimal(limit.limit_minor, currency)
    windows = {None: f"one {limit.name.removeprefix('per_')}", DAY: "24 hours", MONTH: "30 days"}
    return LimitExceeded(
        f"The limit is {allowed:,f} {currency} for {windows[limit.window]};"
        f" {to_decimal(left, currency):,f} of it are left",
        limit_name=limit.name,
        limit=allowed,
        used=to_decimal(spent, currency),
        left=to_decimal(left, currency),
        currency=currency,
        resets_at=again,
    )


class Room(BaseModel):
    """How much of one limit is used and left. `resets_at` is when the oldest of what is used is free again; None where
    nothing is used."""

    model_config = ConfigDict(frozen=True)

    limit: Limit
    used_minor: int
    left_minor: int
    resets_at: datetime | None


def room(limit: Limit, uses: Sequence[Use], now: datetime) -> Room:
    """What `uses` leave of `limit` at `now`."""
    spent = used(limit, uses, now)
    counted = [use.at for use in uses if limit.window is not None and use.at > now - limit.window]
    return Room(
        limit=limit,
        used_minor=spent,
        left_minor=max(0, limit.limit_minor - spent),
        resets_at=min(counted) + limit.window if counted and limit.window else None,
    )
