"""Names against the lists: what is the same, what is near, what is neither, and what speaks for and against."""

import random
import time
from collections.abc import Iterator

import pytest

from models.screening import (
    LEAST_SCORE,
    CountryRule,
    Effect,
    Facts,
    Hit,
    Identifier,
    IdentifierKind,
    Index,
    Kind,
    ListEntry,
    Subject,
    SubjectKind,
    Verdict,
    screen,
)
from models.screening.names import read
from tests.factories import screening_pairs

LISTED = ListEntry(
    id="AD-1",
    version="1",
    name="Viktor Grimsholm",
    aliases=("Victor Grimsholme",),
    weak_aliases=("Der Graue",),
    kind=Kind.PERSON,
    facts=Facts(
        birth_dates=("1961-04-09",),
        countries=("NO",),
        gender="male",
        identifiers=(Identifier(kind=IdentifierKind.PASSPORT, value="NX 4471902"),),
        person=True,
    ),
)
BANK = ListEntry(id="AD-2", version="1", name="Bank of Nowhere", bic="NOWHNL2A", kind=Kind.BANK)
SHIP = ListEntry(
    id="AD-3",
    version="1",
    name="MV Obsidian Tern",
    aliases=("Fidelity",),
    kind=Kind.VESSEL,
    facts=Facts(identifiers=(Identifier(kind=IdentifierKind.IMO, value="IMO 9999993"),)),
)
PLANT = ListEntry(id="AD-4", version="1", name="Ordzhak Plant 12 Corp")
INDEX = Index(
    [LISTED, BANK, SHIP, PLANT],
    countries=[
        CountryRule(country="KP", program="DPRK", effect=Effect.BLOCK, names=("Pyongyang",)),
        CountryRule(country="UA", program="REGIONS", regions=("Crimea", "Sevastopol")),
    ],
)


def found(text: str, kind: SubjectKind = SubjectKind.NAME, facts: Facts | None = None) -> list[Hit]:
    """What is found for a subject."""
    return INDEX.screen([Subject("creditor", text, kind, facts or Facts())])


@pytest.mark.parametrize(
    "name",
    ["Viktor Grimsholm", "GRIMSHOLM, VIKTOR", "Víktor  Grimshólm", "Viktor Grimsholm Ltd.", "V.i.k.t.o.r Grimsholm",
     "V I K T O R G R I M S H O L M", "victor grimsholme", "Виктор Гримшолм", "Vіktоr Grіmshоlm",
     "Mr. Viktor Grimsholm", "Vik tor Grimsholm"],
)  # fmt: skip
def test_the_listed_name_itself_is_exact(name: str) -> None:
    (hit,) = screen([Subject("creditor", name)], [LISTED])
    assert (hit.entry_id, hit.verdict) == ("AD-1", Verdict.EXACT)
    assert hit.score <= 0.9  # a name alone never makes more


@pytest.mark.parametrize(
    "name",
    ["Viktor Grimsholmm", "Viktr Grimsholm", "c/o Viktor Grimsholm, 4 Harbour Street", "V. Grimsholm",
     "Wiktor Grimsholm", "Viktor Olav Grimsholm"],
)  # fmt: skip
def test_a_similar_name_is_for_a_person_to_look_at(name: str) -> None:
    (hit,) = screen([Subject("creditor", name)], [LISTED])
    assert hit.verdict is Verdict.FUZZY
    assert LEAST_SCORE <= hit.score < 0.9


@pytest.mark.parametrize(
    "name",
    ["Clara Fontaine", "Viktor Hugo", "Grimsby Fish", "", "...", "Vi", "Anna Grimsholm", "Grimsholm", "Corp", "Bank",
     "Bank of", "Ordzhak Plant 21 Corp", "CORP 12", "💶 🏦", "a" * 5000],
)  # fmt: skip
def test_another_name_is_none(name: str) -> None:
    assert found(name) == []


