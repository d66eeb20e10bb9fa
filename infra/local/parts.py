"""The parts of the stack, and the one error that speaks to the person who started it."""

from enum import StrEnum
from typing import Final


class Part(StrEnum):
    """One process of the stack, in the order of starting."""

    DB = "db"
    TEMPORAL = "temporal"
    BANK = "bank"
    API = "api"
    WORKER = "worker"


ALL_PARTS: Final = tuple(Part)
INFRASTRUCTURE: Final = frozenset({Part.DB, Part.TEMPORAL, Part.BANK})
APPLICATION: Final = frozenset({Part.API, Part.WORKER})


class StackError(Exception):
    """What stopped the stack from starting, as one sentence a person can act on."""


class StartCancelledError(StackError):
    """The start was given up because the caller asked to stop."""


def parse_parts(text: str | None) -> tuple[Part, ...]:
    """The parts named in a comma-separated list, in starting order; all of them for None.

    Raises `StackError` on an unknown name or an empty list.
    """
    if text is None:
        return ALL_PARTS
    named = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(named - set(ALL_PARTS))
    if unknown or not named:
        wrong = f"Unknown part {', '.join(unknown)}" if unknown else "No part named"
        raise StackError(f"{wrong}: --only takes a list of {', '.join(ALL_PARTS)}.")
    return tuple(part for part in ALL_PARTS if part in named)
