"""What a customer was told, as they read it: all of it, newest first, and nothing that opens anything."""

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.notifications import HIDDEN
from models.tables.notifications import Message, tell, tell_many
from tests.factories.auth import signed_in
from tests.factories.users import Person, add_customer, add_officer

LIST = "/api/v1/notifications"


@pytest.fixture
async def person(owner_engine: AsyncEngine) -> Person:
    """Somebody who is told things."""
    return await add_customer(owner_engine)


@pytest.fixture
async def me(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, person: Person) -> AsyncClient:
    """That somebody at the door."""
    client.headers.update(await signed_in(app, owner_engine, person))
    return client


async def told(owner: AsyncEngine, person: Person, *keys: str, event: str = "wire.completed") -> None:
    async with transaction(owner) as session:
        for key in keys:
            await tell(session, user_id=person.id, key=key, event=event, subject=key, body=f"About {key}")


async def subjects(client: AsyncClient, **query: Any) -> list[str]:
    answered = await client.get(LIST, params=query)
    assert answered.status_code == 200, answered.text
    return [one["subject"] for one in answered.json()["data"]]


async def test_everything_is_listed_newest_first_and_paged_by_cursor(
    me: AsyncClient, owner_engine: AsyncEngine, person: Person
) -> None:
    await told(owner_engine, person, *"abcde")
    await told(owner_engine, await add_customer(owner_engine), "somebody else's")
    assert await subjects(me) == ["e", "d", "c", "b", "a"]
    page = (await me.get(LIST, params={"limit": 2})).json()
    assert (page["total"], page["unread"], page["total_pages"]) == (5, 5, 3)
    first = page["data"][0]
    assert (first["topic"], first["event"], first["body"]) == ("wires", "wire.completed", "About e")
    seen = [one["subject"] for one in page["data"]]
    while page["next_cursor"]:
        page = (await me.get(LIST, params={"limit": 2, "cursor": page["next_cursor"]})).json()
        seen += [one["subject"] for one in page["data"]]
    assert seen == ["e", "d", "c", "b", "a"]


async def test_one_is_marked_as_read_once_and_then_all_that_were_seen(
    me: AsyncClient, owner_engine: AsyncEngine, person: Person
) -> None:
    await told(owner_engine, person, *"abc")
    newest, middle, oldest = (one["id"] for one in (await me.get(LIST)).json()["data"])
    read = (await me.put(f"{LIST}/{oldest}/read")).json()
    assert read["read_at"] is not None
    assert (await me.put(f"{LIST}/{oldest}/read")).json() == read
    assert (await me.get(f"{LIST}/{oldest}")).json() == read
    assert await subjects(me, unread=True) == ["c", "b"]
    assert (await me.put(f"{LIST}/read", json={"up_to": middle})).json() == {"unread": 1}
    assert (await me.get(f"{LIST}/{newest}")).json()["read_at"] is None
    assert (await me.put(f"{LIST}/read")).json() == {"unread": 0}
    assert (await me.get(f"{LIST}/unread")).json() == {"unread": 0}
    assert await subjects(me, unread=True) == []


async def test_what_opens_something_is_in_the_mail_alone(
    me: AsyncClient, owner_engine: AsyncEngine, api_engine: AsyncEngine, person: Person
) -> None:
    await told(owner_engine, person, "plain")
    async with transaction(owner_engine) as session:
        await tell(
            session,
            user_id=person.id,
            key="secret",
            event="password_reset",
            subject="Set a new password",
            body=f"Your link: {HIDDEN}",
            seal=lambda _: bytes(64),
        )
        secret = (await session.execute(text("SELECT id FROM notifications WHERE key = 'secret'"))).scalar_one()
    assert await subjects(me) == ["plain"]
    assert (await me.get(LIST)).json()["total"] == 1
    for answered in (await me.get(f"{LIST}/{secret}"), await me.put(f"{LIST}/{secret}/read")):
        assert answered.json()["code"] == "not_found"
    async with transaction(api_engine, person.principal) as session:
        seen = await session.execute(text("SELECT key FROM notifications ORDER BY id"))
        assert list(seen.scalars()) == ["plain"]


async def test_letters_that_were_asked_for_by_http_are_told_without_their_codes(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, person: Person
) -> None:
    asked = await client.post("/api/v1/auth/forgot-password", json={"email": person.email})
    assert asked.status_code == 202
    changed = await signed_in(app, owner_engine, person)
    change = {"current_password": person.password, "new_password": "another lantern by the harbour"}
    answered = await client.put("/api/v1/users/me/password", json=change, headers=changed)
    assert answered.status_code == 200, answered.text
    client.headers.update(await signed_in(app, owner_engine, person))
    page = (await client.get(LIST)).json()
    assert [one["event"] for one in page["data"]] == ["password_changed"]
    assert HIDDEN not in str(page)


async def test_staff_read_their_own_here_and_no_others(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, person: Person
) -> None:
    await told(owner_engine, person, "the customer's")
    operator = await add_officer(owner_engine, "operations")
    async with transaction(owner_engine) as session:
        message = Message(operator.id, "own", "operations.reconciliation", "A break", "Look at it")
        await tell_many(session, [message])
    client.headers.update(await signed_in(app, owner_engine, operator))
    assert await subjects(client) == ["A break"]
    assert (await client.get(LIST)).json()["data"][0]["topic"] is None
    async with transaction(owner_engine) as session:
        other: UUID = (
            await session.execute(text("SELECT id FROM notifications WHERE user_id = :id"), {"id": person.id})
        ).scalar_one()
    assert (await client.get(f"{LIST}/{other}")).json()["code"] == "not_found"
    assert (await client.put(f"{LIST}/read")).json() == {"unread": 0}
    async with transaction(owner_engine) as session:
        unread = "SELECT count(*) FROM notifications WHERE read_at IS NULL"
        assert (await session.execute(text(unread))).scalar_one() == 1


@pytest.mark.parametrize("query", [{"cursor": "x"}, {"limit": 0}, {"unread": "perhaps"}])
async def test_a_list_that_cannot_be_told_is_refused(me: AsyncClient, query: dict[str, Any]) -> None:
    assert (await me.get(LIST, params=query)).status_code == 422