@pytest.mark.parametrize(("bic", "hits"), [("NOWHNL2A", 1), ("NOWHNL2AXXX", 1), ("NOWHNL2B", 0), ("TESTUS33", 0)])
def test_a_bank_is_listed_with_its_branches(bic: str, hits: int) -> None:
    assert len(screen([Subject("creditor_bank_bic", bic, SubjectKind.BIC)], [LISTED, BANK])) == hits


@pytest.mark.parametrize(
    ("facts", "against", "verdict"),
    [
        (Facts(birth_dates=("1961-04-09",)), "birth_date_equal", Verdict.EXACT),
        (Facts(birth_dates=("1961",)), "birth_year_equal", Verdict.EXACT),
        (Facts(birth_dates=("1961-09-04",)), "birth_year_equal", Verdict.EXACT),
        (Facts(birth_dates=("1961-12-24",)), "birth_day_differs", Verdict.FUZZY),
        (Facts(birth_dates=("1988-04-09",)), "birth_year_differs", Verdict.FUZZY),
        (Facts(countries=("NO",)), "country_shared", Verdict.EXACT),
        (Facts(countries=("PT",)), "country_differs", Verdict.EXACT),
        (Facts(gender="female"), "gender_differs", Verdict.FUZZY),
        (Facts(person=False), "kind_differs", Verdict.FUZZY),
    ],
)
def test_each_thing_that_is_known_is_told_and_weighed(facts: Facts, against: str, verdict: Verdict) -> None:
    (hit,) = found("Viktor Grimsholm", facts=facts)
    (plain,) = found("Viktor Grimsholm")
    (reason,) = hit.reasons
    assert (reason.feature, hit.verdict) == (against, verdict)
    assert hit.score == pytest.approx(plain.score + reason.weight)
    assert hit.parts["evidence"] == [{"feature": against, "weight": reason.weight, "detail": reason.detail}]


def test_a_similar_name_of_somebody_born_in_another_year_is_nobody_on_the_list() -> None:
    assert found("Viktr Grimsholm", facts=Facts(birth_dates=("1961-04-09",)))
    assert not found("Viktr Grimsholm", facts=Facts(birth_dates=("1988-01-01",)))


def test_no_country_clears_anybody() -> None:
    far = Facts(countries=("PT",))
    assert all(found(name, facts=far) for name in ("Viktor Grimsholm", "V. Grimsholm", "Viktor Olav Grimsholm"))


def test_a_number_finds_whoever_has_it_under_any_name() -> None:
    papers = Facts(identifiers=(Identifier(kind=IdentifierKind.PASSPORT, value="nx4471902"),))
    (hit,) = found("Somebody Else", facts=papers)
    assert (hit.entry_id, hit.algorithm, hit.verdict) == ("AD-1", "identifier:passport", Verdict.EXACT)
    assert not found(
        "Somebody Else", facts=Facts(identifiers=(Identifier(kind=IdentifierKind.TAX, value="NX4471902"),))
    )


def test_a_weak_alias_is_looked_at_and_never_sure() -> None:
    (hit,) = found("Der Graue")
    assert (hit.entry_id, hit.verdict) == ("AD-1", Verdict.FUZZY)
    assert hit.score < found("Viktr Grimsholm")[0].score


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("Invoice 4711, freight MV Obsidian Tern to Oslo", "AD-3"),
        ("charter of imo 9999993 in May", "AD-3"),
        ("freight per vessel Fidelity", "AD-3"),
        ("fidelity bonus scheme", None),
        ("loan for viktor grimsholm and family", "AD-1"),
        ("Grimsholm street 4, to be seen by Viktor", None),
        ("charter of IMO 9999992 in May", None),
        ("our ref ADX-12 corp bank of", None),
    ],
)
def test_a_text_is_read_for_whom_it_speaks_of(text: str, entry: str | None) -> None:
    hits = found(text, SubjectKind.TEXT)
    assert [hit.entry_id for hit in hits] == ([entry] if entry else [])


