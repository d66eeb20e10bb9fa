"""Every place where a wire can be at the moment in which a part of the bank is killed.

A wire names one of them in its order's reference, and the saboteur (`tests.journeys.saboteur`) lets it stop there.
Where something happens to a wire more than once, the place says at which status: `on acknowledged` is the answer that
settles.
"""

from typing import Final

# The steps of a completed wire, in their order. A test holds this list against what a wire really runs.
STEPS: Final = (
    "wire.screen",
    "wire.route",
    "wire.review",
    "wire.release",
    "wire.send",
    "wire.apply_answers on released",
    "wire.apply_answers on acknowledged",
    "wire.conclude",
    "notification.send",
)
# After a step ran, and before Temporal hears of it.
AROUND_STEPS: Final = tuple(f"{side} {step}" for step in STEPS for side in ("before", "after"))
# Between the halves of what touches the world outside: the order's file and its row, the mail and its row.
INSIDE_STEPS: Final = ("before publish", "after publish", "after mail")
# The bank's answer is recorded and its file still lies in the inbox; recorded, and its process not woken or not noted
# as woken. The relay hands over everything that the worker commits in this one way.
AT_THE_INBOX: Final = (
    "before archive of camt.054",
    "before dispatch on acknowledged",
    "after dispatch on acknowledged",
)
# An order or an approval is committed and not handed to Temporal; or handed over, and not noted as such.
IN_THE_API: Final = (
    "before dispatch on pending",
    "after dispatch on pending",
    "before dispatch on approved",
    "after dispatch on approved",
)


_PLACED: Final = {"publish": "wire.send", "mail": "notification.send"}


def step_of(point: str) -> str | None:
    """The step that runs while a wire is at `point`; None for a place between the steps."""
    act = point.split()[1]
    return _PLACED.get(act, act if "." in act else None)


def needs_database(point: str) -> bool:
    """Whether the step at `point` still has something to say to the database."""
    return step_of(point) is not None and (point.startswith("before ") or point in INSIDE_STEPS)
