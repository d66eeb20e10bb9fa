"""How many events the history of a wire may take, by the path that it goes: what Temporal stores, sends and replays.

A path is a recorded history (`tests/workflows/histories`), by the name of its file. Fifty events are cheap and ten
thousand are a wall, so a path that grows by each wake, answer or attempt says here by how much it may.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HISTORIES: Final = Path(__file__).parent / "histories"
# A wire that is screened, approved by one officer, sent, acknowledged, settled and told.
BUDGET: Final = 45
# Made by a test that lets the time of one process pass, and by nothing else.
_OF_TESTS: Final = frozenset(
    {"EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED", "EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED"}
)


@dataclass(frozen=True)
class Ceiling:
    """How many events at most, and why so many."""

    events: int
    reason: str


# A wake costs a signal and, unless a task runs already, three events of a workflow task; a step one; a timer that is
# set and cancelled two; a change of the queue's columns one. A wake that comes while the last task runs makes Temporal
# repeat that task, which is three events more.
_OF_KIND: Final = {
    "wire": Ceiling(BUDGET, "two waits, one for an officer and one for the bank"),
    "wire-recall": Ceiling(BUDGET, "the request, the bank's answer, and three reminders at most"),
    "wire-late-answer": Ceiling(15, "one task, two steps"),
}
_ENDS_UNSENT: Final = Ceiling(30, "two tasks: up to the officers, and what ends it")
_ASKED: Final = Ceiling(BUDGET + 16, "the silence is told twice and the bank asked in between: two timers, three steps")
_OF_PATH: Final = {
    "wire.test_blocked_property_is_seized_and_given_back_by_a_licence": Ceiling(
        110, "six wakes (each ruling has two), the marks of the review, the reminder of the report"
    ),
    "wire.test_a_listed_name_blocks_the_wire_and_keeps_its_hold_until_it_is_rejected": Ceiling(
        90, "four wakes (each ruling has two), the marks of the review"
    ),
    "wire.test_a_silent_bank_is_asked_once_and_its_answer_is_applied": _ASKED,
    "wire.test_a_bank_that_cannot_take_the_question_has_not_refused_the_payment": _ASKED,
    "wire.test_a_customer_cancels_before_release_and_not_after": _ENDS_UNSENT,
    "wire.test_a_rejected_wire_gives_the_money_back_and_tells_the_customer": _ENDS_UNSENT,
    "wire.test_a_wire_that_the_matrix_asks_nobody_about_goes_straight_through": Ceiling(37, "no wait for an officer"),
    "wire.test_a_large_wire_needs_two_officers": Ceiling(BUDGET + 9, "a second approval: wake, task, look, timer"),
    "wire.test_a_wire_waits_while_the_ledger_is_frozen_and_goes_on_afterwards": Ceiling(
        BUDGET + 9, "one more look for each attempt to release while the ledger is frozen; this one is tried twice"
    ),
    "wire.test_a_customer_who_is_asked_has_until_the_hard_stop_and_the_desk_has_its_time": Ceiling(
        BUDGET + 5 * 9, "five more wakes (a claim, two questions, two answers); with all 20 questions BUDGET + 41 × 9"
    ),
}


def paths() -> list[str]:
    """Every path of a wire that was recorded."""
    recorded = (file.stem for file in sorted(HISTORIES.glob("wire*.json")))
    return [name for name in recorded if name.split(".", 1)[0] in _OF_KIND]


def ceiling_of(path: str) -> Ceiling:
    """What a path may take."""
    return _OF_PATH.get(path, _OF_KIND[path.split(".", 1)[0]])


def ceilings() -> frozenset[str]:
    """The paths that have a ceiling of their own."""
    return frozenset(_OF_PATH)


def events_of(path: str) -> int:
    """How many events a path takes."""
    return events_in((HISTORIES / f"{path}.json").read_text(encoding="utf-8"))


def events_in(history: str) -> int:
    """How many events a history in JSON has, without those that only a test makes."""
    return sum(event["eventType"] not in _OF_TESTS for event in json.loads(history)["events"])
