"""The form in which an approval matrix is proposed: what it shows, and what was written into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api.console.proposals import number, under, written
from models.wires import Approver, Risk
from models.wires.approval import MOST_APPROVERS, MOST_ROWS

# What `low` and so on mean of a row: that risk or a higher one.
RISKS: Final = {Risk.LOW: "any", Risk.MEDIUM: "medium or high", Risk.HIGH: "high"}
FLAGS: Final = {
    "new_beneficiary": "The recipient is new",
    "unusual": "It is unusual for the customer",
    "similar_name": "A name is similar to a listed one",
}
APPROVERS: Final = tuple(Approver)


@dataclass
class Entry:
    """One row in the form, as it was written. `was`: the name of the row that it began as, empty for a new one;
    `stood`: its place when the form was shown, from 1; `place`: the one that was written."""

    stood: int
    place: str
    was: str = ""
    name: str = ""
    over: str = ""
    country: str = Risk.LOW
    customer: str = Risk.LOW
    flags: frozenset[str] = frozenset()
    approvers: list[str] = field(default_factory=list)
    in_order: bool = False
    dropped: bool = False

    def body(self) -> dict[str, Any]:
        """The row as the API takes it. What is no number goes there as it is, and is refused with a reason."""
        return {
            "name": self.name,
            "over": number(self.over) if self.over else None,
            "country": self.country,
            "customer": self.customer,
            **{flag: flag in self.flags for flag in FLAGS},
            "approvers": self.approvers,
            "in_order": self.in_order,
        }

    @property
    def chosen(self) -> list[str]:
        """What the lists of approvers show: those of the row, and an empty one while there may be more."""
        return [*self.approvers, ""][:MOST_APPROVERS]

    @property
    def _sorted_by(self) -> tuple[int, int]:
        typed = number(self.place)
        wanted = typed if isinstance(typed, int) else self.stood
        # What was moved to another one's place stands before it, or behind it where it came from above.
        return wanted, (wanted > self.stood) - (wanted < self.stood)


def entries_of(rows: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The form of rows as the API tells them."""
    return [
        Entry(
            stood=place,
            place=str(place),
            was=row["name"],
            name=row["name"],
            over=written(row["over"]),
            country=row["country"],
            customer=row["customer"],
            flags=frozenset(flag for flag in FLAGS if row[flag]),
            approvers=list(row["approvers"]),
            in_order=row["in_order"],
        )
        for place, row in enumerate(rows, 1)
    ]


def typed_entries(fields: Mapping[str, str]) -> list[Entry]:
    """What was written into the form, in the order of the places. A field of it has the name `row.<number>.<what>`."""
    entries = []
    for stood in range(1, MOST_ROWS + 1):
        given = under(fields, f"row.{stood}.")
        if not given:
            break
        entries.append(
            Entry(
                stood=stood,
                place=given.get("place", ""),
                was=given.get("was", ""),
                name=given.get("name", ""),
                over=given.get("over", ""),
                country=given.get("country", ""),
                customer=given.get("customer", ""),
                flags=frozenset(FLAGS.keys() & given.keys()),
                approvers=[chosen for name, chosen in sorted(under(given, "approver.").items()) if chosen],
                in_order="in_order" in given,
                dropped="dropped" in given,
            )
        )
    return _placed(sorted(entries, key=lambda entry: entry._sorted_by))


def with_new(entries: Sequence[Entry]) -> list[Entry]:
    """The form with an empty row above the last one, which applies to whatever no other does."""
    return _placed([*entries[:-1], Entry(stood=0, place=""), *entries[-1:]])


def _placed(entries: Sequence[Entry]) -> list[Entry]:
    for place, entry in enumerate(entries, 1):
        entry.stood, entry.place = place, str(place)
    return list(entries)
