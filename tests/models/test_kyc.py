"""The rules of a review: moves, what is needed, how risk is rated, what a decision is bound to, the ladder."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from uuid_utils.compat import uuid7

from models.kyc.content import Content, content_hash
from models.kyc.documents import DocumentType
from models.kyc.ladder import ORDER, RUNGS, Rung, next_rung, passed
from models.kyc.letters import approved, asked, on_the_ladder, rejected, submitted, unanswered
from models.kyc.requirements import Ask, Paper, lacking, missing
from models.kyc.risk import EYES, RiskLevel, next_review, rate, risk_model, volume_class
from models.kyc.states import ASKING, ENDED, MOVES, OPEN, KycStatus, Mover, Occasion, Rejection
from tests.databases import Database

TODAY = date(2026, 11, 20)
SAFE = {
    "residence": "standard", "document_country": "standard", "tier": "standard", "channel": "remote",
    "occupation": "employed", "source_of_funds": "salary", "monthly_volume": "up_to_5000", "politically_exposed": "no",
    "sanctions": "none", "machine_readable_zone": "agrees", "shared_documents": "none", "behaviour": "usual",
}  # fmt: skip


def test_the_database_has_the_same_moves(database: Database) -> None:
    with psycopg.connect(database.owner_url) as owner:
        rows = owner.execute("SELECT from_status, to_status, mover FROM kyc_moves").fetchall()
    assert {(KycStatus(a), KycStatus(b), Mover(c)) for a, b, c in rows} == MOVES


def test_nothing_leaves_an_end_and_everything_open_can_end() -> None:
    assert not any(before in ENDED for before, _, _ in MOVES)
    assert ENDED | OPEN | {KycStatus.NOT_STARTED} == set(KycStatus)
    reached = set(ENDED)
    while more := {before for before, after, _ in MOVES if after in reached} - reached:
        reached |= more
    assert reached >= OPEN


def test_only_an_officer_approves_what_somebody_has_to_look_at() -> None:
    assert {mover for _, after, mover in MOVES if after is KycStatus.REJECTED} == {Mover.OFFICER}
    assert (KycStatus.IN_REVIEW, KycStatus.APPROVED, Mover.PROCESS) not in MOVES
    assert not any(mover is Mover.CUSTOMER for _, after, mover in MOVES if after is KycStatus.APPROVED)


def paper(kind: str, *, uploaded: date = TODAY, expires: date | None = None, scanned: bool = True) -> Paper:
    return Paper(
        id=uuid7(),
        document_type=DocumentType(kind),
        uploaded_on=uploaded,
        expires_on=expires,
        passed_scan=scanned,
    )


def lacks(*papers: Paper, tier: str = "standard", residence: str = "NL", occasion: str = "initial") -> dict[str, str]:
    ask = Ask(tier=tier, residence=residence, occasion=Occasion(occasion), valid_on=TODAY, since=TODAY)
    return {one.name: one.reason for one in missing(ask, papers)}


@pytest.mark.parametrize(
    ("tier", "residence", "wanted"),
    [
        ("standard", "NL", {"identity"}),
        ("standard", "CH", {"identity", "address"}),
        ("standard", "US", {"identity", "address", "tax"}),
        ("premium", "DE", {"identity", "address", "source_of_funds"}),
        ("private", "NL", {"identity", "address", "source_of_funds", "source_of_wealth"}),
        ("private", "US", {"identity", "address", "source_of_funds", "source_of_wealth", "tax"}),
    ],
)
def test_what_a_tier_and_a_residence_ask_for(tier: str, residence: str, wanted: set[str]) -> None:
    assert set(lacks(tier=tier, residence=residence)) == wanted


def test_a_document_proves_until_it_is_over_too_old_or_not_passed_by_the_scanner() -> None:
    assert lacks(paper("passport", expires=TODAY)) == {}
    assert lacks(paper("passport", expires=TODAY - timedelta(days=1))) == {"identity": "expired"}
    assert lacks(paper("passport", scanned=False)) == {"identity": "not_scanned"}
    assert lacks(paper("passport", expires=TODAY - timedelta(days=1)), paper("national_id")) == {}
    old = [paper("passport"), paper("proof_of_address", uploaded=TODAY - timedelta(days=93))]
    assert lacks(*old, residence="CH") == {"address": "too_old"}
    assert (
        lacks(paper("passport"), paper("proof_of_address", uploaded=TODAY - timedelta(days=92)), residence="CH") == {}
    )


def test_a_change_is_proven_by_what_came_after_it() -> None:
    before = paper("passport", uploaded=TODAY - timedelta(days=1))
    assert lacks(before, occasion="name_changed") == {"identity": "too_old"}
    assert lacks(before, paper("passport"), occasion="name_changed") == {}
    assert lacks(before, occasion="country_changed") == {"address": "absent"}


def test_a_profile_lacks_what_is_empty() -> None:
    assert lacking("Ada", " ", None, None) == ("last_name", "date_of_birth", "address")
    assert lacking("Ada", "Quill", TODAY, "NL") == ()


def test_every_point_of_a_rating_is_explained() -> None:
    rating = rate(SAFE)
    assert (rating.level, rating.points) == (RiskLevel.LOW, 5)
    assert {one.factor for one in rating.factors} == set(risk_model().factors)
    assert sum(one.points for one in rating.factors) == rating.points
    assert rating.version == risk_model().version


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"politically_exposed": "declared"}, "high"),
        ({"sanctions": "similar"}, "high"),
        ({"residence": "high"}, "high"),
        ({"shared_documents": "same"}, "high"),
        ({"tier": "private"}, "medium"),
        ({"residence": "elevated"}, "medium"),
        ({"occupation": "cash_business", "source_of_funds": "crypto_assets", "monthly_volume": "up_to_100000"}, "high"),
        ({"machine_readable_zone": "absent", "monthly_volume": "up_to_25000"}, "low"),
    ],
)
def test_what_makes_a_risk(facts: dict[str, str], level: str) -> None:
    assert rate(SAFE | facts).level == level


def test_nothing_is_rated_by_leaving_it_out() -> None:
    with pytest.raises(KeyError):
        rate({name: value for name, value in SAFE.items() if name != "sanctions"})
    with pytest.raises(KeyError):
        rate(SAFE | {"occupation": "astronaut"})


def test_a_worse_fact_never_makes_a_better_rating() -> None:
    rank = {RiskLevel.LOW: 0, RiskLevel.MEDIUM: 1, RiskLevel.HIGH: 2}
    for factor, values in risk_model().factors.items():
        levels = [rank[rate(SAFE | {factor: value}).level] for value in sorted(values, key=values.__getitem__)]
        assert levels == sorted(levels), factor


def test_high_risk_is_for_two_of_whom_one_is_senior() -> None:
    assert (EYES[RiskLevel.HIGH].approvals, EYES[RiskLevel.HIGH].senior) == (2, True)


def test_volumes_fall_into_the_table() -> None:
    volumes = risk_model().factors["monthly_volume"]
    assert {volume_class(major) for major in (None, 0, 5_000, 5_001, 100_000, 100_001)} == set(volumes)


def test_the_next_review_comes_by_risk() -> None:
    at = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert next_review(RiskLevel.HIGH, at) == datetime(2029, 2, 28, 12, tzinfo=UTC)
    assert next_review(RiskLevel.MEDIUM, at).year == 2031
    assert next_review(RiskLevel.LOW, at).year == 2033


def test_a_decision_is_bound_to_everything_that_was_looked_at() -> None:
    content = Content(
        round=1, tier="standard", declaration={"occupation": "employed"}, profile={"last_name": "Quill"},
        documents=({"hash": "a"},), hits=(), rating={"level": "low"}, answers=(),
    )  # fmt: skip
    changes: list[dict[str, object]] = [
        {"round": 2}, {"tier": "premium"}, {"declaration": {}}, {"profile": {"last_name": "Quil"}}, {"documents": ()},
        {"hits": ({"entry": "AD-1"},)}, {"rating": {"level": "medium"}}, {"answers": ({"answer": "yes"},)},
    ]  # fmt: skip
    hashes = {content_hash(content), *(content_hash(content.model_copy(update=change)) for change in changes)}
    assert len(hashes) == len(changes) + 1
    assert set(Content.model_fields) == {name for change in changes for name in change}
    assert content_hash(content) == content_hash(Content.model_validate_json(content.model_dump_json()))


def test_the_ladder_goes_up_step_by_step() -> None:
    due = datetime(2027, 3, 1, tzinfo=UTC)
    assert passed(due, Rung.OPENED, due - timedelta(days=91)) == ()
    assert passed(due, Rung.OPENED, due - timedelta(days=90)) == (Rung.NOTICE_90,)
    assert passed(due, Rung.NOTICE_7, due + timedelta(days=31)) == (Rung.LIMITED, Rung.FROZEN)
    assert passed(due, Rung.EXIT, due + timedelta(days=999)) == ()
    marks = [next_rung(due, rung) for rung in ORDER]
    assert marks == [*(due + span for span in RUNGS.values()), None]


def test_no_letter_tips_off() -> None:
    due = datetime(2027, 3, 1, tzinfo=UTC)
    letters = [
        submitted(), unanswered(), asked(due), asked(due, again=True), approved(again=True), approved(again=False),
        *(rejected(reason, may_apply_again=again) for reason in Rejection for again in (True, False)),
        *(letter for rung in Rung for occasion in ASKING - {Occasion.INITIAL}
          if (letter := on_the_ladder(rung, occasion, due))),
    ]  # fmt: skip
    assert len(letters) > 20
    for letter in letters:
        told = f"{letter.subject} {letter.body}".lower()
        assert not any(word in told for word in ("sanction", "suspic", "launder", "risk", "pep", "listed", "screen"))
