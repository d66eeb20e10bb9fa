"""What a part of the bench is, and what it finds.

A part is an async function in a module of this package, under a name:

    @part("wires")
    async def wires() -> AsyncIterator[Measure]:
        yield Measure("wires.events", 41, "events", aim=Aim(45, at_least=False))

Every module of the package is imported by the command line, so a new file is a new part. A part makes what it needs,
ends by itself, and compares only what it measured in the same run on the same server.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Aim:
    """What a measure should be: at least or at most `bound`. Of its ratio if it has one, of its value if not."""

    bound: float
    at_least: bool = True

    def met(self, measure: "Measure") -> bool:
        """Whether `measure` is as it should be."""
        seen = measure.value if measure.ratio is None else measure.ratio
        return seen >= self.bound if self.at_least else seen <= self.bound


@dataclass(frozen=True)
class Measure:
    """One figure.

    `floor` is what the same server did in the same run for the thing that this is compared with, in the same unit; a
    measure without one stands by itself.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    aim: Aim | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the floor."""
        return self.value / self.floor if self.floor else None


Part = Callable[[], AsyncIterator[Measure]]


@dataclass(frozen=True)
class Registered:
    """A part, and whether it runs when no part is named."""

    measure: Part
    by_default: bool


PARTS: Final[dict[str, Registered]] = {}


def part(name: str, *, by_default: bool = True) -> Callable[[Part], Part]:
    """Registers a part. One that takes long and answers a special question is run by its name alone."""

    def register(measure: Part) -> Part:
        PARTS[name] = Registered(measure, by_default)
        return measure

    return register
