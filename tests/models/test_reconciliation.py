"""The matcher against a small model that says only what is allowed, and against what was shuffled."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.reconciliation import MatchedBy, Side, match, needs_two_people

MONDAY = date(2026, 11, 23)
A, B = UUID(int=1), UUID(int=2)

_FACTS = st.tuples(
    st.sampled_from([-200, -100, 100, 200]),
    st.sampled_from([None, MONDAY, MONDAY + timedelta(days=1)]),
    st.sampled_from([None, "W1", "W2", "W3"]),
    st.sampled_from([None, A, B]),
)


def _sides(facts: Sequence[tuple[int, date | None, str | None, UUID | None]]) -> list[Side]:
    return [
        Side(key=key, amount_minor=minor, value_on=day, end_to_end_id=reference, uetr=uetr)
        for key, (minor, day, reference, uetr) in enumerate(facts)
    ]


SIDES = st.lists(_FACTS, max_size=6).map(_sides)


def _same_payment(their: Side, our: Side) -> bool:
    if their.uetr and our.uetr:
        return their.uetr == our.uetr
    return their.end_to_end_id == our.end_to_end_id != None  # noqa: E711 # a comparison of three


def _could_be(their: Side, our: Side) -> bool:
    """What the rules allow at all, whatever else there is."""
    if (their.amount_minor > 0) != (our.amount_minor > 0):
        return False
    if _same_payment(their, our):
        return True
    named = (their.uetr or their.end_to_end_id) and (our.uetr or our.end_to_end_id)
    return not named and their.value_on == our.value_on != None and their.amount_minor == our.amount_minor  # noqa: E711


def _looks_like(their: Side, our: Side) -> bool:
    """What stands in the way of a match by day and amount: one that names another payment too, since a name of ours
    and a name of theirs need not be of one kind."""
    alike = their.value_on == our.value_on != None and their.amount_minor == our.amount_minor  # noqa: E711 # of three
    return alike or _could_be(their, our)


@given(SIDES, SIDES)
@example(
    _sides([(-200, MONDAY, None, None), (-200, MONDAY, "W1", None)]),
    _sides([(-200, MONDAY, None, A)]),
)
def test_each_is_matched_once_with_what_it_could_be(theirs: list[Side], ours: list[Side]) -> None:
    pairs = match(theirs, ours)
    assert len({pair.theirs.key for pair in pairs}) == len({pair.ours.key for pair in pairs}) == len(pairs)
    assert all(_could_be(pair.theirs, pair.ours) for pair in pairs)
    assert all(not pair.differs for pair in pairs if pair.by is MatchedBy.VALUE_DATE)
    # Nothing is left lying that is one payment, one direction and one amount.
    left = (
        [s for s in theirs if s not in [p.theirs for p in pairs]],
        [s for s in ours if s not in [p.ours for p in pairs]],
    )
    for their in left[0]:
        for our in left[1]:
            assert not (_same_payment(their, our) and their.amount_minor == our.amount_minor)
            if _could_be(their, our):  # then another one looks like it too, and a person has to look
                rivals = [s for s in theirs if s is not their and _looks_like(s, our)]
                rivals += [s for s in ours if s is not our and _looks_like(their, s)]
                assert rivals


@given(SIDES, SIDES, st.randoms(use_true_random=False))
def test_the_order_has_no_say(theirs: list[Side], ours: list[Side], chance: random.Random) -> None:
    before = match(theirs, ours)
    chance.shuffle(theirs)
    chance.shuffle(ours)
    assert match(theirs, ours) == before


@given(st.sets(st.integers(1, 10**6), max_size=20), st.randoms(use_true_random=False))
def test_books_that_agree_are_matched_whole(amounts: set[int], chance: random.Random) -> None:
    theirs = [
        Side(key=n, amount_minor=-minor, value_on=MONDAY, end_to_end_id=f"W{n}") for n, minor in enumerate(amounts)
    ]
    ours = list(theirs)
    chance.shuffle(ours)
    assert [(pair.theirs.key, pair.by) for pair in match(theirs, ours) if pair.theirs == pair.ours] == [
        (pair.theirs.key, MatchedBy.REFERENCE) for pair in match(theirs, theirs)
    ]
    assert len(match(theirs, ours)) == len(amounts)


def test_a_payment_with_another_amount_is_the_same_payment() -> None:
    (pair,) = match(_sides([(-200, MONDAY, "W1", None)]), _sides([(-100, MONDAY, "W1", None)]))
    assert pair.differs


def test_the_payment_and_its_return_are_told_apart_by_direction() -> None:
    sides = _sides([(-200, MONDAY, "W1", None), (200, MONDAY, "W1", None)])
    assert [(p.theirs.key, p.ours.key) for p in match(sides, sides)] == [(0, 0), (1, 1)]


def test_two_alike_without_a_reference_are_left_to_a_person() -> None:
    nameless = _sides([(-200, MONDAY, None, None)] * 2)
    assert match(nameless, nameless[:1]) == []
    assert [pair.by for pair in match(nameless[:1], nameless[:1])] == [MatchedBy.VALUE_DATE]


def test_a_payment_of_another_name_is_not_taken_for_its_amount() -> None:
    assert match(_sides([(-200, MONDAY, "W1", None)]), _sides([(-200, MONDAY, "W2", None)])) == []


@pytest.mark.parametrize(
    ("currency", "minor", "two"),
    [
        ("USD", 999_999, False),
        ("USD", -1_000_000, True),
        ("JPY", 100_000, False),
        ("USD", 0, False),
        ("USD", None, True),
    ],
)
def test_how_many_people_it_takes(currency: str, minor: int | None, two: bool) -> None:
    assert needs_two_people(currency, minor) is two
