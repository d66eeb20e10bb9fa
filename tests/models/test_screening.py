"""Names against the list: what is the same, what is near, what is neither."""

import pytest

from models.screening import ListEntry, Subject, Verdict, screen

LISTED = ListEntry(id="AD-1", version="1", name="Viktor Grimsholm", aliases=("Victor Grimsholme",))
BANK = ListEntry(id="AD-2", version="1", name="Bank of Nowhere", bic="NOWHNL2A")


@pytest.mark.parametrize(
    "name",
    ["Viktor Grimsholm", "GRIMSHOLM, VIKTOR", "Víktor  Grimshólm", "Viktor Grimsholm Ltd.", "V.i.k.t.o.r Grimsholm",
     "V I K T O R G R I M S H O L M", "victor grimsholme"],
)  # fmt: skip
def test_the_listed_name_itself_is_exact(name: str) -> None:
    (hit,) = screen([Subject("creditor", name)], [LISTED])
    assert (hit.verdict, hit.score) == (Verdict.EXACT, 1.0)


@pytest.mark.parametrize("name", ["Viktor Grimsholmm", "Viktr Grimsholm", "c/o Viktor Grimsholm, 4 Harbour Street"])
def test_a_similar_name_is_for_a_person_to_look_at(name: str) -> None:
    (hit,) = screen([Subject("creditor", name)], [LISTED])
    assert hit.verdict is Verdict.FUZZY


@pytest.mark.parametrize("name", ["Clara Fontaine", "Viktor Hugo", "Grimsby Fish", "", "...", "Vi"])
def test_another_name_is_none(name: str) -> None:
    assert screen([Subject("creditor", name)], [LISTED, BANK]) == []


@pytest.mark.parametrize(("bic", "hits"), [("NOWHNL2A", 1), ("NOWHNL2AXXX", 1), ("NOWHNL2B", 0), ("TESTUS33", 0)])
def test_a_bank_is_listed_with_its_branches(bic: str, hits: int) -> None:
    assert len(screen([Subject("creditor_bank_bic", bic, is_bic=True)], [LISTED, BANK])) == hits
