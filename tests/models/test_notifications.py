"""Topics: what a customer can do without, what waits, and that nothing is told which nobody thought of."""

import re
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


def test_every_event_by_a_plain_name_has_a_topic_or_is_of_the_staff() -> None:
    of_the_bank = re.compile(r"operations\.|list\.|statements_failed$|sla_|bank_silent|digest$")
    sources = [path for layer in ("api", "activities", "models") for path in (ROOT / layer).rglob("*.py")]
    told = {name for path in sources for name in re.findall(r'\bevent="([^"{]+)"', path.read_text())}
    assert len(told) > 8
    unknown = {event for event in told if topic_of(event) is None and not of_the_bank.match(event)}
    # Told by `tell_staff` alone, which puts the feature's name before it.
    of_the_staff = {"blocked", "exit_review", "lookback_finding"}
    assert unknown <= of_the_staff, f"say in models.notifications.TOPICS what these are: {unknown}"
