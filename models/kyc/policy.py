"""What a customer may do while they are not approved, limited or frozen: one policy, asked by everything that moves
money or opens something (contract §6: money leaves no account of a customer who is not approved).

Each refusal is a 403 whose `code` says what to do about it:

    customer_frozen      the bank has frozen the customer: speak to the bank
    kyc_required         hand in documents and submit them
    kyc_in_review        wait: the bank is looking
    kyc_info_requested   answer what the bank has asked
    kyc_rejected         the bank does not do business with the customer
    kyc_expired          the review is long overdue: hand in what is asked
    kyc_review_overdue   the review is overdue, and this act is among those that wait for it
"""

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from models.errors import AurumError, CustomerFrozen, KycRequired
from models.kyc.states import KycStatus, Restriction


class Act(StrEnum):
    """What a customer is about to do."""

    OPEN_ACCOUNT = "open_account"
    TRANSFER = "transfer"
    EXCHANGE = "exchange"
    PAYMENT = "payment"
    WIRE = "wire"
    TRADE = "trade"
    WITHDRAW = "withdraw"


# While a review is overdue and not yet long so: what stays inside this bank goes on, under lower limits
# (`models.limits`); what leaves it, and what makes the relation larger, waits.
WHILE_LIMITED: Final = frozenset({Act.TRANSFER, Act.EXCHANGE})
# The name of the lower limits, beside those of the tiers.
LIMITED_TIER: Final = "limited"


class KycInReview(KycRequired):
    """The bank is looking at what the customer handed in."""

    code: ClassVar[str] = "kyc_in_review"
    title: ClassVar[str] = "Identity check in progress"


class KycInfoRequested(KycRequired):
    """The bank has asked something."""

    code: ClassVar[str] = "kyc_info_requested"
    title: ClassVar[str] = "A question of the bank is open"


class KycRejected(KycRequired):
    """The bank has refused the customer."""

    code: ClassVar[str] = "kyc_rejected"
    title: ClassVar[str] = "Identity check not passed"


class KycExpired(KycRequired):
    """The review of the customer is long overdue, and their approval has lapsed."""

    code: ClassVar[str] = "kyc_expired"
    title: ClassVar[str] = "Identity check has expired"


class KycReviewOverdue(KycRequired):
    """The review of the customer is overdue, and outgoing is limited until it is passed."""

    code: ClassVar[str] = "kyc_review_overdue"
    title: ClassVar[str] = "Identity check is overdue"


class Standing(BaseModel):
    """All that the policy asks about a customer."""

    model_config = ConfigDict(frozen=True)

    status: str
    kyc_status: KycStatus
    restriction: Restriction

    @property
    def limited(self) -> bool:
        """Whether the lower limits hold."""
        return self.restriction is not Restriction.NONE


_SEE: Final = "see /kyc/status"
_REFUSALS: Final[dict[KycStatus, tuple[type[KycRequired], str]]] = {
    KycStatus.NOT_STARTED: (KycRequired, f"this is possible once your identity check is approved: {_SEE}"),
    KycStatus.PENDING: (KycRequired, f"this is possible once your identity check is approved: {_SEE}"),
    KycStatus.SUBMITTED: (KycInReview, f"your identity check is in progress: {_SEE}"),
    KycStatus.IN_REVIEW: (KycInReview, f"your identity check is in progress: {_SEE}"),
    KycStatus.INFO_REQUESTED: (KycInfoRequested, f"we have asked you something about your identity check: {_SEE}"),
    KycStatus.REJECTED: (KycRejected, f"your identity check was not passed: {_SEE}"),
    KycStatus.EXPIRED: (KycExpired, f"your identity check has expired and has to be renewed: {_SEE}"),
}


def refusal(standing: Standing, act: Act) -> AurumError | None:
    """Why a customer who stands so may not do `act`; None if they may."""
    if standing.status != "active":
        return CustomerFrozen("your access is frozen; speak to the bank")
    if standing.kyc_status is not KycStatus.APPROVED:
        leaf, detail = _REFUSALS[standing.kyc_status]
        return leaf(detail, kyc_status=standing.kyc_status)
    if standing.restriction in {Restriction.FROZEN, Restriction.EXIT}:
        return KycExpired(_REFUSALS[KycStatus.EXPIRED][1], kyc_status=standing.kyc_status)
    if standing.limited and act not in WHILE_LIMITED:
        return KycReviewOverdue(
            f"your identity check is overdue, and this has to wait for it: {_SEE}", kyc_status=standing.kyc_status
        )
    return None
