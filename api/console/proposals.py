"""What the forms have in common in which a version is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.console.visits import Refused

_LONGEST_NUMBER: Final = 20


@dataclass(frozen=True)
class Wrong:
    """Something that the API refuses about a proposal: in which part of the form, or in none; which field; and why."""

    part: int | None
    field: str
    message: str


def wrong_parts(error: Refused, parts: str, places: Sequence[int]) -> list[Wrong]:
    """What a refusal says about the parts of a proposal, which were sent under the name `parts`. `places` tells for
    each of them where it stands in the form."""
    return [_wrong(one["field"], one["message"], parts, places) for one in error.problem.get("errors", [])] or [
        Wrong(None, "", error.detail)
    ]


def overtaken(fields: Mapping[str, str], deciding: Mapping[str, Any]) -> list[Wrong]:
    """What is wrong where another version was published since the form was begun: it would be taken back unseen."""
    begun, now = fields.get("begun", ""), deciding["version"]
    if begun == str(now):
        return []
    said = f"Version {now} was published since you began with version {begun}. It stands beside what you wrote"
    return [Wrong(None, "", f"{said}; look at both, and propose again.")]


def _wrong(path: str, message: str, parts: str, places: Sequence[int]) -> Wrong:
    message = message.removeprefix("Value error, ")
    match path.split("."):
        case [first, number, *inner] if first == parts and number.isdecimal() and int(number) < len(places):
            return Wrong(places[int(number)], inner[-1] if inner else "", message)
        case _:
            return Wrong(None, "" if path == parts else path, message)


def under(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The fields whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix)}


def number(typed: str) -> int | str:
    """A whole number as it was typed; what is none, or longer than any, stays as it is and is refused with a reason."""
    return int(typed) if typed.isdecimal() and len(typed) < _LONGEST_NUMBER else typed


def written(value: object) -> str:
    """What a field shows of a value that may not be set."""
    return "" if value is None else str(value)
