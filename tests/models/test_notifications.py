"""Topics: what a customer can do without, what waits, and that nothing is told which nobody thought of."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.notifications import SECURITY_EVENTS, TOPICS, EmailChoice, required, topic_of
from models.payments import PaymentStatus
from models.wires import WireStatus

ROOT = Path(__file__).parents[2]


def name_of(event: str) -> str | None:
    topic = topic_of(event)
    return topic.name if topic else None


@pytest.mark.parametrize(
    ("event", "topic", "needed", "urgent"),
    [
        ("password_reset", "security", True, True),
        ("frozen", "security", True, True),
        ("kyc.asked/1", "identity", True, True),
        ("payment.money_missing", "deadlines", True, True),
        ("payment.completed", "payments_made", False, False),
        ("payment.returned", "payments", True, False),
        ("wire.recall_overdue", "wires", True, False),
        ("transactions.reversed", "transfers", True, False),
        ("statements_ready", "statements", True, False),
        ("price_alert", "price_alerts", False, False),
    ],
)
def test_an_event_has_its_topic(event: str, topic: str, needed: bool, urgent: bool) -> None:
    found = topic_of(event)
    assert found is not None
    assert (found.name, found.required, found.urgent, required(event)) == (topic, needed, urgent, needed)


def test_an_event_that_nobody_thought_of_is_told_and_cannot_be_switched_off() -> None:
    assert name_of("wired") is None
    assert name_of("digest") is None
    assert required("something_new")


def test_security_and_money_cannot_be_switched_off() -> None:
    events = [
        *SECURITY_EVENTS,
        *(f"wire.{status}" for status in WireStatus),
        *(f"payment.{status}" for status in PaymentStatus if status not in {"completed", "cancelled"}),
    ]
    assert [event for event in events if not required(event)] == []


def test_the_first_choice_of_every_topic_is_at_once() -> None:
    assert {topic.email[0] for topic in TOPICS} == {EmailChoice.AT_ONCE}
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_every_event_that_customers_are_told_has_a_topic() -> None:
    told = {event for layer in ("api", "activities", "models") for event in _told_by(ROOT / layer)}
    assert {"new_device", "price_alert", "statements_ready"} <= told
    without = {event for event in told if topic_of(event) is None}
    assert not without, f"say in models.notifications.TOPICS what these are: {without}"


def _told_by(layer: Path) -> Iterator[str]:
    """The events named in the code, but for those that the staff alone is told."""
    calls = (node for path in layer.rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    for call in calls:
        if isinstance(call, ast.Call) and not ast.unparse(call.func).endswith(("tell_staff", "tell_operations")):
            named = [one.value for one in call.keywords if one.arg == "event"]
            yield from (one.value for one in named if isinstance(one, ast.Constant) and isinstance(one.value, str))
