"""Which page of the console shows a process's case, for the link from the Temporal UI."""

from collections.abc import Mapping
from typing import Any, Final

# By the kind of process: the part of the console, and which member of its argument names the case.
_PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "wire": ("wires", "wire_id"),
    "wire-late-answer": ("wires", "wire_id"),
    "wire-recall": ("wires", "wire_id"),
    "wire-after-review": ("wires", "wire_id"),
    "kyc": ("kyc", "case_id"),
}


def case_page(workflow: str, argument: Mapping[str, Any]) -> str | None:
    """The path of the page that shows the case of a process; None for one that has no page of its own."""
    if workflow not in _PAGES:
        return None
    part, name = _PAGES[workflow]
    return f"/console/{part}/{argument[name]}"
