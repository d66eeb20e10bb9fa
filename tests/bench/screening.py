"""A whole wire screened against 20,000 invented entries, and what the index takes in time and memory.

`SCREENING_ENTRIES=100000` for more. A wire is both parties, both addresses, banks, countries and text, by the subjects
of the real step; every twentieth names somebody listed, misspelt. Each names other people, so that nothing is
remembered from the one before.
"""

import gc
import os
import random
import resource
import statistics
from collections.abc import AsyncIterator
from time import perf_counter, process_time
from typing import Final
from uuid import uuid4

from models.screening import Facts, Identifier, IdentifierKind, Index, Kind, ListEntry, Subject
from models.screening.parties import Customer, subjects_of_wire
from tests.bench.parts import Aim, Measure, part

ENTRIES: Final = int(os.environ.get("SCREENING_ENTRIES", "20000"))
WIRES: Final = 400
# fmt: off
_STARTS: Final = [
    "ba", "be", "bra", "da", "dre", "fa", "fi", "ga", "gri", "ha", "i", "ja", "ka", "kra", "la", "lo", "ma",
    "mi", "na", "o", "pe", "qua", "ra", "sa", "sche", "ta", "tho", "u", "va", "vo", "wi", "ya", "ze", "zha",
]
_MIDDLES: Final = [
    "ba", "den", "far", "gol", "hin", "kor", "lan", "men", "nov", "par", "rin", "sen", "tar", "vel", "zim",
]
_ENDS: Final = [
    "ba", "dov", "enko", "es", "ez", "fi", "grad", "holm", "ic", "ini", "ko", "lu", "man", "mir", "nen", "os",
    "ov", "quist", "rak", "sen", "ski", "stad", "ti", "vich", "yan", "za",
]
_TRADES: Final = [
    "Trading", "Shipping", "Holdings", "Petroleum", "Electronics", "Bank", "Logistics", "Chemicals", "Aviation",
    "Steel", "Foods", "Textiles", "Mining", "Construction", "Investments",
]
_FORMS: Final = [
    "LLC", "Ltd", "GmbH", "SA", "OOO", "Co", "JSC", "FZE",
]
# fmt: on


class _Inventor:
    """Invents names, the same ones in each run; given names are few and common, as in the world."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._given = [self.word() for _ in range(600)]

    def word(self) -> str:
        chance = self._chance
        middle = chance.choice(_MIDDLES) if chance.random() < 0.6 else ""
        return (chance.choice(_STARTS) + middle + chance.choice(_ENDS)).capitalize()

    def person(self) -> str:
        given = self._given[min(int(self._chance.expovariate(0.01)), len(self._given) - 1)]
        middle = f" {self._chance.choice(self._given)}" if self._chance.random() < 0.3 else ""
        return f"{given}{middle} {self.word()}"

    def company(self) -> str:
        chance = self._chance
        return f"{self.word()} {self.word()} {chance.choice(_TRADES)} {chance.choice(_FORMS)}"

    def entry(self, number: int) -> ListEntry:
        chance = self._chance
        person = chance.random() < 0.45
        make = self.person if person else self.company
        ship = Identifier(kind=IdentifierKind.IMO, value=str(9_000_000 + number))
        return ListEntry(
            id=f"E-{number}",
            version="1",
            list="BENCH",
            name=make(),
            aliases=tuple(make() for _ in range(min(6, int(chance.expovariate(0.6))))),
            kind=Kind.PERSON if person else Kind.ENTITY,
            facts=Facts(
                birth_dates=(f"{chance.randrange(1940, 2000)}-{chance.randrange(1, 13):02}-11",) if person else (),
                countries=(chance.choice(["ZZ", "XX", "NO"]),),
                identifiers=() if person or chance.random() < 0.9 else (ship,),
                person=person,
            ),
        )

    def misspelt(self, name: str) -> str:
        at = self._chance.randrange(1, len(name) - 1)
        return name[:at] + name[at + 1 :]


@part("screening")
async def screening() -> AsyncIterator[Measure]:
    """Loading, memory, and the time of a wire."""
    inventor = _Inventor(7)
    entries = [inventor.entry(number) for number in range(ENTRIES)]
    gc.collect()
    before = _resident()
    began = perf_counter()
    index = Index(entries)
    yield Measure("screening.load", perf_counter() - began, "s")
    wires = [_wire(inventor, entries[number * 7 % ENTRIES] if number % 20 == 0 else None) for number in range(WIRES)]
    times: list[float] = []
    hits: list[int] = []
    used = process_time()
    for subjects in wires:
        began = perf_counter()
        hits.append(len(index.screen(subjects)))
        times.append(1000 * (perf_counter() - began))
    used = 1000 * (process_time() - used) / WIRES
    yield Measure("screening.wire.cpu", used, "ms", aim=Aim(20, at_least=False))
    yield Measure("screening.wire.median", statistics.median(times), "ms", aim=Aim(20, at_least=False))
    yield Measure("screening.wire.p99", statistics.quantiles(times, n=100)[98], "ms")
    yield Measure("screening.index.memory", _resident() - before, "MiB more", aim=Aim(300, at_least=False))
    found = sum(bool(count) for number, count in enumerate(hits) if number % 20 == 0)
    yield Measure("screening.listed.found", 100 * found / (WIRES // 20), "%")
    noise = sum(bool(count) for number, count in enumerate(hits) if number % 20) / (WIRES - WIRES // 20)
    yield Measure("screening.others.to_review", 100 * noise, "%")
    yield Measure("screening.machine.load", os.getloadavg()[0], "running")


def _wire(inventor: _Inventor, listed: ListEntry | None) -> list[Subject]:
    recipient = inventor.misspelt(listed.name) if listed else inventor.company()
    wire = {
        "recipient_name": recipient,
        "recipient_bank_name": f"{inventor.word()} Bank AG",
        "recipient_bank_swift": "TESTUS33",
        "recipient_country": "US",
        "recipient_address": {"street": f"{inventor.word()} Street 4", "town": inventor.word(), "country": "US"},
        "reference": f"Invoice 4711 of {inventor.word()} for goods by {inventor.company()} in October, thank you",
    }
    debtor = Customer(uuid4(), inventor.person(), None, {"street": "Harbour 7", "town": "Oslo", "country": "NO"})
    return subjects_of_wire(wire, debtor)


def _resident() -> float:
    """MiB that the process has ever had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
