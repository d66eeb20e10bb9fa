"""The form in which rules of monitoring are proposed: what it shows, and what was written into it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from api.console.proposals import number, under, written
from models.money import EXPONENTS
from models.monitoring import Dormant, RoundAmounts, Structuring, Velocity
from models.monitoring.rules import MOST_RULES
from models.statements import ZONE

_KINDS: Final[dict[str, type[BaseModel]]] = {
    "velocity": Velocity,
    "round_amounts": RoundAmounts,
    "structuring": Structuring,
    "dormant": Dormant,
}
# What each kind speaks of, for whoever adds a rule.
KINDS: Final[dict[str, str]] = {
    "velocity": "So many movements, or so much in all, within hours",
    "round_amounts": "So many movements of round amounts within days",
    "structuring": "So many movements that each stay a little below a threshold and together reach it",
    "dormant": "A movement on an account on which nothing had moved for long",
}
DIRECTIONS: Final = {"in": "incoming", "out": "outgoing", "both": "both"}
CURRENCIES: Final = tuple(sorted(EXPONENTS))
_LABELS: Final = {
    "hours": "Within, in hours",
    "days": "Within, in days",
    "count": "Movements, from",
    "margin_percent": "Below the threshold by up to, in per cent",
}
_DORMANT_DAYS: Final = "Nothing had moved for, in days"


@dataclass(frozen=True)
class Number:
    """A whole number that a rule of some kind has, and between which bounds."""

    name: str
    label: str
    least: int
    most: int
    needed: bool


def _numbers(kind: str) -> Iterator[Number]:
    schema = _KINDS[kind].model_json_schema()
    for name, said in schema["properties"].items():
        # What may be left out is "a number or null".
        shape = next(one for one in said.get("anyOf", [said]) if one.get("type") != "null")
        if shape.get("type") == "integer":
            label = _DORMANT_DAYS if (kind, name) == ("dormant", "days") else _LABELS[name]
            needed = name in schema["required"]
            yield Number(name, label, shape["minimum"], shape["maximum"], needed)


NUMBERS: Final = {kind: tuple(_numbers(kind)) for kind in _KINDS}
WITH_ZONE: Final = frozenset(kind for kind, model in _KINDS.items() if "zone" in model.model_fields)


@dataclass
class Entry:
    """One rule in the form, as it was written. `was`: the name of the rule that it began as, empty for a new one."""

    kind: str
    was: str = ""
    name: str = ""
    direction: str = "both"
    two_people: bool = False
    dropped: bool = False
    zone: str = ZONE
    numbers: dict[str, str] = field(default_factory=dict)
    amounts: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The rule as the API takes it. What is no number goes there as it is, and is refused with a reason."""
        rule: dict[str, Any] = {name: getattr(self, name) for name in ("kind", "name", "direction", "two_people")}
        rule |= {one.name: number(self.numbers[one.name]) for one in NUMBERS[self.kind] if self.numbers.get(one.name)}
        if self.kind in WITH_ZONE:
            rule["zone"] = self.zone
        rule["amounts"] = {currency: number(typed) for currency, typed in self.amounts.items() if typed}
        return rule


def entries_of(rules: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The form of rules as the API tells them. Every currency that one of them names is asked for in all."""
    currencies = sorted({currency for rule in rules for currency in rule["amounts"]})
    return [
        Entry(
            kind=rule["kind"],
            was=rule["name"],
            name=rule["name"],
            direction=rule["direction"],
            two_people=rule["two_people"],
            zone=rule.get("zone", ZONE),
            numbers={one.name: written(rule.get(one.name)) for one in NUMBERS[rule["kind"]]},
            amounts={currency: written(rule["amounts"].get(currency)) for currency in currencies},
        )
        for rule in rules
    ]


def typed_entries(fields: Mapping[str, str]) -> list[Entry]:
    """What was written into the form. A field of it has the name `rule.<number>.<what>`."""
    entries = []
    for place in range(MOST_RULES + 1):
        given = under(fields, f"rule.{place}.")
        if given.get("kind") not in _KINDS:
            break
        amounts = under(given, "amount.")
        # A currency that was chosen twice counts once, as it was typed last.
        amounts |= {given["currency"]: given.get("more", "")} if given.get("currency") else {}
        entries.append(
            Entry(
                kind=given["kind"],
                was=given.get("was", ""),
                name=given.get("name", ""),
                direction=given.get("direction", ""),
                two_people="two_people" in given,
                dropped="dropped" in given,
                zone=given.get("zone", ZONE),
                numbers={one.name: given.get(one.name, "") for one in NUMBERS[given["kind"]]},
                amounts=amounts,
            )
        )
    return entries


def new_entry(kind: str, entries: Sequence[Entry]) -> Entry:
    """An empty rule of a kind, asking for the currencies that the others name. Raises `KeyError` for another kind."""
    currencies = sorted({currency for entry in entries for currency in entry.amounts})
    numbers = {one.name: "" for one in NUMBERS[kind]}
    return Entry(kind=kind, numbers=numbers, amounts=dict.fromkeys(currencies, ""))