@pytest.mark.parametrize(
    ("kind", "text", "verdict"),
    [
        (SubjectKind.COUNTRY, "KP", Verdict.EXACT),
        (SubjectKind.COUNTRY, "UA", None),
        (SubjectKind.COUNTRY, "NO", None),
        (SubjectKind.TEXT, "4 Lenin St, Sevastopol", Verdict.FUZZY),
        (SubjectKind.TEXT, "Hotel in Pyongyang", Verdict.FUZZY),
        (SubjectKind.TEXT, "4 Main St, Kyiv", None),
    ],
)
def test_places_under_a_programme_are_data(kind: SubjectKind, text: str, verdict: Verdict | None) -> None:
    assert [hit.verdict for hit in found(text, kind)] == ([verdict] if verdict else [])


def test_hits_are_ranked_by_what_is_known_and_do_not_pile_up() -> None:
    people = [
        ListEntry(id=f"P{n}", version="1", name="Viktor Grimsholm", kind=Kind.PERSON, facts=Facts((born,), countries))
        for n, (born, countries) in enumerate(
            [("1961-04-09", ("NO",)), ("1961", ("NO",)), ("1961", ()), ("", ()), ("1962", ("PT",)), ("1990", ("PT",))]
        )
    ]
    subject = Subject("creditor", "Viktor Grimsholm", facts=Facts(("1961-04-09",), ("NO",)))
    hits = Index(reversed(people)).screen([subject])
    assert [hit.entry_id for hit in hits] == ["P0", "P1", "P2", "P4", "P3", "P5"]
    assert len({hit.score for hit in hits}) == len(hits)
    assert max(hit.score for hit in hits) < 1


def test_a_name_is_read_as_it_is_said() -> None:
    assert read("Общество с ограниченной ответственностью «Ромашка»").words == ("ooo", "romashka")
    assert read("Ромашка S.A.R.L.").core == read("romashka").core
    assert read("V.S. Drazhenko").words == ("v", "s", "drazhenko")
    assert read("Plant 12").words == ("plant", "12")
    assert read("Corp").core == ("corp",)


def measured(half: str) -> tuple[float, float]:
    """Recall and precision over a half of the labelled pairs, every question against all listed names."""
    pairs = screening_pairs.kept()
    kinds = {pair.listed: Kind(pair.kind) for pair in pairs}
    index = Index(
        ListEntry(id=name, version="1", name=name, kind=kind, facts=Facts(person=kind is Kind.PERSON))
        for name, kind in kinds.items()
    )
    right = wrong = missed = 0
    for pair in (one for one in pairs if one.half == half):
        hits = {hit.entry_id for hit in index.screen([Subject("creditor", pair.question)])}
        right += bool(pair.same and pair.listed in hits)
        missed += bool(pair.same and pair.listed not in hits)
        wrong += len(hits - {pair.listed} if pair.same else hits)
    return right / (right + missed), right / (right + wrong)


def test_the_labelled_pairs_are_those_that_the_rules_make() -> None:
    assert screening_pairs.kept() == screening_pairs.labelled()


@pytest.mark.parametrize("half", ["tune", "held"])
def test_recall_and_precision_are_what_is_published(half: str) -> None:
    recall, precision = measured(half)
    # infra/decisions/ has the table; the floors are below what was measured when it was written.
    assert recall >= 0.97, f"recall on the {half} half is {recall:.4f}"
    assert precision >= 0.97, f"precision on the {half} half is {precision:.4f}"


def _strange(chance: random.Random) -> Iterator[str]:
    alphabet = "aеіоу'.-,/&() \u200d\u034f0123456789АБВخدم北京김ñßﬁ\U0001f4b6\n\t"
    for _ in range(300):
        yield "".join(chance.choice(alphabet) for _ in range(chance.randrange(0, 160)))


def test_any_text_can_be_asked_about() -> None:
    begun = time.process_time()
    for text in _strange(random.Random(7)):
        for kind in SubjectKind:
            for hit in found(text, kind):
                assert 0 <= hit.score <= 1
    assert time.process_time() - begun < 20
