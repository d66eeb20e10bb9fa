"""The approval matrix: the shipped one, what is refused on loading, and that more risk never takes fewer people."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.wires import DEFAULT_MATRIX, Approver, Facts, Matrix, Risk, Row, place_for, roles_of
from models.wires.approval import covers
from models.wires.behaviour import Past, unusual

O, S, C, P = Approver.OFFICER, Approver.SENIOR, Approver.COMPLIANCE, Approver.OPERATIONS  # noqa: E741 # as in a table
K = 1_000_00


@pytest.mark.parametrize(
    ("facts", "row", "approvers"),
    [
        (Facts(base_minor=1), "small_and_known", (O,)),
        (Facts(base_minor=10 * K), "small_and_known", (O,)),
        (Facts(base_minor=10 * K + 1), "over_10k", (O,)),
        (Facts(base_minor=250 * K), "over_10k", (O,)),
        (Facts(base_minor=250 * K + 1), "over_250k", (O, O)),
        (Facts(base_minor=1000 * K), "over_250k", (O, O)),
        (Facts(base_minor=1000 * K + 1), "over_1m", (O, S)),
        (Facts(base_minor=None), "over_1m", (O, S)),
        (Facts(base_minor=1, new_beneficiary=True), "new_beneficiary", (O,)),
        (Facts(base_minor=10 * K, unusual=True), "small_and_known", (O,)),
        (Facts(base_minor=10 * K + 1, unusual=True), "unusual", (O, O)),
        (Facts(base_minor=1, country=Risk.MEDIUM), "medium_risk_country", (O, O)),
        (Facts(base_minor=1, country=Risk.HIGH), "high_risk_country", (O, S)),
        (Facts(base_minor=1, customer=Risk.MEDIUM), "small_and_known", (O,)),
        (Facts(base_minor=1, customer=Risk.HIGH), "high_risk_customer", (O, S)),
        (Facts(base_minor=1, similar_name=True), "similar_name", (O, S)),
    ],
)
def test_the_shipped_matrix(facts: Facts, row: str, approvers: tuple[Approver, ...]) -> None:
    decided = DEFAULT_MATRIX.decides(facts, "EUR")
    assert (decided.name, decided.approvers) == (row, approvers)


def test_amounts_are_in_the_units_of_the_base_currency() -> None:
    assert DEFAULT_MATRIX.decides(Facts(base_minor=250_001), "JPY").name == "over_250k"
    assert DEFAULT_MATRIX.decides(Facts(base_minor=250_000_000), "KWD").name == "over_10k"


def matrix(*rows: dict[str, Any]) -> Matrix:
    """A matrix as an operator writes it."""
    return Matrix.model_validate_json(json.dumps({"rows": rows}))


REST = {"name": "rest", "approvers": ["officer"]}
BAD = {
    "no rows": ([], "at least 1 item"),
    "nothing for the rest": ([{"name": "a", "over": 5, "approvers": ["officer"]}], "has to apply to every wire"),
    "a row that never applies": ([{"name": "a", "approvers": []}, REST], "the rows below it never do"),
    "one name twice": ([{"name": "rest", "over": 5, "approvers": ["officer", "officer"]}, REST], "same name"),
    "fewer for more money": ([{"name": "a", "over": 5, "approvers": []}, REST], "the row a asks for nobody where"),
    "other kinds for more money": (
        [{"name": "a", "over": 5, "approvers": ["compliance"]}, {"name": "rest", "approvers": ["operations"]}],
        "takes operations by the row rest",
    ),
    "a smaller bound above a greater one": (
        [{"name": "a", "over": 5, "approvers": ["officer"]}, {"name": "b", "over": 9, "approvers": ["senior"]},
         {"name": "c", "over": 9, "country": "high", "approvers": ["senior"]}, {"name": "rest", "approvers": []}],
        None,
    ),
    "a riskier country below": (
        [{"name": "new", "new_beneficiary": True, "approvers": ["officer"]},
         {"name": "high", "country": "high", "approvers": ["senior", "officer"]}, REST],
        "put high above it",
    ),
    "a misspelt condition": ([{"name": "a", "ower": 5, "approvers": ["officer"]}, REST], "Extra inputs"),
    "an unknown approver": ([{"name": "rest", "approvers": ["chief"]}], "Input should be"),
    "a bound of nothing": ([{"name": "a", "over": 0, "approvers": ["officer"]}, REST], "greater than 0"),
    "a crowd": ([{"name": "rest", "approvers": ["officer"] * 6}], "at most 5 items"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_matrix_is_refused_and_said_why(rows: list[dict[str, Any]], said: str | None) -> None:
    if said is None:
        # Rows that a row above them always hides are poor, and safe: nothing is approved by fewer than it says.
        assert matrix(*rows).decides(Facts(base_minor=10_00), "EUR").name == "a"
        return
    with pytest.raises(ValidationError, match=said):
        matrix(*rows)


def test_nobody_may_be_asked_for_where_everything_is_harmless() -> None:
    made = matrix(
        {"name": "new", "new_beneficiary": True, "approvers": ["officer"]},
        {"name": "over_10k", "over": 10_000, "approvers": ["officer"]},
        {"name": "harmless", "approvers": []},
    )
    assert made.decides(Facts(base_minor=10 * K), "EUR").approvers == ()
    assert made.decides(Facts(base_minor=None), "EUR").approvers == (O,)


@pytest.mark.parametrize(
    ("facts", "takes_one"),
    [
        (Facts(base_minor=1000 * K, new_beneficiary=True), False),
        (Facts(base_minor=1000 * K + 1, new_beneficiary=True), True),
        (Facts(base_minor=None, new_beneficiary=True), True),
        (Facts(base_minor=9000 * K, similar_name=True), False),
    ],
)
def test_a_customer_is_called_back_about_much_to_somebody_new(facts: Facts, takes_one: bool) -> None:
    assert DEFAULT_MATRIX.calls_back(facts, "EUR") is takes_one
    assert not matrix(REST).calls_back(facts, "EUR")


def test_a_call_back_takes_somebody_who_approves_after_it() -> None:
    harmless: dict[str, Any] = {"name": "harmless", "approvers": []}
    with pytest.raises(ValidationError, match="take a call-back: ask for an officer there"):
        Matrix.model_validate({"rows": [harmless], "call_back_over": 5000})
    over = {"name": "over", "over": 5000, "approvers": ["officer"]}
    assert Matrix.model_validate({"rows": [over, harmless], "call_back_over": 5000}).call_back_over == 5000
    with pytest.raises(ValidationError, match="take a call-back"):
        Matrix.model_validate({"rows": [over, harmless], "call_back_over": 4999})


RISKS = st.sampled_from(Risk)
FACTS = st.builds(
    Facts,
    base_minor=st.one_of(st.none(), st.integers(1, 2_000_000_00)),
    country=RISKS,
    new_beneficiary=st.booleans(),
    unusual=st.booleans(),
    customer=RISKS,
    similar_name=st.booleans(),
)
ROWS = st.builds(
    Row,
    name=st.just("x"),
    over=st.one_of(st.none(), st.integers(1, 1_999_999)),
    country=RISKS,
    new_beneficiary=st.booleans(),
    unusual=st.booleans(),
    customer=RISKS,
    similar_name=st.booleans(),
    approvers=st.lists(st.sampled_from(Approver), max_size=3).map(tuple),
)


def joined(one: Facts, other: Facts) -> Facts:
    """A wire that is as risky as both in every way."""
    known = [facts.base_minor for facts in (one, other) if facts.base_minor is not None]
    return Facts(
        base_minor=max(known) if len(known) == 2 else None,
        country=max(one.country, other.country, key=lambda risk: risk.rank),
        new_beneficiary=one.new_beneficiary or other.new_beneficiary,
        unusual=one.unusual or other.unusual,
        customer=max(one.customer, other.customer, key=lambda risk: risk.rank),
        similar_name=one.similar_name or other.similar_name,
    )


@given(one=FACTS, other=FACTS)
def test_more_risk_never_takes_fewer_by_the_shipped_matrix(one: Facts, other: Facts) -> None:
    riskier = DEFAULT_MATRIX.decides(joined(one, other), "EUR").approvers
    assert covers(riskier, DEFAULT_MATRIX.decides(one, "EUR").approvers)


@given(rows=st.lists(ROWS, max_size=4), last=st.lists(st.sampled_from(Approver), max_size=2), one=FACTS, other=FACTS)
def test_more_risk_never_takes_fewer_by_any_matrix_that_loads(
    rows: list[Row], last: list[Approver], one: Facts, other: Facts
) -> None:
    named = [row.model_copy(update={"name": f"r{number}"}) for number, row in enumerate(rows)]
    try:
        made = Matrix(rows=(*named, Row(name="rest", approvers=tuple(last))))
    except ValidationError:
        assume(False)
    riskier = made.decides(joined(one, other), "EUR").approvers
    assert covers(riskier, made.decides(one, "EUR").approvers)


@given(more=st.lists(st.sampled_from(Approver), max_size=4), less=st.lists(st.sampled_from(Approver), max_size=3))
def test_what_covers_has_at_least_as_many_of_each_kind(more: list[Approver], less: list[Approver]) -> None:
    expected = len(more) >= len(less) and all(more.count(kind) >= less.count(kind) for kind in (S, C, P))
    assert covers(more, less) == expected


@pytest.mark.parametrize(
    ("wanted", "filled", "roles", "in_order", "place"),
    [
        ((O, S), (), {O}, False, 1),
        ((O, S), (), {O, S}, False, 2),  # leaves the place that anybody can fill to others
        ((O, S), (2,), {O, S}, False, 1),
        ((O, S), (1,), {O}, False, None),
        ((O, S), (), {O, S}, True, 1),
        ((P, C), (), {O, C}, True, None),
        ((P, C), (1,), {O, C}, True, 2),
        ((O, O), (1,), {O}, True, 2),
        ((O,), (1,), {O, S}, False, None),
        ((), (), {O}, False, None),
    ],
)
def test_which_place_an_officer_fills(
    wanted: tuple[Approver, ...], filled: tuple[int, ...], roles: set[Approver], in_order: bool, place: int | None
) -> None:
    assert place_for(wanted, filled, roles, in_order=in_order) == place


def test_what_officers_can_fill_by_their_permissions() -> None:
    assert roles_of({"wires:approve", "wires:read"}) == {O}
    assert roles_of({"wires:approve", "wires:high_value", "admin:compliance"}) == {O, S, C}
    assert roles_of({"wires:high_value", "admin:system"}) == set()


@pytest.mark.parametrize(
    ("amount", "past", "signs"),
    [
        (100_00, Past(), 0),
        (10_000_01, Past(paid_minor=(1_000_00,) * 4), 0),
        (10_000_00, Past(paid_minor=(1_000_00,) * 5), 0),
        (10_000_01, Past(paid_minor=(1_000_00,) * 5), 1),
        (10_000_01, Past(paid_minor=(1, 1, 1_000_00, 9_000_00, 9_000_00)), 1),
        (None, Past(paid_minor=(1_000_00,) * 5), 0),
        (100_00, Past(idle_days=179), 0),
        (100_00, Past(idle_days=180), 1),
        (100_00, Past(new_accounts=4), 0),
        (100_00, Past(new_accounts=5), 1),
        (10_000_01, Past(paid_minor=(1_000_00,) * 5, idle_days=400, new_accounts=7), 3),
    ],
)
def test_what_is_unusual(amount: int | None, past: Past, signs: int) -> None:
    assert len(unusual(amount, past)) == signs
