"""The labelled names that screening is measured by, made by rule from invented ones: nobody of them exists.

    python -m tests.factories.screening_pairs      writes tests/models/data/screening_pairs.csv again

Each line is a question, the listed name it was made from, whether it means the same, and by which kind of variation it
was made (`VARIATIONS`, `CONTRASTS`). The file is kept, so that a change of the rules is seen as a change of the data.
"""

import csv
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

PAIRS: Final = Path(__file__).parents[1] / "models" / "data" / "screening_pairs.csv"

# As a list would publish them, and as the same name is written in its own script.
# fmt: off
PEOPLE: Final = [
    ("Viktor Drazhenko", "Виктор Драженко"), ("Ruslan Tyrkovich", "Руслан Тыркович"),
    ("Yevgeniya Molchalina", "Евгения Молчалина"), ("Kazimir Vostrukhin", "Казимир Вострухин"),
    ("Zoya Pereyaslova", "Зоя Переяслова"), ("Timofey Grachenitsyn", "Тимофей Граченицын"),
    ("Dmitriy Shubakhin", "Дмитрий Шубахин"), ("Lyudmila Chernozvonova", "Людмила Чернозвонова"),
    ("Qasim al-Thurayya", "قاسم الثريا"), ("Mahmud Bazzarin", "محمود بزارين"),
    ("Khalid al-Nahrawin", "خالد النهراوين"), ("Farouk Sabbanji", "فاروق صبانجي"),
    ("Zaynab Tarfallah", "زينب طرف الله"), ("Jamil Qandarouni", "جميل قندروني"),
    ("Georgios Kalothymos", "Γεώργιος Καλόθυμος"), ("Eleni Vrachomyti", "Ελένη Βραχομύτη"),
    ("Stavros Pelagodimos", "Σταύρος Πελαγοδήμος"), ("Lin Shuohai", "林朔海"), ("Wei Tangbo", "魏唐波"),
    ("Zhao Minglu", "赵明露"), ("Pak Hyondal", ""), ("Ilsabet Morvane", ""), ("Bohumil Krastek", ""),
    ("Seraphine Okonjo-Vale", ""), ("Emeterio Salvaquil", ""), ("Dagmar Uhlenfried", ""), ("Tendai Marufuzeni", ""),
    ("Aurelio Bentacruz", ""), ("Isolde Quarnström", ""), ("Thaddeus Wexcombe", ""), ("Oluwadara Fenimosu", ""),
    ("Nguyen Phac Tuyen", ""), ("Marguerite Delacroisade", ""), ("Ioan Brătescovici", ""), ("Şevket Karadumanlı", ""),
    ("Jadwiga Wieczorzyńska", ""), ("Haakon Bjørnevatn", ""), ("Reza Golshanipur", ""), ("Amrit Vasundharan", ""),
    ("Leocadia Fontanarrosa", ""),
]
COMPANIES: Final = [
    "Blackreef Maritime Holdings Ltd", "Volkhara Precision Optics OOO", "Sable Orchid Foundation",
    "Kestrel Quarry Minerals SA", "Nightjar Data Services GmbH", "Orsova Crude Trading FZE",
    "Harrowgate Propellant Works", "Cinder Lake Timber Consortium", "Ostrakov Airframe Bureau",
    "Lune Noire Exchange", "Dravonia State Import Agency", "Thornfield Grain and Freight Cooperative",
    "Dravonian Industrial Bank", "Quillmark Petrochemical Industries PJSC", "Saltmarsh Avionics LLC",
    "Bramblewick Shipping Company Limited", "Tarnhollow Electronics Co Ltd", "Vesperine Gold Refinery",
    "Plant 12 Ordzhak Ammunition", "Marrowstone Ship Management SA", "Caldera Verde Logistica SA",
    "Ashgrove Microsystems International", "Pyrrhic Wave Communications", "Zephyrine Air Cargo LLC",
    "Obsidian Delta Drilling BV", "Wolfsbane Chemicals AG", "Hollowmere Investment Group", "Ironvale Forge Works",
    "Skarrow Subsea Robotics AS", "Nordhavet Krill Trading AS",
]
_GIVEN: Final = ["Anna", "Boris", "Claire", "Hassan", "Ingrid", "Jorge", "Mei", "Nadia", "Omar", "Petra"]
_FAMILY: Final = ["Aldermoor", "Benyakov", "Castellane", "Dunmarrow", "Eriksholm", "Farrokhi", "Gallowey", "Hartsong"]
_TRADES: Final = ["Bakery", "Fisheries", "Textiles", "Dental Clinic", "Bookshop", "Vineyards", "Ceramics", "Furniture"]
# Other ways in which the same sounds are written in Latin letters.
_SPELLINGS: Final = [
    ("zh", "j"), ("kh", "h"), ("y", "i"), ("v", "w"), ("ou", "u"), ("ts", "tz"), ("sh", "sch"), ("ch", "tch"),
    ("k", "c"), ("i", "ee"), ("q", "k"), ("f", "ph"), ("ya", "ia"), ("ey", "ei"), ("j", "dj"),
]
_FORMS: Final = {"Ltd": "Limited", "OOO": "LLC", "SA": "S.A.", "GmbH": "G.m.b.H.", "FZE": "Free Zone Establishment",
                 "PJSC": "Public Joint Stock Company", "LLC": "Limited Liability Company", "BV": "B.V.", "AG": "GmbH",
                 "AS": "A/S"}
