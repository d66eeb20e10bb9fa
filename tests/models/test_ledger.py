"""Entries before they reach the database.

What cannot be booked is refused, what is the same has the same hash.
"""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.errors import AurumError, InsufficientFunds, UnknownCurrency
from models.ledger import Entry, Leg, Outcome, credit, debit, refusal, rounds
from models.money import MAX_MINOR
from tests.factories.ledger import entry, with_fee

A, B, C = (UUID(int=number) for number in (1, 2, 3))


@st.composite
def balanced_legs(draw: st.DrawFn) -> tuple[Leg, ...]:
    """Two to seven legs that sum to zero, none of them zero."""
    amounts = draw(
        st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=6).filter(
            lambda drawn: sum(drawn) != 0
        )
    )
    return tuple(Leg(account_id=draw(st.uuids()), amount_minor=amount) for amount in [*amounts, -sum(amounts)])


@given(balanced_legs())
def test_legs_that_sum_to_zero_are_an_entry(legs: tuple[Leg, ...]) -> None:
    assert sum(leg.amount_minor for leg in entry(A, B, 1, legs=legs).legs) == 0


@given(balanced_legs(), st.integers(-(10**6), 10**6).filter(bool))
def test_legs_that_do_not_are_refused(legs: tuple[Leg, ...], error: int) -> None:
    first = Leg(account_id=legs[0].account_id, amount_minor=legs[0].amount_minor + error)
    with pytest.raises(ValidationError):
        entry(A, B, 1, legs=(first, *legs[1:]))


@pytest.mark.parametrize(
    "changes",
    [
        {"legs": ()},
        {"legs": (debit(A, 5),)},
        {"legs": (debit(A, 0), credit(B, 0))},
        {"legs": (debit(A, 5), credit(B, 5), credit(C, 0))},
        {"legs": (Leg(account_id=A, amount_minor=-MAX_MINOR), credit(B, MAX_MINOR - 1))},
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"amount_minor": MAX_MINOR + 1},
        {"amount_minor": 5.0},
        {"amount_minor": "5"},
        {"amount_minor": True},
        {"fee_minor": -1},
        {"key": ""},
        {"key": "k" * 201},
        {"key": "a\x00b"},
        {"kind": ""},
        {"description": "a\x00b"},
        {"description": "\ud800"},
        {"metadata": {"note": "a\x00b"}},
        {"metadata": {"a\x00b": 1}},
        {"metadata": {"list": [{"deep": "\ud800"}]}},
        {"metadata": {"ratio": 0.1}},
        {"metadata": {"large": 2**63}},
        {"metadata": {"day": date(2026, 1, 1)}},
        {"from_account_id": "not a uuid"},
        {"unknown": 1},
    ],
)
def test_what_no_ledger_can_book_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry(A, B, 5, **changes)


def test_an_unknown_currency_is_refused_by_its_name() -> None:
    with pytest.raises(UnknownCurrency):
        entry(A, B, 5, currency="XXX")


def test_an_amount_beyond_the_bound_is_no_leg() -> None:
    with pytest.raises(ValidationError):
        debit(A, MAX_MINOR + 1)


def test_an_entry_does_not_change() -> None:
    with pytest.raises(ValidationError):
        entry(A, B, 5).amount_minor = 6  # type: ignore[misc] # the very thing that must not work


def test_ids_are_in_the_order_of_making() -> None:
    ids = [entry(A, B, 5).id for _ in range(100)]
    assert ids == sorted(ids)
    assert {made.version for made in ids} == {7}


STORABLE = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)


@given(balanced_legs(), STORABLE)
def test_the_same_content_has_the_same_hash_whatever_the_id_and_the_key(legs: tuple[Leg, ...], text: str) -> None:
    fields: dict[str, Any] = {"legs": legs, "description": text, "metadata": {"b": text, "a": [1, None, True]}}
    one = entry(A, B, 7, **fields)
    other = entry(A, B, 7, **(fields | {"metadata": {"a": [1, None, True], "b": text}}))
    assert one.id != other.id
    assert one.key != other.key
    assert one.content_hash() == other.content_hash()
    assert len(one.content_hash()) == 32


CHANGES: list[dict[str, Any]] = [
    {"kind": "fee"},
    {"currency": "USD"},
    {"amount_minor": 8},
    {"legs": (debit(A, 8), credit(B, 8))},
    {"legs": (credit(B, 7), debit(A, 7))},
    {"legs": (debit(A, 7), credit(C, 7))},
    {"from_account_id": C},
    {"from_account_id": None},
    {"to_account_id": C},
    {"fee_minor": 1},
    {"description": "rent"},
    {"category": "rent"},
    {"category": ""},
    {"metadata": {"note": "rent"}},
    {"value_date": date(2026, 11, 23)},
    {"reversal_of": C},
    {"captures": C},
    {"on_behalf_of": C},
    # What stands in one field does not count as if it stood in the next.
    {"description": "7", "category": None},
    {"description": "", "category": "7"},
]


def test_any_change_of_content_is_another_hash() -> None:
    hashes = [entry(A, B, 7, **changes).content_hash() for changes in [{}, *CHANGES]]
    assert len(set(hashes)) == len(hashes)


def test_every_field_but_id_and_key_is_content() -> None:
    changed = set().union(*CHANGES)
    assert changed == set(Entry.model_fields) - {"id", "key"}


def test_the_hash_formula_is_the_one_that_is_stored() -> None:
    """Rows outlive code. If this fails, the formula has changed and needs another version byte."""
    sample = with_fee(
        A,
        B,
        C,
        12_345,
        100,
        key="any",
        description="Zürich — rent",
        category="housing",
        metadata={"b": 1, "a": "x"},
        value_date=date(2026, 11, 23),
        on_behalf_of=C,
    )
    stored = "b27a7ea6894e7ed3778d5427ff5cca83c433fdabf0a3e42a3126b511afebc5d2"
    assert sample.content_hash().hex() == stored


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 3)), max_size=30))
def test_rounds_separate_what_depends_on_one_another_and_keep_its_order(wanted: list[tuple[int, int | None]]) -> None:
    entries = [
        entry(A, B, 5, key=f"k{key}", captures=None if hold is None else UUID(int=100 + hold)) for key, hold in wanted
    ]
    batches = rounds(entries)
    assert sorted(position for batch in batches for position in batch) == list(range(len(entries)))
    turn = {position: number for number, batch in enumerate(batches) for position in batch}
    for later, this in enumerate(entries):
        for before, other in enumerate(entries[:later]):
            if this.key == other.key or (this.captures is not None and this.captures == other.captures):
                assert turn[before] < turn[later]
    assert all(batches)


@pytest.mark.parametrize(
    "outcome", [outcome for outcome in Outcome if outcome not in (Outcome.POSTED, Outcome.REPLAYED)]
)
def test_every_refusal_is_an_error_with_a_code_of_its_own(outcome: Outcome) -> None:
    failure = refusal(outcome, entry(A, B, 5))
    assert isinstance(failure, AurumError)
    assert type(failure) is not AurumError
    assert failure.detail != failure.title


def test_no_money_is_the_refusal_that_the_api_names() -> None:
    assert isinstance(refusal(Outcome.INSUFFICIENT_FUNDS, entry(A, B, 5)), InsufficientFunds)
