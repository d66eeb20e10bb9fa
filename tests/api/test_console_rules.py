"""Rules of monitoring at the console: proposed in a form, looked at by somebody else, published or refused."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.monitoring import RoundAmounts, Velocity
from tests.factories.console import CONSOLE, Office, Staff, filled
from tests.factories.monitoring import forget_rules, rules

MANY = Velocity(name="many", direction="out", hours=24, count=30, amounts={"EUR": 5000})
ROUND = RoundAmounts(name="round_week", days=7, count=5, amounts={"EUR": 1000, "USD": 1100})
RULES = "/monitoring/rules"
PROPOSE = f"{RULES}/propose"


@pytest.fixture
async def office(app: FastAPI, owner_engine: AsyncEngine) -> AsyncIterator[Office]:
    made = Office(app, owner_engine)
    async with rules(owner_engine, MANY, ROUND):
        yield made
    for browser in made.browsers:
        await browser.aclose()


async def sent(one: Staff, changed: dict[str, str], do: str = "propose") -> Any:
    """The form with some of its fields changed."""
    fields = filled(await one.look(PROPOSE), PROPOSE) | {"note": "Fewer of them"} | changed
    return await one.browser.post(f"{CONSOLE}{PROPOSE}", data=fields | {"do": do})


async def _newest(office: Office) -> Any:
    async with transaction(office.owner) as session:
        newest = "SELECT version, rules, published_at FROM monitoring_rulebooks ORDER BY version DESC LIMIT 1"
        return (await session.execute(text(newest))).one()


async def test_a_change_is_proposed_by_one_and_published_by_another(office: Office) -> None:
    officer = await office.come("compliance_officer")
    senior = await office.come("senior_compliance_officer")
    shown = await officer.look(PROPOSE)
    assert 'now 24</span> <input type="number" name="rule.0.hours" value="24"' in shown
    changed = {"rule.0.hours": "12", "rule.0.count": "", "rule.0.amount.EUR": "7000", "rule.0.currency": "CHF"}
    answered = await sent(officer, changed | {"rule.0.more": "6000", "rule.1.two_people": "on"})
    assert answered.status_code == 303, answered.text
    made = await _newest(office)
    assert made.rules == [
        {
            "name": "many", "kind": "velocity", "direction": "out", "two_people": False, "hours": 12,
            "amounts": {"EUR": 7000, "CHF": 6000},
        },
        ROUND.model_copy(update={"two_people": True}).model_dump(mode="json"),
    ]  # fmt: skip
    seen = await senior.look(RULES)
    # Before and after stand beside each other.
    for what, before, after in (
        ("hours", "24", "12"),
        ("count", "30", "–"),
        ("amount in EUR", "5,000", "7,000"),
        ("amount in CHF", "–", "6,000"),
        ("two people", "no", "yes"),
    ):
        line = (
            rf'data-name="What">{what}</td><td data-name="Before">{before}</td><td data-name="After"><strong>{after}<'
        )
        assert re.search(line, seen), what
    publish = f"{RULES}/{made.version}/publish"
    assert publish in seen
    own = await officer.look(RULES)
    assert publish not in own
    assert (await officer.send(RULES, publish)).status_code == 403
    await senior.done(RULES, publish)
    assert (await _newest(office)).published_at is not None
    assert "amount in CHF" in await officer.look(RULES)


async def test_a_proposal_is_refused_or_withdrawn_and_never_comes_back(office: Office) -> None:
    officer = await office.come("compliance_officer")
    senior = await office.come("senior_compliance_officer")
    for ending, state in ((senior, "refused"), (officer, "withdrawn")):
        await sent(officer, {"rule.0.hours": "6"})
        version = (await _newest(office)).version
        await ending.done(RULES, f"{RULES}/{version}/refuse", reason="Too many alerts")
        seen = await officer.look(RULES)
        assert f'<span class="pill {state}">' in seen
        assert "Too many alerts" in seen
        assert (await senior.send(RULES, f"{RULES}/{version}/publish")).status_code == 409
    await sent(officer, {"rule.0.hours": "6"})
    version = (await _newest(office)).version
    other = await office.come("compliance_officer")
    assert (await other.send(RULES, f"{RULES}/{version}/refuse", reason="No")).status_code == 422
    assert (await other.send(RULES, f"{RULES}/{version}/refuse", reason="Not mine")).status_code == 403


async def test_what_is_wrong_is_said_beside_its_rule_and_nothing_that_was_written_is_lost(office: Office) -> None:
    officer = await office.come("compliance_officer")
    before = (await _newest(office)).version
    assert (await sent(officer, {"rule.0.hours": "9" * 5000})).status_code == 422
    changed = {"rule.0.hours": "900", "rule.0.amount.EUR": "much", "rule.1.dropped": "on", "note": "A long thought"}
    answered = await sent(officer, changed)
    assert answered.status_code == 422
    assert '<a href="#part-0">many</a>, hours: Input should be less than or equal to 744' in answered.text
    kept = filled(answered.text, PROPOSE)
    assert {name: kept[name] for name in changed} == changed
    # Two of the same name: about none of them alone.
    twice = await sent(officer, {"rule.1.name": "many"})
    assert "two rules have the same name" in twice.text
    assert (await _newest(office)).version == before
    await sent(officer, {"rule.0.dropped": "on"})
    assert [rule["name"] for rule in (await _newest(office)).rules] == ["round_week"]


async def test_what_was_published_meanwhile_is_not_taken_back_unseen(office: Office) -> None:
    officer = await office.come("compliance_officer")
    senior = await office.come("senior_compliance_officer")
    begun = filled(await officer.look(PROPOSE), PROPOSE) | {"note": "Other amounts", "rule.0.amount.EUR": "7000"}
    await sent(officer, {"rule.0.hours": "12"})
    version = (await _newest(office)).version
    await senior.done(RULES, f"{RULES}/{version}/publish")
    answered = await officer.browser.post(f"{CONSOLE}{PROPOSE}", data=begun | {"do": "propose"})
    assert answered.status_code == 422
    assert f"Version {version} was published since you began" in answered.text
    # Both stand beside each other: what decides now, and what was written.
    assert 'now 12</span> <input type="number" name="rule.0.hours" value="24"' in answered.text
    again = filled(answered.text, PROPOSE) | {"rule.0.hours": "12", "do": "propose"}
    assert (await officer.browser.post(f"{CONSOLE}{PROPOSE}", data=again)).status_code == 303
    assert (await _newest(office)).rules[0] | {"hours": 12, "amounts": {"EUR": 7000}} == (await _newest(office)).rules[
        0
    ]


async def test_a_rule_is_added_without_losing_what_was_written(office: Office) -> None:
    officer = await office.come("compliance_officer")
    asked = await sent(officer, {"rule.0.hours": "3"}, do="dormant")
    assert asked.status_code == 200
    fields = filled(asked.text, PROPOSE)
    assert (fields["rule.0.hours"], fields["rule.2.kind"], fields["rule.2.days"]) == ("3", "dormant", "")
    done = await officer.browser.post(
        f"{CONSOLE}{PROPOSE}",
        data=fields | {"rule.2.name": "asleep", "rule.2.days": "180", "rule.2.amount.USD": "1000", "do": "propose"},
    )
    assert done.status_code == 303, done.text
    added = (await _newest(office)).rules[2]
    assert added == {
        "name": "asleep", "kind": "dormant", "direction": "both", "two_people": False, "days": 180,
        "amounts": {"USD": 1000},
    }  # fmt: skip


async def test_whoever_only_reads_proposes_nothing(office: Office) -> None:
    auditor = await office.come("auditor")
    assert "Propose a change" not in await auditor.look(RULES)
    refused = await auditor.browser.post(
        f"{CONSOLE}{PROPOSE}", data=filled(await auditor.look(PROPOSE), PROPOSE) | {"note": "x", "do": "propose"}
    )
    assert refused.status_code == 403


async def test_two_who_lend_each_other_their_right_are_one_pair_of_eyes(office: Office) -> None:
    officer = await office.come("senior_compliance_officer")
    senior = await office.come("senior_compliance_officer")
    async with transaction(office.owner) as session:
        await session.execute(
            text(
                "INSERT INTO approver_delegations (delegator, delegate, roles, starts_at, ends_at, reason)"
                " VALUES (:one, :other, '{officer}', now() - interval '1 hour', now() + interval '1 hour', 'On leave')"
            ),
            {"one": officer.person.id, "other": senior.person.id},
        )
    await sent(officer, {"rule.0.hours": "6"})
    version = (await _newest(office)).version
    answered = await senior.send(RULES, f"{RULES}/{version}/publish")
    assert (answered.status_code, "lends you their right" in answered.text) == (403, True)
    assert (await _newest(office)).published_at is None
    await forget_rules(office.owner, version)