# fmt: on


@dataclass(frozen=True)
class Labelled:
    """A question and what it is compared with. `half`: `tune`, on which thresholds are set, or `held` for measuring."""

    question: str
    listed: str
    kind: str
    same: int
    variation: str
    half: str


def _at_random(name: str) -> random.Random:
    # The same for a name whenever it is asked.
    return random.Random(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))


def _letter_lost(name: str) -> str:
    at = _at_random(name).choice([i for i in range(2, len(name) - 1) if name[i].isalpha() and name[i - 1].isalpha()])
    return name[:at] + name[at + 1 :]


def _letter_doubled(name: str) -> str:
    at = _at_random(name + "2").choice([i for i in range(1, len(name)) if name[i].isalpha()])
    return name[:at] + name[at] + name[at:]


def _letters_swapped(name: str) -> str:
    at = _at_random(name + "x").choice([i for i in range(1, len(name) - 2) if name[i : i + 2].isalpha()])
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _letter_wrong(name: str) -> str:
    chance = _at_random(name + "w")
    at = chance.choice([i for i in range(2, len(name)) if name[i].isalpha()])
    return name[:at] + chance.choice([c for c in "aeionrst" if c != name[at]]) + name[at + 1 :]


def _spelt(name: str) -> str:
    return _respelt(name, 1)


def _spelt_twice(name: str) -> str:
    return _respelt(name, 2)


def _respelt(name: str, times: int) -> str:
    lower = name.lower()
    fitting = [(old, new) for old, new in _SPELLINGS if old in lower]
    for old, new in _at_random(f"{name}{times}").sample(fitting, min(times, len(fitting))):
        lower = lower.replace(old, new)
    return lower.title()


def _turned(name: str) -> str:
    first, _, rest = name.partition(" ")
    return f"{rest}, {first}"


def _initial(name: str) -> str:
    first, _, rest = name.partition(" ")
    return f"{first[0]}. {rest}"


def _middle(name: str) -> str:
    first, _, rest = name.partition(" ")
    return f"{first} {_at_random(name).choice(_GIVEN)} {rest}"


def _joined(name: str) -> str:
    return name.replace(" ", "").replace("-", "")


def _hyphened(name: str) -> str:
    return name.replace(" ", "-")


def _split(name: str) -> str:
    words = name.split()
    longest = max(range(len(words)), key=lambda i: len(words[i]))
    half = len(words[longest]) // 2
    words[longest] = f"{words[longest][:half]} {words[longest][half:].capitalize()}"
    return " ".join(words)


def _shouted_and_titled(name: str) -> str:
    return f"MR {name.upper()}"


def _care_of(name: str) -> str:
    return f"c/o {name}, 14 Harbour Street"


def _other_form(name: str) -> str:
    words = name.split()
    return " ".join([*words[:-1], _FORMS[words[-1]]]) if words[-1] in _FORMS else f"{name} LLC"


