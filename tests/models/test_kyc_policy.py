"""What a customer may do, for every way there is to stand and every act."""

from itertools import product

import pytest

from models.errors import CustomerFrozen, KycRequired
from models.kyc.policy import WHILE_LIMITED, Act, Standing, refusal
from models.kyc.states import KycStatus, Restriction
from models.limits import limits_of

CODES = {
    KycStatus.NOT_STARTED: "kyc_required",
    KycStatus.PENDING: "kyc_required",
    KycStatus.SUBMITTED: "kyc_in_review",
    KycStatus.IN_REVIEW: "kyc_in_review",
    KycStatus.INFO_REQUESTED: "kyc_info_requested",
    KycStatus.REJECTED: "kyc_rejected",
    KycStatus.EXPIRED: "kyc_expired",
}


@pytest.mark.parametrize("act", Act)
def test_nobody_does_anything_who_is_not_approved(act: Act) -> None:
    for status, restriction in product(CODES, Restriction):
        refused = refusal(Standing(status="active", kyc_status=status, restriction=restriction), act)
        assert isinstance(refused, KycRequired)
        assert refused.code == CODES[status]
        assert "/kyc/status" in refused.detail


def test_every_status_has_its_answer() -> None:
    assert set(CODES) == set(KycStatus) - {KycStatus.APPROVED}


@pytest.mark.parametrize("act", Act)
def test_a_frozen_customer_does_nothing_however_approved(act: Act) -> None:
    refused = refusal(Standing(status="frozen", kyc_status=KycStatus.APPROVED, restriction=Restriction.NONE), act)
    assert isinstance(refused, CustomerFrozen)


@pytest.mark.parametrize("act", Act)
def test_the_ladder_takes_away_step_by_step(act: Act) -> None:
    by_step = [
        refusal(Standing(status="active", kyc_status=KycStatus.APPROVED, restriction=restriction), act)
        for restriction in Restriction
    ]
    codes = [refused.code if refused else None for refused in by_step]
    limited = None if act in WHILE_LIMITED else "kyc_review_overdue"
    assert codes == [None, limited, "kyc_expired", "kyc_expired"]


def test_what_leaves_the_bank_waits_for_an_overdue_review() -> None:
    assert not WHILE_LIMITED & {Act.PAYMENT, Act.WIRE, Act.WITHDRAW, Act.OPEN_ACCOUNT, Act.TRADE}


def test_the_limits_of_an_overdue_review_are_lower_than_those_of_every_tier() -> None:
    low = limits_of("limited", "EUR")
    for tier in ("standard", "premium", "private"):
        assert all(
            mine.limit_minor < theirs.limit_minor for mine, theirs in zip(low, limits_of(tier, "EUR"), strict=True)
        )
