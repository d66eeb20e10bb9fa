"""Who has to approve a wire. The clock that runs until they have is `models.sla`."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from models.money import to_minor
from models.wires.states import ComplianceStatus


class Tier(BaseModel):
    """How many officers approve a wire of at most `up_to` (major units), and whether one has to be senior."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: int | None
    approvals: int
    senior: bool = False


# reference/banking.md §6.6, with one approval at least: without known beneficiaries every one of them is new.
TIERS: Final[tuple[Tier, ...]] = (
    Tier(up_to=250_000, approvals=1),
    Tier(up_to=1_000_000, approvals=2),
    Tier(up_to=None, approvals=2, senior=True),
)


def tier_of(amount_minor: int, currency: str, compliance: ComplianceStatus, tiers: tuple[Tier, ...]) -> Tier:
    """The tier that a wire falls into. A name that resembles a listed one is for two, one of them senior."""
    for tier in tiers:
        if tier.up_to is None or amount_minor <= to_minor(tier.up_to, currency):
            break
    else:
        raise ValueError("the last tier of AURUM_WIRE_TIERS has to have no upper end")
    if compliance is ComplianceStatus.IN_REVIEW:
        return Tier(up_to=tier.up_to, approvals=max(2, tier.approvals), senior=True)
    return tier
