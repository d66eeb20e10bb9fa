"""How a customer wants to be told, by HTTP: what can be chosen, and what the bank tells whatever they choose."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.auth import signed_in
from tests.factories.users import Person, add_customer
from tests.factories.wishes import told

URL = "/api/v1/notifications/preferences"


@pytest.fixture
async def person(owner_engine: AsyncEngine) -> Person:
    """Somebody with wishes."""
    return await add_customer(owner_engine)


@pytest.fixture
async def me(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, person: Person) -> AsyncClient:
    """That somebody at the door."""
    client.headers.update(await signed_in(app, owner_engine, person))
    return client


def topics(answer: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    return {one["topic"]: (one["in_app"], one["email"]) for one in answer["topics"]}


async def test_who_has_chosen_nothing_is_told_everything_at_once(me: AsyncClient) -> None:
    found = (await me.get(URL)).json()
    assert (found["time_zone"], found["quiet_hours"]) == ("Europe/Amsterdam", None)
    assert found["digest"] == {"every": "daily", "at": "08:00:00", "weekday": 1}
    assert set(topics(found).values()) == {(True, "at_once")}
    alerts = next(one for one in found["topics"] if one["topic"] == "price_alerts")
    assert (alerts["required"], alerts["email_choices"]) == (False, ["at_once", "digest", "off"])
    security = next(one for one in found["topics"] if one["topic"] == "security")
    assert (security["required"], security["urgent"], security["email_choices"]) == (True, True, ["at_once"])


async def test_what_is_named_changes_and_the_rest_stays(me: AsyncClient) -> None:
    first = {
        "time_zone": "America/New_York",
        "quiet_hours": {"starts": "22:30", "ends": "06:00"},
        "topics": [{"topic": "price_alerts", "in_app": False, "email": "digest"}],
    }
    answered = await me.put(URL, json=first)
    assert answered.status_code == 200, answered.text
    weekly = {"every": "weekly", "at": "18:00", "weekday": 5}
    second = {"digest": weekly, "topics": [{"topic": "statements", "email": "digest"}]}
    assert (await me.put(URL, json=second)).status_code == 200
    found = (await me.get(URL)).json()
    assert found["time_zone"] == "America/New_York"
    assert found["quiet_hours"] == {"starts": "22:30:00", "ends": "06:00:00"}
    assert found["digest"] == weekly | {"at": "18:00:00"}
    assert topics(found)["price_alerts"] == (False, "digest")
    assert topics(found)["statements"] == (True, "digest")
    await me.put(URL, json={"quiet_hours": None, "topics": [{"topic": "price_alerts", "in_app": True}]})
    found = (await me.get(URL)).json()
    assert (found["quiet_hours"], topics(found)["price_alerts"]) == (None, (True, "digest"))


@pytest.mark.parametrize(
    ("topic", "change"),
    [
        ("security", {"email": "off"}),
        ("security", {"email": "digest"}),
        ("wires", {"email": "off"}),
        ("wires", {"in_app": False}),
        ("identity", {"email": "digest"}),
        ("payments", {"email": "off"}),
        ("statements", {"email": "off"}),
    ],
)
async def test_what_the_bank_has_to_tell_cannot_be_switched_off(
    me: AsyncClient, topic: str, change: dict[str, Any]
) -> None:
    before = (await me.get(URL)).json()
    refused = await me.put(URL, json={"time_zone": "UTC", "topics": [{"topic": topic, **change}]})
    assert (refused.status_code, refused.json()["code"]) == (400, "notification_required")
    assert (await me.get(URL)).json() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"time_zone": "Europe/Nowhere"}, 400, "unknown_time_zone"),
        ({"time_zone": "../../etc/passwd"}, 400, "unknown_time_zone"),
        ({"quiet_hours": {"starts": "22:00", "ends": "22:00"}}, 422, "invalid_request"),
        ({"quiet_hours": {"starts": "22:00+01:00", "ends": "07:00"}}, 422, "invalid_request"),
        ({"quiet_hours": {"starts": "25:00", "ends": "07:00"}}, 422, "invalid_request"),
        ({"quiet_hours": {"starts": "22:00"}}, 422, "invalid_request"),
        ({"digest": {"every": "hourly"}}, 422, "invalid_request"),
        ({"digest": {"weekday": 0}}, 422, "invalid_request"),
        ({"digest": {"at": "08:00Z"}}, 422, "invalid_request"),
        ({"topics": [{"topic": "weather", "email": "off"}]}, 422, "malformed"),
        ({"topics": [{"topic": "price_alerts", "email": "pigeon"}]}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
    ],
)
async def test_what_makes_no_sense_is_refused(me: AsyncClient, body: dict[str, Any], status: int, code: str) -> None:
    refused = await me.put(URL, json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


async def test_a_topic_that_is_not_wanted_in_the_list_is_not_there(
    me: AsyncClient, owner_engine: AsyncEngine, person: Person
) -> None:
    await told(owner_engine, person.id, "before")
    await me.put(URL, json={"topics": [{"topic": "price_alerts", "in_app": False}]})
    await told(owner_engine, person.id, "after")
    await told(owner_engine, person.id, "of a wire", "wire.completed")
    listed = (await me.get("/api/v1/notifications")).json()
    assert [one["subject"] for one in listed["data"]] == ["of a wire", "before"]
    assert listed["unread"] == 2


async def test_what_waits_for_quiet_hours_is_woken_by_a_change(
    me: AsyncClient, owner_engine: AsyncEngine, person: Person
) -> None:
    waiting = await told(owner_engine, person.id, "waiting", "wire.completed")
    await told(owner_engine, person.id, "sent", "wire.completed")
    async with transaction(owner_engine) as session:
        await session.execute(
            text("UPDATE notifications SET waits_until = now() + interval '1 hour' WHERE subject = 'waiting'")
        )
        await session.execute(text("DELETE FROM outbox"))
    assert (await me.put(URL, json={"quiet_hours": None})).status_code == 200
    async with transaction(owner_engine) as session:
        rows = await session.execute(text("SELECT workflow_id FROM outbox ORDER BY id"))
        assert list(rows.scalars()) == [f"notification/{waiting}"]
