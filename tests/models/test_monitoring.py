"""Rules of monitoring as data, and what they say in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from models.monitoring import (
    DEFAULT_RULES,
    Dormant,
    Facts,
    RoundAmounts,
    Rule,
    Rulebook,
    Structuring,
    Velocity,
    explained,
)

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "facts", "words"),
    [
        (
            Velocity(name="fast", direction="out", hours=24, count=25, amounts={"EUR": 250_000}),
            {"movements": 25, "amount_minor": 1_234_56},
            (
                "25 outgoing movements of 1,234.56 EUR in all within 24 hours; the rule speaks from 25 movements or"
                " 250,000.00 EUR on."
            ),
        ),
        (
            Velocity(name="fast", direction="in", hours=1, amounts={"JPY": 5}),
            {"movements": 1, "amount_minor": 7, "currency": "JPY"},
            "1 incoming movement of 7 JPY in all within an hour; the rule speaks from 5 JPY on.",
        ),
        (
            RoundAmounts(name="round", days=7, count=5, amounts={"EUR": 1000}),
            {"movements": 5, "amount_minor": 9_000_00},
            (
                "5 incoming and outgoing movements in whole multiples of 1,000.00 EUR, 9,000.00 EUR in all, within"
                " 7 days (Europe/Amsterdam); the rule speaks from 5 on."
            ),
        ),
        (
            Structuring(name="split", days=1, count=3, margin_percent=10, amounts={"EUR": 10_000}, zone="UTC"),
            {"movements": 3, "amount_minor": 28_500_00},
            (
                "3 incoming and outgoing movements, each up to 10 per cent below 10,000.00 EUR, came to 28,500.00 EUR"
                " within a day (UTC); the rule speaks from 3 on."
            ),
        ),
        (
            Dormant(name="asleep", days=180, amounts={"EUR": 1000}),
            {"movements": 1, "amount_minor": 5_000_00, "last_at": NOON - timedelta(days=412, hours=3)},
            (
                "A movement of 5,000.00 EUR on an account on which nothing had moved for 412 days; the rule"
                " speaks from 180 days and 1,000.00 EUR on."
            ),
        ),
    ],
)
def test_a_rule_explains_itself_in_words_and_numbers(rule: Rule, facts: dict[str, Any], words: str) -> None:
    counted = Facts.model_validate({"currency": "EUR", "begins_at": NOON, "happened_at": NOON, **facts})
    assert explained(rule, counted) == words


def test_what_is_kept_is_read_as_the_same_rules() -> None:
    assert Rulebook.model_validate({"rules": DEFAULT_RULES.stored()}) == DEFAULT_RULES


def test_names_are_told_apart() -> None:
    twice = [Velocity(name="same", hours=1, count=2)] * 2
    with pytest.raises(ValidationError, match="same name"):
        Rulebook(rules=tuple(twice))
