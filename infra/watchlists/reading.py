"""A published list, read entry by entry in constant memory.

A record that cannot be read is counted and named, and the others are read on. A file that ends too early, is of another
format, or says itself that it should have more records than were found, is refused as a whole (`ListRefused`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.screening import ListedEntity
from models.screening.lists import ListRefused, Problem


@dataclass
class Reading:
    """One file being read. `published` is what it says of its own day, once that was read; `problems` are those since
    they were last taken."""

    path: Path
    published: str | None = None
    problems: list[Problem] = field(default_factory=list)
    _seen: int = 0

    def entity(self, record: str, make: Callable[[], dict[str, Any] | None]) -> ListedEntity | None:
        """The entry that `make` describes; None if it describes none, or fails, which is noted under `record`."""
        self._seen += 1
        try:
            made = make()
            return None if made is None else ListedEntity.model_validate(made)
        except ValidationError as error:
            first = error.errors()[0]
            self.note(record, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self.note(record, f"{type(error).__name__}: {error}")
        return None

    def note(self, record: str, reason: str) -> None:
        """Notes a record that could not be read."""
        self.problems.append(Problem(record=(record or "?")[:200], reason=reason[:300]))

    def taken_problems(self) -> list[Problem]:
        """The problems since the last call."""
        taken, self.problems = self.problems, []
        return taken


def truncated(path: Path, why: str) -> ListRefused:
    """The refusal of a file that is not whole."""
    return ListRefused(f"{path.name} is not a whole file: {why}")


def strings(*values: str | None) -> list[str]:
    """Those that say something, each once, in their order."""
    return list(dict.fromkeys(value.strip() for value in values if value and value.strip()))