def _no_form(name: str) -> str:
    words = name.split()
    return " ".join(words[:-1]) if words[-1] in _FORMS else f"The {name}"


def _ampersand(name: str) -> str:
    return name.replace(" and ", " & ").replace("Company", "Co.").replace("Limited", "Ltd.").upper() + "."


def _branch(name: str) -> str:
    return f"{name}, Rotterdam Branch"


VARIATIONS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "itself": ("both", str.upper),
    "letter lost": ("both", _letter_lost),
    "letter doubled": ("both", _letter_doubled),
    "letters swapped": ("both", _letters_swapped),
    "letter wrong": ("both", _letter_wrong),
    "spelling": ("both", _spelt),
    "two spellings": ("person", _spelt_twice),
    "order": ("person", _turned),
    "initial": ("person", _initial),
    "middle name": ("person", _middle),
    "joined": ("both", _joined),
    "hyphened": ("both", _hyphened),
    "split": ("both", _split),
    "title": ("person", _shouted_and_titled),
    "care of": ("both", _care_of),
    "other legal form": ("company", _other_form),
    "no legal form": ("company", _no_form),
    "signs": ("company", _ampersand),
    "branch": ("company", _branch),
}


def _contrasts_of_people(name: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    first, _, last = name.partition(" ")
    yield "same surname", f"{chance.choice(_GIVEN)} {last}"
    yield "same given name", f"{first} {chance.choice(_FAMILY)}"
    yield "surname alone", last
    yield "other initial", f"{chance.choice([c for c in 'BCFGHNPRW' if c != first[0]])}. {last}"
    yield "company of that surname", f"{last} {chance.choice(_TRADES)} Ltd"
    yield "somebody else", f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}"


def _contrasts_of_companies(name: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    words = name.split()
    rest = " ".join(words[1:])
    yield "other first word", f"{chance.choice(_FAMILY)} {rest}"
    yield "common words alone", rest if len(words) > 2 else f"{rest} Trading"
    yield "first word, other trade", f"{words[0]} {chance.choice(_TRADES)}"
    yield "person of that word", f"{chance.choice(_GIVEN)} {words[0]}"
    yield "another company", f"{chance.choice(_FAMILY)} {chance.choice(_TRADES)} {chance.choice(list(_FORMS))}"


CONTRASTS: Final = (
    "same surname", "same given name", "surname alone", "other initial", "company of that surname", "somebody else",
    "other first word", "common words alone", "first word, other trade", "person of that word", "another company",
    "other number",
)  # fmt: skip


def labelled() -> list[Labelled]:
    """Every pair, in the order of the lists above."""
    pairs: list[Labelled] = []

    def add(question: str, listed: str, kind: str, variation: str, *, same: bool) -> None:
        half = "held" if hashlib.sha256(f"{question}|{listed}".encode()).digest()[0] & 1 else "tune"
        pairs.append(Labelled(question, listed, kind, int(same), variation, half))

    for name, own in PEOPLE:
        if own:
            add(own, name, "person", "own script", same=True)
        for variation, (of, change) in VARIATIONS.items():
            if of in {"both", "person"}:
                add(change(name), name, "person", variation, same=True)
        for contrast, question in _contrasts_of_people(name, _at_random(name + "c")):
            add(question, name, "person", contrast, same=False)
    for name in COMPANIES:
        for variation, (of, change) in VARIATIONS.items():
            if of in {"both", "company"}:
                add(change(name), name, "entity", variation, same=True)
        for contrast, question in _contrasts_of_companies(name, _at_random(name + "c")):
            add(question, name, "entity", contrast, same=False)
    for number in ("11", "21", "2", "120"):
        listed = "Plant 12 Ordzhak Ammunition"
        add(listed.replace("12", number), listed, "entity", "other number", same=False)
    return pairs


def kept() -> list[Labelled]:
    """The pairs as the file has them."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return [Labelled(**{**row, "same": int(row["same"])}) for row in csv.DictReader(file)]  # type: ignore[arg-type]


if __name__ == "__main__":
    PAIRS.parent.mkdir(exist_ok=True)
    with PAIRS.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(field.name for field in fields(Labelled))
        writer.writerows(astuple(pair) for pair in labelled())
