"""The terms on which wires are taken: what they cost, how much may leave, and what some destinations ask for.

Terms are data of the bank (`AURUM_WIRE_FEES`, `AURUM_WIRE_LIMITS`); what is here by default is meant to be changed.
Amounts in terms are major units.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from models.bank import Charges
from models.errors import RuleRefused
from models.limits import TierLimits
from models.money import to_minor

# The EEA by the countries of BICs: the Union with its outermost regions, and Iceland, Liechtenstein, Norway.
# fmt: off
EEA: Final = frozenset({
    "AT", "AX", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GF", "GP", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MF", "MQ", "MT", "NL", "NO", "PL", "PT", "RE", "RO", "SE", "SI", "SK", "YT",
})
# fmt: on
EEA_CURRENCIES: Final = frozenset({"CZK", "DKK", "EUR", "HUF", "ISK", "NOK", "PLN", "RON", "SEK"})


class Fee(BaseModel):
    """What a wire in one currency costs. `correspondent` is taken in advance for the banks on the way where the sender
    bears their charges (OUR). `tiers`: a fee of our own that is another one for some customers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fee: Decimal = Field(ge=0)
    correspondent: Decimal = Field(default=Decimal(0), ge=0)
    tiers: dict[str, Decimal] = Field(default_factory=dict)


# Currencies that are not here cannot be wired. The same for every tier: no reference names a discount.
FEES: Final[dict[str, Fee]] = {
    "USD": Fee(fee=Decimal(25), correspondent=Decimal(20)),
    "EUR": Fee(fee=Decimal(20), correspondent=Decimal(15)),
    "GBP": Fee(fee=Decimal(18), correspondent=Decimal(15)),
}

# reference/banking.md §6.11: standard customers wire no more than 10k; day and month are those of transfers. What is
# negotiated with private customers is set to what the desk's largest approvals are for.
WIRE_LIMITS: Final[dict[str, TierLimits]] = {
    "standard": TierLimits(per_transfer=10_000, day=10_000, month=50_000),
    "premium": TierLimits(per_transfer=100_000, day=100_000, month=500_000),
    "private": TierLimits(per_transfer=10_000_000, day=20_000_000, month=100_000_000),
    "limited": TierLimits(per_transfer=1_000, day=1_000, month=5_000),
}


class WireTerms(BaseModel):
    """The terms in force. `bank_country` is ours."""

    model_config = ConfigDict(frozen=True)

    fees: dict[str, Fee] = FEES
    limits: dict[str, TierLimits] = WIRE_LIMITS
    bank_country: str = "NL"


class Price(BaseModel):
    """What a wire costs, in minor units: `fee_minor` on top of the amount, of which `correspondent_minor` is for the
    banks on the way (OUR); or `deducted_minor` out of the amount (BEN)."""

    model_config = ConfigDict(frozen=True)

    fee_minor: int
    correspondent_minor: int = 0
    deducted_minor: int = 0


def price(currency: str, charges: Charges, tier: str = "standard", fees: dict[str, Fee] = FEES) -> Price:
    """What is charged (reference/banking.md §6.8). Raises `RuleRefused` for a currency that cannot be wired.

    OUR: our fee and the correspondents', taken in advance. SHA: our fee. BEN: our fee out of the amount, told in the
    message; the banks on the way take theirs out of it too, and each of them says so.
    """
    if currency not in fees:
        raise RuleRefused(f"wires are sent in {', '.join(sorted(fees))}; {currency} is not among them")
    schedule = fees[currency]
    own = to_minor(schedule.tiers.get(tier, schedule.fee), currency)
    match charges:
        case Charges.BEN:
            return Price(fee_minor=0, deducted_minor=own)
        case Charges.OUR:
            correspondent = to_minor(schedule.correspondent, currency)
            return Price(fee_minor=own + correspondent, correspondent_minor=correspondent)
        case Charges.SHA:
            return Price(fee_minor=own)


class ChargesRefused(RuleRefused):
    """The law leaves no choice who bears the charges of this payment."""

    code = "charges_refused"
    title = "Charges have to be shared"


def check_charges(charges: Charges, currency: str, bank_country: str, recipient_country: str) -> None:
    """Raises `ChargesRefused` where charges are not shared in a payment within the EEA in a currency of its countries:
    each side pays its own bank (Directive (EU) 2015/2366, Article 62(2))."""
    inside = bank_country in EEA and recipient_country in EEA and currency in EEA_CURRENCIES
    if inside and charges is not Charges.SHA:
        raise ChargesRefused(
            f"a payment in {currency} within the EEA shares its charges (SHA), by law: each side pays its own bank",
            charges=charges.value,
            allowed=[Charges.SHA.value],
        )


class PurposeNeed(StrEnum):
    """Whether a payment says what it is for. `expected`: it may be asked about, or sent back, without."""

    REQUIRED = "required"
    EXPECTED = "expected"
    OPTIONAL = "optional"


# Countries whose central bank asks for the purpose of each payment from abroad (reference/banking.md §6.2), with the
# currency in which no payment is taken without. In another currency the recipient's bank asks for it, by its own rules.
PURPOSE_CORRIDORS: Final[dict[str, str]] = {
    "AE": "AED", "BH": "BHD", "CN": "CNY", "IN": "INR", "JO": "JOD", "MY": "MYR",
}  # fmt: skip


class PurposeRequired(RuleRefused):
    """The country of the recipient takes no payment in its currency without a purpose."""

    code = "purpose_code_required"
    title = "Purpose is missing"


def purpose_need(country: str, currency: str) -> PurposeNeed:
    """Whether a payment in `currency` to `country` has to say what it is for."""
    local = PURPOSE_CORRIDORS.get(country)
    if local is None:
        return PurposeNeed.OPTIONAL
    return PurposeNeed.REQUIRED if currency == local else PurposeNeed.EXPECTED


def check_purpose(purpose_code: str | None, country: str, currency: str) -> None:
    """Raises `PurposeRequired`."""
    if purpose_code is None and purpose_need(country, currency) is PurposeNeed.REQUIRED:
        raise PurposeRequired(f"a payment in {currency} to {country} needs a purpose_code, for example SUPP or SALA")
